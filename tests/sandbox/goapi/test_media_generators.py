"""GoAPI's video, audio and 3D tasks really make media: the tests check frames, tones and meshes."""

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any
from wave import Wave_read

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.sandbox.goapi.client import GoApiClient
from tests.sandbox.images import (
    Array,
    as_data,
    as_png,
    difference,
    disc,
    photo,
    png_photo,
    portrait,
)
from tests.sandbox.media import frames_of, sound, video

IMAGE = as_data(png_photo())
FACE = as_data(as_png(portrait(96, 96)))
PADDING = 3_000_000


@pytest.fixture
def video_bytes(tmp_path: Path) -> bytes:
    """Return a video of eight frames of 64 by 48 in one second."""
    return video(str(tmp_path / "video.mp4"))


def test_video_has_the_requested_duration_and_ratio(goapi: GoApiClient, tmp_path: Path) -> None:
    """Its frames differ."""
    task_input = {"prompt": "waves", "duration": 10, "aspect_ratio": "9:16"}
    output = goapi.output("kling", "video_generation", task_input)
    frames, seconds = _film(output["video_url"], tmp_path)

    assert seconds == pytest.approx(10, abs=0.1)
    assert frames[0].shape[1] / frames[0].shape[0] == pytest.approx(9 / 16, abs=0.01)
    assert difference(frames[0], frames[-1]) > 3
    work = output["works"][0]
    assert work["video"]["resource_without_watermark"] == output["video_url"]
    assert goapi.image(work["cover"]["resource"]).shape == frames[0].shape


def test_video_starts_with_the_first_image_and_ends_with_the_last(
    goapi: GoApiClient, tmp_path: Path
) -> None:
    """It has the first image's ratio."""
    task_input = {"start_image": FACE, "end_image": IMAGE}
    output = goapi.output("Qubico/wanx", "img2video-14b-keyframe", task_input)
    frames, _ = _film(output["video_url"], tmp_path)

    middle = np.s_[150:170, 150:170]
    assert frames[0].shape[0] == frames[0].shape[1]
    assert difference(frames[0][middle], np.full((20, 20, 3), portrait(96, 96)[48, 48])) < 12
    assert difference(frames[-1][middle], np.full((20, 20, 3), photo()[32, 48])) < 12


def test_video_of_shots_lasts_the_sum_of_its_shots(goapi: GoApiClient, tmp_path: Path) -> None:
    """Their seconds are added."""
    shots = [{"prompt": "one", "duration": 2}, {"prompt": "two", "duration": 4}]
    task_input = {"version": "3.0", "multi_shots": shots}
    output = goapi.output("kling", "video_generation", task_input)

    assert _film(output["video"], tmp_path)[1] == pytest.approx(6, abs=0.1)


def test_extended_video_is_longer(goapi: GoApiClient, tmp_path: Path) -> None:
    """It starts with the video of the task that it extends."""
    first = goapi.ended("kling", "video_generation", {"prompt": "waves", "duration": 5})
    output = goapi.output("kling", "extend_video", {"origin_task_id": first["task_id"]})
    before, short = _film(first["output"]["video_url"], tmp_path)
    after, long = _film(output["video_url"], tmp_path)

    assert long > short + 4
    assert difference(before[0], after[0]) < 6


def test_video_upscale_doubles_the_frame_size(
    goapi: GoApiClient, video_bytes: bytes, tmp_path: Path
) -> None:
    """The number of frames and the duration stay the same."""
    task_input = {"video": as_data(video_bytes, "video/mp4")}
    output = goapi.output("Qubico/video-toolkit", "upscale", task_input)
    frames, seconds = _film(output["video_url"], tmp_path)

    assert {frame.shape for frame in frames} == {(96, 128, 3)}
    assert len(frames) == 8
    assert seconds == pytest.approx(1)


def test_video_background_turns_green(
    goapi: GoApiClient, video_bytes: bytes, tmp_path: Path
) -> None:
    """Inverted, the subject does."""
    shares = []
    for invert in (False, True):
        task_input = {"video": as_data(video_bytes, "video/mp4"), "invert_output": invert}
        output = goapi.output("Qubico/video-toolkit", "background-remove", task_input)
        first = _film(output["video_url"], tmp_path)[0][0].astype(int)
        green = (first[:, :, 1] > first[:, :, 0] + 60) & (first[:, :, 1] > first[:, :, 2] + 60)
        shares.append(float(green[disc(64, 48) > 0].mean() - green[disc(64, 48) == 0].mean()))

    assert shares[0] < -0.6
    assert shares[1] > 0.6


@pytest.mark.parametrize(
    ("model", "task_type", "name", "other", "message"),
    [
        ("Qubico/video-toolkit", "upscale", "video", {}, "failed to get valid video"),
        ("Qubico/tts", "zero-shot", "ref_audio", {"gen_text": "x"}, "failed to get valid audio"),
    ],
)
def test_invalid_video_or_sound_fails_the_task(
    goapi: GoApiClient, model: str, task_type: str, name: str, other: dict[str, Any], message: str
) -> None:
    """An image is neither."""
    assert goapi.ended(model, task_type, {name: IMAGE} | other)["error"]["message"] == message


def test_melody_has_the_requested_duration_and_depends_on_the_prompt(goapi: GoApiClient) -> None:
    """Another prompt makes another melody."""
    task_input = {"duration": 12, "lyrics": "la la"}
    one, other = (
        _tones(goapi.output("Qubico/ace-step", "txt2audio", task_input | more)["audio_url"])
        for more in ({}, {"lyrics": "oh no"})
    )

    assert one[1] == other[1] == pytest.approx(12)
    assert np.abs(one[0]).max() > 5000
    assert not np.array_equal(one[0], other[0])


def test_speech_duration_depends_on_words_and_speed(goapi: GoApiClient) -> None:
    """There is one tone for each word."""
    task_input = {"gen_text": "one two", "ref_audio": as_data(sound(), "audio/wav")}
    lengths = [
        _tones(goapi.output("Qubico/tts", "zero-shot", task_input | more)["audio_url"])[1]
        for more in ({"speed": 2}, {}, {"gen_text": "one two three four"})
    ]

    assert lengths[0] < lengths[1] < lengths[2]


def test_soundtrack_is_as_long_as_the_video(goapi: GoApiClient, video_bytes: bytes) -> None:
    """One second here."""
    task_input = {"video": as_data(video_bytes, "video/mp4"), "prompt": "waves"}
    url = goapi.output("Qubico/mmaudio", "video2audio", task_input)["audio_url"]

    assert _tones(url)[1] == pytest.approx(1)


def test_mesh_is_textured(goapi: GoApiClient) -> None:
    """The file's chunks, views and texture are consistent."""
    url = goapi.output("Qubico/trellis", "image-to-3d", {"image": IMAGE})["model_file"]
    content = httpx.get(url).content
    magic, version, length, size, kind = struct.unpack("<4sII I4s", content[:20])
    document = json.loads(content[20 : 20 + size])
    binary = content[28 + size :]

    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    assert document["buffers"][0]["byteLength"] == len(binary)
    views = document["bufferViews"]
    assert all(view["byteOffset"] + view["byteLength"] <= len(binary) for view in views)
    positions, _, indices = document["accessors"]
    view = views[indices["bufferView"]]
    corners = np.frombuffer(binary, "<u2", indices["count"], view["byteOffset"])
    assert corners.max() == positions["count"] - 1
    image = views[document["images"][0]["bufferView"]]
    texture = binary[image["byteOffset"] : image["byteOffset"] + image["byteLength"]]
    with Image.open(BytesIO(texture)) as image:
        assert image.size == (96, 64)


def test_padded_video_is_larger_and_still_plays(goapi: GoApiClient, tmp_path: Path) -> None:
    """Its last box is free space, so that clients can be tested with large files."""
    task_input = {"prompt": "waves", "duration": 4}
    plain = goapi.output("sora2", "sora2-video", task_input)["video"]
    goapi.fault({"pad_bytes": PADDING}, path="/api/v1/task")
    padded = goapi.output("sora2", "sora2-video", task_input)["video"]
    short, long = httpx.get(plain).content, httpx.get(padded)

    assert long.headers["content-length"] == str(len(short) + PADDING)
    assert long.content[: len(short)] == short
    assert struct.unpack(">I4s", long.content[len(short) : len(short) + 8]) == (PADDING, b"free")
    assert len(_film(padded, tmp_path)[0]) == 10


def _film(url: str, folder: Path) -> tuple[list[Array], float]:
    return frames_of(httpx.get(url).raise_for_status().content, str(folder / "result.mp4"))


def _tones(url: str) -> tuple[Any, float]:
    file = Wave_read(BytesIO(httpx.get(url).raise_for_status().content))
    samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples, len(samples) / file.getframerate()
