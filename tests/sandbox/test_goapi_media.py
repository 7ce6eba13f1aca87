"""What GoAPI's video, audio and 3D tasks make: frames, tones and meshes are looked at."""

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

from tests.sandbox.goapi_client import (
    GoApiClient,
    as_data,
    frames_of,
    png,
    portrait,
    sound,
    video,
)
from tests.sandbox.images import Array, as_png, difference, disc, photo

IMAGE = as_data(png())
FACE = as_data(as_png(portrait()))
PADDING = 3_000_000


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    """Film eight frames of 64 by 48 in one second."""
    return video(str(tmp_path / "film.mp4"))


def test_a_video_lasts_as_long_as_asked_in_the_proportions_asked(
    goapi: GoApiClient, tmp_path: Path
) -> None:
    """Its frames move."""
    asked = {"prompt": "waves", "duration": 10, "aspect_ratio": "9:16"}
    output = goapi.output("kling", "video_generation", asked)
    frames, seconds = _film(output["video_url"], tmp_path)

    assert seconds == pytest.approx(10, abs=0.1)
    assert frames[0].shape[1] / frames[0].shape[0] == pytest.approx(9 / 16, abs=0.01)
    assert difference(frames[0], frames[-1]) > 3
    work = output["works"][0]
    assert work["video"]["resource_without_watermark"] == output["video_url"]
    assert goapi.image(work["cover"]["resource"]).shape == frames[0].shape


def test_a_video_begins_with_the_first_picture_and_ends_with_the_last(
    goapi: GoApiClient, tmp_path: Path
) -> None:
    """It has the first image's proportions."""
    asked = {"start_image": FACE, "end_image": IMAGE}
    output = goapi.output("Qubico/wanx", "img2video-14b-keyframe", asked)
    frames, _ = _film(output["video_url"], tmp_path)

    middle = np.s_[150:170, 150:170]
    assert frames[0].shape[0] == frames[0].shape[1]
    assert difference(frames[0][middle], np.full((20, 20, 3), portrait()[48, 48])) < 12
    assert difference(frames[-1][middle], np.full((20, 20, 3), photo()[32, 48])) < 12


def test_the_shots_decide_how_long_a_film_of_shots_is(goapi: GoApiClient, tmp_path: Path) -> None:
    """Their seconds are added."""
    shots = [{"prompt": "one", "duration": 2}, {"prompt": "two", "duration": 4}]
    asked = {"version": "3.0", "multi_shots": shots}
    output = goapi.output("kling", "video_generation", asked)

    assert _film(output["video"], tmp_path)[1] == pytest.approx(6, abs=0.1)


def test_an_extended_video_is_longer(goapi: GoApiClient, tmp_path: Path) -> None:
    """It begins with the video of the task that it extends."""
    first = goapi.ended("kling", "video_generation", {"prompt": "waves", "duration": 5})
    output = goapi.output("kling", "extend_video", {"origin_task_id": first["task_id"]})
    before, short = _film(first["output"]["video_url"], tmp_path)
    after, long = _film(output["video_url"], tmp_path)

    assert long > short + 4
    assert difference(before[0], after[0]) < 6


def test_a_video_upscale_doubles_the_frames_and_keeps_their_number(
    goapi: GoApiClient, film: bytes, tmp_path: Path
) -> None:
    """The seconds stay, too."""
    asked = {"video": as_data(film, "video/mp4")}
    output = goapi.output("Qubico/video-toolkit", "upscale", asked)
    frames, seconds = _film(output["video_url"], tmp_path)

    assert {frame.shape for frame in frames} == {(96, 128, 3)}
    assert len(frames) == 8
    assert seconds == pytest.approx(1)


def test_a_video_background_turns_green(goapi: GoApiClient, film: bytes, tmp_path: Path) -> None:
    """Inverted, the subject does."""
    shares = []
    for invert in (False, True):
        asked = {"video": as_data(film, "video/mp4"), "invert_output": invert}
        output = goapi.output("Qubico/video-toolkit", "background-remove", asked)
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
def test_a_video_or_sound_that_is_none_fails_the_task(
    goapi: GoApiClient, model: str, task_type: str, name: str, other: dict[str, Any], message: str
) -> None:
    """An image is neither."""
    assert goapi.ended(model, task_type, {name: IMAGE} | other)["error"]["message"] == message


def test_a_melody_lasts_as_long_as_asked_and_follows_its_words(goapi: GoApiClient) -> None:
    """Other words are another melody."""
    asked = {"duration": 12, "lyrics": "la la"}
    one, other = (
        _tones(goapi.output("Qubico/ace-step", "txt2audio", asked | more)["audio_url"])
        for more in ({}, {"lyrics": "oh no"})
    )

    assert one[1] == other[1] == pytest.approx(12)
    assert np.abs(one[0]).max() > 5000
    assert not np.array_equal(one[0], other[0])


def test_speech_is_longer_for_more_words_and_shorter_when_faster(goapi: GoApiClient) -> None:
    """One tone for each word."""
    asked = {"gen_text": "one two", "ref_audio": as_data(sound(), "audio/wav")}
    lengths = [
        _tones(goapi.output("Qubico/tts", "zero-shot", asked | more)["audio_url"])[1]
        for more in ({"speed": 2}, {}, {"gen_text": "one two three four"})
    ]

    assert lengths[0] < lengths[1] < lengths[2]


def test_a_sound_for_a_video_is_as_long_as_the_video(goapi: GoApiClient, film: bytes) -> None:
    """One second here."""
    asked = {"video": as_data(film, "video/mp4"), "prompt": "waves"}
    url = goapi.output("Qubico/mmaudio", "video2audio", asked)["audio_url"]

    assert _tones(url)[1] == pytest.approx(1)


def test_a_solid_is_a_textured_mesh(goapi: GoApiClient) -> None:
    """The file's chunks, views and texture fit together."""
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


def test_a_padded_video_is_that_much_larger_and_still_plays(
    goapi: GoApiClient, tmp_path: Path
) -> None:
    """Its last box is free space, so that large files can be tried."""
    asked = {"prompt": "waves", "duration": 4}
    plain = goapi.output("sora2", "sora2-video", asked)["video"]
    goapi.fault({"pad_bytes": PADDING}, path="/api/v1/task")
    padded = goapi.output("sora2", "sora2-video", asked)["video"]
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
