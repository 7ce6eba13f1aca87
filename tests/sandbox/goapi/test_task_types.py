"""Every task type of GoAPI is accepted as documented and has the documented output format."""

import io
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from infra.sandbox.goapi.task_types.table import TASK_TYPES
from tests.sandbox.client import run_sandbox
from tests.sandbox.goapi.client import TOOLKIT, GoApiClient
from tests.sandbox.images import as_png, png_photo, portrait
from tests.sandbox.media import frames_of, sound, video

P = {"prompt": "a red bear in the snow"}
IMAGE = {"image": "<image>"}
IMAGE_URL = {"image_url": "<image>"}
LORAS = {"lora_settings": [{"lora_type": "mjv6", "lora_strength": 1}]}
SIZE = {"width": 96, "height": 64}
DEV, ADVANCED, SCHNELL = (f"Qubico/flux1-{kind}" for kind in ("dev", "dev-advanced", "schnell"))
CONTROL = {"control_net_settings": [{"control_type": "canny", "control_image": "<image>"}]}
OUTPAINT = {"custom_settings": [{"setting_type": "outpaint", "outpaint_left": 32}]}
KEY_FRAMES = {"key_frames": {"frame0": {"type": "video", "url": "<video>"}}}
GRID = {"origin_task_id": "<grid>"}
VIDEO_TASK = {"origin_task_id": "<video task>"}
URL = "image_url"
URLS = "image_urls.0"
MP4 = "video_url"
VIDEO = "video"
WORKS = "works.0.video.resource_without_watermark"
SONG = {"gpt_description_prompt": "a song of rain", "make_instrumental": True}
CLIP = "clips.*.audio_url"
SHOT = {"multi_shots": [{"prompt": "one", "duration": 2}, {"prompt": "two", "duration": 3}]}

# Model, task type, input, and where its result is; an ending tells what kind it is.
Sample = tuple[str, str, dict[str, Any], str]
SAMPLES: tuple[Sample, ...] = (
    *((model, "txt2img", P | SIZE, URL) for model in (SCHNELL, DEV, ADVANCED)),
    (SCHNELL, "txt2img", P | SIZE | {"batch_size": 2}, URLS),
    *((model, "img2img", P | IMAGE | {"denoise": 0.5}, URL) for model in (SCHNELL, DEV, ADVANCED)),
    *((model, "txt2img-sr", P | SIZE | {"scale": 2}, URL) for model in (SCHNELL, ADVANCED)),
    (ADVANCED, "img2img-sr", P | IMAGE | {"scale": 2}, URL),
    (ADVANCED, "txt2img-lora", P | SIZE | LORAS, URL),
    (ADVANCED, "img2img-lora", P | IMAGE | LORAS, URL),
    (ADVANCED, "controlnet-lora", P | SIZE | CONTROL | {"lora_settings": []}, URL),
    (ADVANCED, "fill-inpaint", P | IMAGE, URL),
    (ADVANCED, "fill-outpaint", P | IMAGE | OUTPAINT, URL),
    (ADVANCED, "redux-variation", P | IMAGE | SIZE, URL),
    (ADVANCED, "kontext", P | IMAGE | {"steps": 20, "seed": 3}, URL),
    ("gemini", "gemini-2.5-flash-image", P | {"image_urls": ["<image>"], "num_images": 2}, URLS),
    ("gemini", "nano-banana-pro", P | {"image_urls": ["<image>"], "resolution": "2K"}, URLS),
    ("gemini", "nano-banana-2", P | {"image_urls": ["<image>", "<portrait>"]}, URLS),
    ("Qubico/qwen-image", "txt2img", P | SIZE, URL),
    ("Qubico/qwen-image", "image-edit", P | {"image1": "<image>", "image2": "<portrait>"}, URL),
    ("Qubico/z-image", "txt2img", P | SIZE, URL),
    *(
        ("seedream", f"seedream-5-{kind}", P | {"image_urls": ["<image>"]}, URLS)
        for kind in ("lite", "pro", "lite-less-restriction", "pro-less-restriction")
    ),
    ("midjourney", "imagine", P | {"aspect_ratio": "3:2", "process_mode": "fast"}, URLS),
    ("midjourney", "upscale", GRID | {"index": "2"}, URL),
    ("midjourney", "variation", GRID | {"index": "1", "prompt": "bluer"}, URLS),
    ("midjourney", "reroll", GRID, URLS),
    ("midjourney", "describe", IMAGE_URL, "description"),
    ("midjourney", "seed", GRID, "seed"),
    ("midjourney", "blend", {"image_urls": ["<image>", "<portrait>"]}, URLS),
    ("midjourney", "inpaint", GRID | {"mask": "<image>", "prompt": "a tree"}, URLS),
    ("midjourney", "outpaint", GRID | {"zoom_ratio": "1.5"}, URLS),
    ("midjourney", "pan", GRID | {"direction": "left"}, URLS),
    (TOOLKIT, "face-swap", {"target_image": "<portrait>", "swap_image": "<image>"}, URL),
    (
        TOOLKIT,
        "multi-face-swap",
        {
            "target_image": "<portrait>",
            "swap_image": "<image>",
            "swap_faces_index": "0",
            "target_faces_index": "0",
        },
        URL,
    ),
    (TOOLKIT, "background-remove", IMAGE | {"rmbg_model": "RMBG-2.0"}, URL),
    (
        TOOLKIT,
        "segment",
        IMAGE | {"prompt": "disc", "negative_prompt": "sky", "segment_factor": -2},
        URL,
    ),
    (TOOLKIT, "upscale", IMAGE | {"scale": 2, "face_enhance": True}, URL),
    ("Qubico/joycaption", "joycaption-beta-one", IMAGE | {"prompt_style": "Descriptive"}, "text"),
    ("kling", "video_generation", P | {"duration": 5, "mode": "std", "version": "2.1"}, WORKS),
    ("kling", "video_generation", SHOT | {"version": "3.0"}, VIDEO),
    (
        "kling",
        "omni_video_generation",
        P | {"resolution": "720p", "duration": 5, "images": ["<image>"]},
        VIDEO,
    ),
    ("kling", "extend_video", VIDEO_TASK | P, WORKS),
    ("kling", "lip_sync", {"video_url": "<video>", "tts_text": "hello", "tts_timbre": "x"}, WORKS),
    (
        "kling",
        "ai_try_on",
        {"model_input": "<portrait>", "upper_input": "<image>", "batch_size": 2},
        "works.1.image.resource",
    ),
    ("kling", "effects", IMAGE_URL | {"effect": "squish"}, WORKS),
    ("kling", "sound", {"prompt": "rain", "duration": 5}, "audio_urls.3"),
    ("kling", "avatar", IMAGE_URL | {"local_dubbing_url": "<sound>"}, WORKS),
    ("kling", "motion_control", IMAGE_URL | {"preset_motion": "wave"}, WORKS),
    ("kling-turbo", "video_generation", P | {"duration": 5, "image_url": "<image>"}, VIDEO),
    *(("veo3", kind, P | {"duration": "8s"}, VIDEO) for kind in ("veo3-video", "veo3-video-fast")),
    ("veo3.1", "veo3.1-video", P | {"reference_image_urls": ["<image>"]}, VIDEO),
    ("veo3.1", "veo3.1-video-fast", P | IMAGE_URL | {"tail_image_url": "<portrait>"}, VIDEO),
    ("sora2", "sora2-video", P | {"duration": 4, "aspect_ratio": "9:16"}, VIDEO),
    ("sora2", "sora2-pro-video", P | {"duration": 4, "resolution": "1080p"}, VIDEO),
    ("sora2", "remove-watermark", {"video_url": "<video>"}, VIDEO),
    ("omni-human", "omni-human-1.5", IMAGE_URL | {"audio_url": "<sound>"}, VIDEO),
    ("seedance", "seedance-2-preview", P | {"duration": 5, "aspect_ratio": "16:9"}, VIDEO),
    *(
        ("seedance", f"{kind}{strictness}", P | {"duration": 5, "resolution": "480p"}, VIDEO)
        for kind in ("seedance-2", "seedance-2-fast", "seedance-2-mini", "seedance-2.5")
        for strictness in ("", "-less-restriction")
    ),
    ("seedance", "remove-watermark", {"video_url": "<video>"}, VIDEO),
    ("hailuo", "video_generation", P | IMAGE_URL | {"model": "v2.3", "duration": 6}, MP4),
    ("luma", "video_generation", P | {"start_image": "<image>"}, "video.url"),
    ("luma", "extend_video", P | KEY_FRAMES, "video_raw.url"),
    *(("Qubico/hunyuan", kind, P, MP4) for kind in ("txt2video", "fast-txt2video")),
    ("Qubico/hunyuan", "txt2video-lora", P | LORAS, MP4),
    *(
        ("Qubico/hunyuan", f"img2video-{kind}", P | IMAGE | {"aspect_ratio": "16:9"}, MP4)
        for kind in ("concat", "replace")
    ),
    *(
        ("Qubico/wanx", kind, P | {"aspect_ratio": "9:16"}, MP4)
        for kind in ("txt2video-1.3b", "txt2video-14b", "wan22-txt2video-14b")
    ),
    ("Qubico/wanx", "txt2video-14b-lora", P | LORAS, MP4),
    ("Qubico/wanx", "img2video-14b-lora", P | IMAGE | LORAS, MP4),
    *(("Qubico/wanx", kind, IMAGE, MP4) for kind in ("img2video-14b", "wan22-img2video-14b")),
    (
        "Qubico/wanx",
        "img2video-14b-keyframe",
        {"start_image": "<image>", "end_image": "<portrait>"},
        MP4,
    ),
    (
        "Qubico/wanx",
        "img2video-14b-control-camera",
        IMAGE | {"control_camera_settings": [{"type": "zoom", "config": {"zoom": 1}}]},
        MP4,
    ),
    ("Wan", "wan26-txt2video", P | {"duration": 5, "audio": True}, MP4),
    ("Wan", "wan26-img2video", P | IMAGE, MP4),
    ("Qubico/skyreels", "img2video", P | IMAGE, MP4),
    ("Qubico/framepack", "img2video", P | {"start_image": "<image>", "duration": 5}, MP4),
    ("Qubico/hug-video", "image_to_video", IMAGE_URL, MP4),
    (
        "Qubico/video-toolkit",
        "face-swap",
        {"swap_image": "<portrait>", "target_video": "<video>"},
        MP4,
    ),
    ("Qubico/video-toolkit", "upscale", {"video": "<video>"}, MP4),
    ("Qubico/video-toolkit", "background-remove", {"video": "<video>"}, MP4),
    *(
        (model, kind, task_input, where)
        for model in ("suno", "music-s")
        for kind, task_input, where in (
            ("generate_music", SONG, CLIP),
            ("generate_music_custom", {"prompt": "la la", "title": "La", "tags": "pop"}, CLIP),
            ("generate_lyrics", P, "text"),
            ("concat_music", {"clip_id": "c1"}, CLIP),
            ("upload_audio", {"audio_url": "<sound>"}, CLIP),
        )
    ),
    ("suno", "music", SONG, CLIP),
    ("suno", "lyrics", P, "text"),
    ("music-u", "generate_music", SONG | {"lyrics_type": "instrumental"}, CLIP),
    ("music-u", "generate_lyrics", P, "lyrics_pairs.0.text"),
    ("Qubico/tts", "zero-shot", {"gen_text": "good day", "ref_audio": "<sound>"}, "audio_url"),
    *(
        ("Qubico/diffrhythm", f"txt2audio-{kind}", {"style_prompt": "jazz"}, "audio_url")
        for kind in ("base", "full")
    ),
    ("Qubico/ace-step", "txt2audio", {"duration": 10, "lyrics": "[inst]"}, "audio_url"),
    ("Qubico/ace-step", "audio2audio", {"style_audio": "<sound>"}, "audio_url"),
    ("Qubico/ace-step", "edit", {"audio": "<sound>", "edit_lyrics": "la"}, "audio_url"),
    ("Qubico/ace-step", "extend", {"audio": "<sound>", "right_extend_duration": 4}, "audio_url"),
    ("Qubico/mmaudio", "video2audio", P | {"video": "<video>", "steps": 25}, "audio_url"),
    ("byteaudio", "seed-audio-1.0", P, "audio_url"),
    ("Qubico/trellis", "image-to-3d", {"images": ["<image>"], "seed": 0}, "model_file"),
    *(
        ("Qubico/trellis", "image-to-3d", IMAGE, where)
        for where in ("combined_video", "no_background_image")
    ),
    ("Qubico/trellis", "text-to-3d", P, "model_file"),
    ("Qubico/trellis2", "image-to-3d", IMAGE, "model_file"),
    ("Qubico/pixal3d", "image-to-3d", IMAGE, "model_file"),
)
TEXTS = ("text", "description", "seed")


@dataclass(frozen=True)
class Given:
    """A client, and what stands for the names in angle brackets."""

    client: GoApiClient
    names: dict[str, str]

    def filled(self, value: Any) -> Any:
        """Put URLs and task ids in the places of their names."""
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        return self.names.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Yield a sandbox with uploads, a grid task and a video task."""
    video_path = str(tmp_path_factory.mktemp("given") / "given.mp4")
    with run_sandbox("goapi") as running, GoApiClient(running) as client:
        names = {
            "<image>": client.upload(png_photo()),
            "<portrait>": client.upload(as_png(portrait(96, 96))),
            "<sound>": client.upload(sound(), "a.wav"),
            "<video>": client.upload(video(video_path), "a.mp4"),
        }
        for name, model, kind in (
            ("<grid>", "midjourney", "imagine"),
            ("<video task>", "kling", "video_generation"),
        ):
            names[name] = client.ended(model, kind, P | {"duration": 5})["task_id"]
        yield Given(client, names)


def test_every_task_type_has_a_sample() -> None:
    """The sandbox has no task type that this file does not run."""
    assert {(model, task_type) for model, task_type, _, _ in SAMPLES} == set(TASK_TYPES)


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{model} {kind} {where}" for model, kind, _, where in SAMPLES]
)
def test_task_output_has_the_documented_format(
    given: Given, sample: Sample, tmp_path: Path
) -> None:
    """Images, videos, sounds and meshes can be opened; texts are text."""
    model, task_type, task_input, where = sample
    output = given.client.output(model, task_type, given.filled(task_input))
    found = output
    for step in where.split("."):
        if isinstance(found, list):
            found = found[int(step)]
        else:
            found = next(iter(found.values())) if step == "*" else found[step]
    if where.rpartition(".")[2] in TEXTS:
        assert isinstance(found, str)
        assert found
        return
    response = httpx.get(str(found)).raise_for_status()
    _check(response, str(tmp_path / "result"))


def _check(response: httpx.Response, path: str) -> None:
    """Open a result as what its content type says it is."""
    content = response.content
    match response.headers["content-type"].partition("/"):
        case ("image", _, _):
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert min(image.size) > 8
        case ("video", _, "mp4"):
            frames, seconds = frames_of(content, path + ".mp4")
            assert len(frames) >= 8
            assert seconds >= 1
        case ("audio", _, "wav"):
            with wave.open(io.BytesIO(content)) as file:
                assert file.getnframes() > file.getframerate() / 4
        case ("model", _, "gltf-binary"):
            assert struct.unpack("<4sII", content[:12]) == (b"glTF", 2, len(content))
        case other:
            pytest.fail(f"unexpected content type {other}")
