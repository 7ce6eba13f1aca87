"""Every way to call GoAPI: the portable operations, the image toolkit v2, and every task.

An operation stands here where a task means what the word means elsewhere; the preferred model of
an operation comes first. Everything else is reached by `task`, under the vendor's own names.
"""

from typing import Final

from darkroom.domain.media import PNG, WEBP
from darkroom.domain.routes import Route
from darkroom.providers.goapi import image_params as p
from darkroom.providers.goapi import video_params as m
from darkroom.providers.goapi.catalogue import Catalogue
from darkroom.providers.goapi.route_builder import (
    Call,
    Twist,
    build_operation,
    build_task,
    build_toolkit,
)
from darkroom.providers.goapi.task_params import TaskParams

_TK: Final = "Qubico/image-toolkit"
_VT: Final = "Qubico/video-toolkit"
_FLUX: Final = "Qubico/flux1-dev-advanced"
_ACE: Final = "Qubico/ace-step"

_URLS: Final = {"image": ("image_urls",)}
_URL: Final = {"image": ("image_url",)}
_FACES: Final = {"image": ("target_image",), "face": ("swap_image",)}
_VIDEO: Final = {"video": ("video",)}

_ONE: Final = Twist(most=1)
_MOVING: Final = Twist(source="video")
_MAYBE_END: Final = Twist(optional=frozenset({"end_image"}))


def _check_speech(params: m.LipSync, roles: frozenset[str]) -> str | None:
    if (params.text is None) == ("audio" in roles):
        return None
    return "Name `audio` among the inputs, or give `text` among the params; one of the two."


def _check_garments(_params: object, roles: frozenset[str]) -> str | None:
    parts = roles & {"upper_garment", "lower_garment"}
    if ("garment" in roles) != bool(parts):
        return None
    return "Name `garment` among the inputs, or `upper_garment`, `lower_garment` or both."


_PICTURES: tuple[tuple[Route, Call], ...] = (
    build_operation("upscale", (_TK, "image-toolkit"), f"{_TK}:upscale", p.Upscale),
    build_operation(
        "remove-background", (_TK, "image-toolkit"), f"{_TK}:background-remove", p.RemoveBackground
    ),
    build_operation("segment", (_TK, "image-toolkit"), f"{_TK}:segment", p.Segment),
    build_operation("face-swap", (_TK, "image-toolkit"), f"{_TK}:face-swap", p.Nothing, _FACES),
    build_operation(
        "face-swap", ("multi-face-swap",), f"{_TK}:multi-face-swap", p.SwapFaces, _FACES
    ),
    build_operation(
        "edit",
        ("Qubico/qwen-image", "qwen-image"),
        "Qubico/qwen-image:image-edit",
        p.EditQwen,
        {"image": ("image1",)},
    ),
    build_operation("edit", ("kontext", "flux-kontext"), f"{_FLUX}:kontext", p.EditKontext),
    *(
        build_operation("edit", (name,), f"gemini:{name}", params, _URLS, twist=_ONE)
        for name, params in (
            ("gemini-2.5-flash-image", p.Gemini),
            ("nano-banana-2", p.NanoBanana),
            ("nano-banana-pro", p.NanoBananaPro),
        )
    ),
    build_operation(
        "edit", ("seedream-5-lite",), "seedream:seedream-5-lite", p.Seedream, _URLS, twist=_ONE
    ),
    build_operation(
        "generate", ("Qubico/z-image", "z-image"), "Qubico/z-image:txt2img", p.GenerateZImage, {}
    ),
    *(
        build_operation("generate", (f"Qubico/{name}", name), f"Qubico/{name}:txt2img", params, {})
        for name, params in (
            ("flux1-schnell", p.GenerateFlux),
            ("flux1-dev", p.GenerateFlux),
            ("qwen-image", p.GenerateQwen),
        )
    ),
    *(
        build_operation("generate", (name,), task, params, {})
        for name, task, params in (
            ("gemini-2.5-flash-image", "gemini:gemini-2.5-flash-image", p.Gemini),
            ("nano-banana-2", "gemini:nano-banana-2", p.NanoBanana),
            ("nano-banana-pro", "gemini:nano-banana-pro", p.NanoBananaPro),
            ("seedream-5-lite", "seedream:seedream-5-lite", p.Seedream),
            ("midjourney", "midjourney:imagine", p.Midjourney),
        )
    ),
    *(
        build_operation("combine", (name,), f"gemini:{name}", params, _URLS)
        for name, params in (
            ("gemini-2.5-flash-image", p.Gemini),
            ("nano-banana-2", p.NanoBanana),
            ("nano-banana-pro", p.NanoBananaPro),
        )
    ),
    build_operation(
        "combine",
        ("Qubico/qwen-image", "qwen-image"),
        "Qubico/qwen-image:image-edit",
        p.EditQwen,
        {"image": ("image1", "image2", "image3")},
    ),
    build_operation(
        "inpaint",
        ("flux-fill", _FLUX),
        f"{_FLUX}:fill-inpaint",
        p.Inpaint,
        # Only these can be transparent where something is to be painted.
        twist=Twist(formats=frozenset({PNG, WEBP})),
    ),
    build_operation("outpaint", ("flux-fill", _FLUX), f"{_FLUX}:fill-outpaint", p.Outpaint),
    build_operation("vary", ("flux-redux", _FLUX), f"{_FLUX}:redux-variation", p.Vary),
    build_operation(
        "caption",
        ("Qubico/joycaption", "joycaption"),
        "Qubico/joycaption:joycaption-beta-one",
        p.Caption,
    ),
    build_operation(
        "try-on",
        ("kling",),
        "kling:ai_try_on",
        p.TryOn,
        {
            "image": ("model_input",),
            "garment": ("dress_input",),
            "upper_garment": ("upper_input",),
            "lower_garment": ("lower_input",),
        },
        twist=Twist(
            optional=frozenset({"garment", "upper_garment", "lower_garment"}),
            check=_check_garments,
        ),
    ),
    build_operation(
        "make-3d",
        ("Qubico/trellis", "trellis"),
        "Qubico/trellis:image-to-3d",
        p.MakeModel,
        {"image": ("images",)},
    ),
    build_operation(
        "make-3d", ("Qubico/trellis2", "trellis2"), "Qubico/trellis2:image-to-3d", p.MakeModel2
    ),
    build_operation(
        "make-3d", ("trellis-text",), "Qubico/trellis:text-to-3d", p.MakeModelOfText, {}
    ),
)

_VIDEOS: tuple[tuple[Route, Call], ...] = (
    build_operation(
        "animate",
        ("kling",),
        "kling:video_generation",
        m.Kling,
        {"image": ("image_url",), "end_image": ("image_tail_url",)},
        twist=_MAYBE_END,
    ),
    build_operation("animate", ("hailuo",), "hailuo:video_generation", m.Hailuo, _URL),
    build_operation(
        "animate",
        ("luma", "dream-machine"),
        "luma:video_generation",
        m.Luma,
        {"image": ("start_image",), "end_image": ("end_image",)},
        twist=_MAYBE_END,
    ),
    build_operation(
        "animate",
        ("veo3.1-video", "veo3.1"),
        "veo3.1:veo3.1-video",
        m.Veo,
        {"image": ("image_url",), "end_image": ("tail_image_url",)},
        twist=_MAYBE_END,
    ),
    build_operation("animate", ("sora2-video", "sora2"), "sora2:sora2-video", m.Sora, _URL),
    build_operation(
        "animate",
        ("seedance-2",),
        "seedance:seedance-2",
        m.Seedance,
        _URLS,
        {"mode": "first_last_frames"},
        Twist(most=2),
    ),
    build_operation("animate", ("wan26-img2video",), "Wan:wan26-img2video", m.AnimateWan),
    *(
        build_operation("generate-video", models, task, params, {}, fixed)
        for models, task, params, fixed in (
            (("kling",), "kling:video_generation", m.KlingOfText, None),
            (("hailuo",), "hailuo:video_generation", m.HailuoOfText, None),
            (("luma", "dream-machine"), "luma:video_generation", m.LumaOfText, None),
            (("veo3.1-video", "veo3.1"), "veo3.1:veo3.1-video", m.Veo, None),
            (("sora2-video", "sora2"), "sora2:sora2-video", m.Sora, None),
            (("seedance-2",), "seedance:seedance-2", m.Seedance, {"mode": "text_to_video"}),
            (("wan26-txt2video",), "Wan:wan26-txt2video", m.Wan, None),
        )
    ),
    build_operation(
        "upscale-video",
        (_VT, "video-toolkit"),
        f"{_VT}:upscale",
        m.UpscaleVideo,
        _VIDEO,
        twist=_MOVING,
    ),
    build_operation(
        "remove-background-video",
        (_VT, "video-toolkit"),
        f"{_VT}:background-remove",
        m.RemoveVideoBackground,
        _VIDEO,
        twist=_MOVING,
    ),
    build_operation(
        "face-swap-video",
        (_VT, "video-toolkit"),
        f"{_VT}:face-swap",
        p.SwapFaces,
        {"video": ("target_video",), "face": ("swap_image",)},
        twist=_MOVING,
    ),
    build_operation(
        "lip-sync",
        ("kling",),
        "kling:lip_sync",
        m.LipSync,
        {"video": ("video_url",), "audio": ("local_dubbing_url",)},
        twist=Twist("video", frozenset({"audio"}), check=_check_speech),
    ),
)

_SOUNDS: tuple[tuple[Route, Call], ...] = (
    build_operation("generate-music", (_ACE, "ace-step"), f"{_ACE}:txt2audio", m.AceStep, {}),
    build_operation("generate-music", ("music-u", "udio"), "music-u:generate_music", m.Udio, {}),
    build_operation(
        "generate-music",
        ("Qubico/diffrhythm", "diffrhythm"),
        "Qubico/diffrhythm:txt2audio-full",
        m.DiffRhythm,
        {},
    ),
    build_operation(
        "speak",
        ("Qubico/tts", "tts"),
        "Qubico/tts:zero-shot",
        m.Speak,
        {"voice": ("ref_audio",)},
        twist=Twist(source="voice"),
    ),
    build_operation(
        "add-sound",
        ("Qubico/mmaudio", "mmaudio"),
        "Qubico/mmaudio:video2audio",
        m.AddSound,
        _VIDEO,
        twist=_MOVING,
    ),
)

# Limits: "each side at most 2048", for segments 3072; the face-swap's are its own page's.
_TOOLKIT: tuple[tuple[Route, Call], ...] = (
    build_toolkit("upscale", p.UpscaleV2, {"image": "image"}, 2048),
    build_toolkit("remove-background", p.Nothing, {"image": "image"}, None),
    build_toolkit("segment", p.Segment, {"image": "image"}, 3072),
    build_toolkit("face-swap", p.Nothing, {"image": "target_image", "face": "swap_image"}, 2048),
)


def build_calls(catalogue: Catalogue) -> tuple[tuple[Route, Call], ...]:
    """Every route with how it is called; the preferred one of an operation first."""
    made: dict[str, type[TaskParams]] = {}
    tasks = (build_task(entry, made) for entry in catalogue.entries)
    return (*_PICTURES, *_VIDEOS, *_SOUNDS, *_TOOLKIT, *tasks)
