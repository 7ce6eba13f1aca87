"""Where GoAPI's results are: every form in its pages and clients, and what is not a result."""

import base64
import json
from typing import Any

import pytest

from darkroom.domain.errors import Unclear
from darkroom.providers.goapi.catalogue import entries_by_name, read_catalogue
from darkroom.providers.goapi.results import read_facts, read_results

A, B, C, D, E = (f"https://img.theapi.app/temp/{name}" for name in "abcde")
FOUR = [A, B, C, D]


def read(name: str, output: object) -> list[tuple[str, str]]:
    """Kind and URL, or text, of every result."""
    found = read_results(read_catalogue(), entries_by_name()[name], output)
    return [(ref.kind, ref.url or base64.b64decode(ref.data or "").decode()) for ref in found]


@pytest.mark.parametrize(
    ("name", "output", "found"),
    [
        ("Qubico/image-toolkit:upscale", {"image_base64": "", "image_url": A}, [("image", A)]),
        ("Qubico/image-toolkit:segment", {"image_url": "", "image_urls": [A, B]}, "image AB"),
        ("Qubico/flux1-schnell:txt2img", {"image_url": "", "image_urls": FOUR}, "image ABCD"),
        ("gemini:nano-banana-pro", {"image_urls": None, "image_url": A}, [("image", A)]),
        ("seedream:seedream-5-lite", {"image_urls": [{"url": A}, {"url": B}]}, "image AB"),
        (
            "midjourney:imagine",
            {"image_url": E, "image_urls": FOUR, "temporary_image_urls": None},
            "image ABCD",
        ),
        (
            "midjourney:imagine",
            {"image_url": E, "image_urls": None, "temporary_image_urls": FOUR},
            "image ABCD",
        ),
        ("midjourney:imagine", {"image_url": E, "discord_image_url": A}, [("image", E)]),
        ("midjourney:describe", {"description": "1. a cat"}, [("text", "1. a cat")]),
        ("midjourney:seed", {"seed": 42, "image_url": A}, [("text", "42")]),
        ("midjourney:seed", {"seed": "42"}, [("text", "42")]),
        ("Qubico/joycaption:joycaption-beta-one", {"text": "Ein Ü"}, [("text", "Ein Ü")]),
        (
            "kling:video_generation",
            {
                "works": [
                    {
                        "cover": {"resource": E},
                        "video": {"resource": D, "resource_without_watermark": A},
                    },
                    {"video": {"resource": B, "resource_without_watermark": ""}},
                ]
            },
            "video AB",
        ),
        ("kling:video_generation", {"video": A}, [("video", A)]),
        ("kling:video_generation", {"video_url": A, "works": []}, [("video", A)]),
        ("kling:ai_try_on", {"works": [{"image": {"resource": A}}]}, [("image", A)]),
        ("kling:ai_try_on", {"works": [{"resource": A}, {"resource": B}]}, "image AB"),
        ("sora2:sora2-video", {"video": A}, [("video", A)]),
        ("veo3:veo3-video", {"video_urls": [A]}, [("video", A)]),
        (
            "hailuo:video_generation",
            {"cover_url": E, "download_url": A, "video_url": "", "percent": 100},
            [("video", A)],
        ),
        ("luma:video_generation", {"generation": {"video": {"url": A}}}, [("video", A)]),
        (
            "luma:video_generation",
            {
                "video": {"url": A, "width": 1},
                "video_raw": {"url": B},
                "thumbnail": {"url": C},
                "last_frame": {"url": D},
            },
            [("video", A)],
        ),
        ("luma:video_generation", {"video": A}, [("video", A)]),
        ("Qubico/ace-step:txt2audio", {"audio_url": A}, [("audio", A)]),
        (
            "suno:generate_music",
            {"clips": {"x": {"audio_url": A, "image_url": E}, "y": {"audio_url": B}}},
            "audio AB",
        ),
        ("Qubico/mmaudio:video2audio", {"audio_url": A, "video_url": B}, "audio A video B"),
        (
            "Qubico/trellis:image-to-3d",
            {"model_file": A, "combined_video": B, "no_background_image": C},
            "3d A video B",
        ),
        ("Qubico/trellis2:image-to-3d", {"model_file": "", "model_url": A}, [("3d", A)]),
        ("Qubico/trellis2:image-to-3d", {"model_file": {"url": A}}, [("3d", A)]),
        # Places where another model's results sit.
        ("Qubico/hunyuan:txt2video", {"works": [{"video": {"resource": A}}]}, [("video", A)]),
        ("Qubico/z-image:txt2img", {"images": [{"url": A}]}, [("image", A)]),
        # Nobody knows what these answer, so results of any kind are taken.
        ("kling:sound", {"works": [{"video": {"resource": A}}]}, [("video", A)]),
        ("byteaudio:seed-audio-1.0", {"text": "hm"}, [("text", "hm")]),
    ],
)
def test_result_is_found_in_its_place(name: str, output: object, found: Any) -> None:
    """All of a batch, in order, once each, the main ones first."""
    assert read(name, output) == (_spelled(found) if isinstance(found, str) else found)


def test_lyrics_are_json_or_text() -> None:
    """Pairs of title and text as JSON, plain words as text."""
    pairs = [{"title": "Ü", "text": "la"}]
    ((kind, text),) = read("music-u:generate_lyrics", {"lyrics_pairs": pairs})
    assert (kind, json.loads(text)) == ("json", pairs)
    assert read("suno:lyrics", {"text": "la"}) == [("text", "la")]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("Qubico/image-toolkit:upscale", None),
        ("Qubico/image-toolkit:upscale", []),
        ("Qubico/image-toolkit:upscale", "soon"),
        ("Qubico/image-toolkit:upscale", {}),
        ("Qubico/image-toolkit:upscale", {"image_url": "", "image_urls": None}),
        ("Qubico/image-toolkit:upscale", {"image_url": "outputs/1.png"}),
        ("Qubico/image-toolkit:upscale", {"image_url": 7, "image_urls": [None, {}, [7]]}),
        ("Qubico/image-toolkit:upscale", {"video_url": A}),
        ("kling:video_generation", {"video": ""}),
        ("kling:video_generation", {"works": [{"cover": {"resource": A}}], "video": ""}),
        ("kling:video_generation", {"works": [None, 7, {"video": None}]}),
        ("kling:video_generation", {"works": 7}),
        ("hailuo:video_generation", {"cover_url": A, "percent": 50}),
        ("luma:video_generation", {"thumbnail": {"url": A}, "last_frame": {"url": B}}),
        ("suno:generate_music", {"clips": {"x": {"image_url": A}}}),
        ("suno:generate_music", {"clips": None}),
        ("Qubico/trellis:image-to-3d", {"no_background_image": A}),
        ("midjourney:describe", {"description": ""}),
        ("midjourney:describe", {"description": "", "image_url": A}),
        ("kling:sound", {"cover_url": A, "thumbnail": {"url": B}}),
    ],
)
def test_other_values_are_no_results(name: str, output: object) -> None:
    """A skeleton, a cover, a frame, an invalid URL: the task is polled again."""
    with pytest.raises(Unclear):
        read(name, output)


def test_facts_help_with_the_next_task() -> None:
    """The possible actions on an image, and the ids of songs; nothing large, no other type."""
    assert read_facts({"actions": ["upscale1"], "image_url": A}) == {"actions": ["upscale1"]}
    assert read_facts({"clips": {"b": {}, "a": {}}}) == {"clips": ["a", "b"]}
    odd: tuple[object, ...] = (
        *(None, [], {}, {"actions": None}, {"actions": []}, {"actions": "x"}),
        *({"clips": []}, {"actions": ["x" * 9000]}),
    )
    for output in odd:
        assert read_facts(output) == {}


def _spelled(found: str) -> list[tuple[str, str]]:
    """`image AB video C` as kinds and addresses."""
    words = found.split()
    names = {"A": A, "B": B, "C": C, "D": D, "E": E}
    return [
        (kind, names[letter])
        for kind, letters in zip(words[::2], words[1::2], strict=True)
        for letter in letters
    ]
