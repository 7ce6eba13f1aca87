"""Every route of GoAPI: the portable operations, the image toolkit v2, and every task.

A task is listed as a portable operation if it does what the operation means at other providers; the
preferred model of an operation comes first. All tasks can be called by the operation `task`, under
the vendor's own names.
"""

from typing import Final

from darkroom.domain.media import PNG, WEBP
from darkroom.domain.routes import Route
from darkroom.providers.goapi import image_params as image
from darkroom.providers.goapi import video_params as video
from darkroom.providers.goapi.catalogue import Catalogue
from darkroom.providers.goapi.route_builder import (
    Call,
    Override,
    build_operation_route,
    build_task_route,
    build_toolkit_route,
)
from darkroom.providers.goapi.task_params import ParamModels

_IMAGE_TOOLKIT: Final = "Qubico/image-toolkit"
_VIDEO_TOOLKIT: Final = "Qubico/video-toolkit"
_FLUX: Final = "Qubico/flux1-dev-advanced"
_ACE: Final = "Qubico/ace-step"

_URLS: Final = {"image": ("image_urls",)}
_URL: Final = {"image": ("image_url",)}
_FACES: Final = {"image": ("target_image",), "face": ("swap_image",)}
_VIDEO: Final = {"video": ("video",)}

_ONE_FILE: Final = Override(most=1)
_FROM_VIDEO: Final = Override(source="video")
_OPTIONAL_END: Final = Override(optional=frozenset({"end_image"}))


def _check_speech(params: video.LipSync, roles: frozenset[str]) -> str | None:
    if (params.text is None) == ("audio" in roles):
        return None
    return "Name `audio` among the inputs, or give `text` among the params; one of the two."


def _check_garments(_params: object, roles: frozenset[str]) -> str | None:
    parts = roles & {"upper_garment", "lower_garment"}
    if ("garment" in roles) != bool(parts):
        return None
    return "Name `garment` among the inputs, or `upper_garment`, `lower_garment` or both."


_IMAGES: tuple[tuple[Route, Call], ...] = (
    build_operation_route(
        "upscale", (_IMAGE_TOOLKIT, "image-toolkit"), f"{_IMAGE_TOOLKIT}:upscale", image.Upscale
    ),
    build_operation_route(
        "remove-background",
        (_IMAGE_TOOLKIT, "image-toolkit"),
        f"{_IMAGE_TOOLKIT}:background-remove",
        image.RemoveBackground,
    ),
    build_operation_route(
        "segment", (_IMAGE_TOOLKIT, "image-toolkit"), f"{_IMAGE_TOOLKIT}:segment", image.Segment
    ),
    build_operation_route(
        "face-swap",
        (_IMAGE_TOOLKIT, "image-toolkit"),
        f"{_IMAGE_TOOLKIT}:face-swap",
        image.Nothing,
        _FACES,
    ),
    build_operation_route(
        "face-swap",
        ("multi-face-swap",),
        f"{_IMAGE_TOOLKIT}:multi-face-swap",
        image.SwapFaces,
        _FACES,
    ),
    build_operation_route(
        "edit",
        ("Qubico/qwen-image", "qwen-image"),
        "Qubico/qwen-image:image-edit",
        image.EditQwen,
        {"image": ("image1",)},
    ),
    build_operation_route(
        "edit", ("kontext", "flux-kontext"), f"{_FLUX}:kontext", image.EditKontext
    ),
    *(
        build_operation_route("edit", (name,), f"gemini:{name}", params, _URLS, override=_ONE_FILE)
        for name, params in (
            ("gemini-2.5-flash-image", image.Gemini),
            ("nano-banana-2", image.NanoBanana),
            ("nano-banana-pro", image.NanoBananaPro),
        )
    ),
    build_operation_route(
        "edit",
        ("seedream-5-lite",),
        "seedream:seedream-5-lite",
        image.Seedream,
        _URLS,
        override=_ONE_FILE,
    ),
    build_operation_route(
        "generate",
        ("Qubico/z-image", "z-image"),
        "Qubico/z-image:txt2img",
        image.GenerateZImage,
        {},
    ),
    *(
        build_operation_route(
            "generate", (f"Qubico/{name}", name), f"Qubico/{name}:txt2img", params, {}
        )
        for name, params in (
            ("flux1-schnell", image.GenerateFlux),
            ("flux1-dev", image.GenerateFlux),
            ("qwen-image", image.GenerateQwen),
        )
    ),
    *(
        build_operation_route("generate", (name,), task, params, {})
        for name, task, params in (
            ("gemini-2.5-flash-image", "gemini:gemini-2.5-flash-image", image.Gemini),
            ("nano-banana-2", "gemini:nano-banana-2", image.NanoBanana),
            ("nano-banana-pro", "gemini:nano-banana-pro", image.NanoBananaPro),
            ("seedream-5-lite", "seedream:seedream-5-lite", image.Seedream),
            ("midjourney", "midjourney:imagine", image.Midjourney),
        )
    ),
    *(
        build_operation_route("combine", (name,), f"gemini:{name}", params, _URLS)
        for name, params in (
            ("gemini-2.5-flash-image", image.Gemini),
            ("nano-banana-2", image.NanoBanana),
            ("nano-banana-pro", image.NanoBananaPro),
        )
    ),
    build_operation_route(
        "combine",
        ("Qubico/qwen-image", "qwen-image"),
        "Qubico/qwen-image:image-edit",
        image.EditQwen,
        {"image": ("image1", "image2", "image3")},
    ),
    build_operation_route(
        "inpaint",
        ("flux-fill", _FLUX),
        f"{_FLUX}:fill-inpaint",
        image.Inpaint,
        # Only these have the transparency that marks what is painted.
        override=Override(formats=frozenset({PNG, WEBP})),
    ),
    build_operation_route(
        "outpaint", ("flux-fill", _FLUX), f"{_FLUX}:fill-outpaint", image.Outpaint
    ),
    build_operation_route("vary", ("flux-redux", _FLUX), f"{_FLUX}:redux-variation", image.Vary),
    build_operation_route(
        "caption",
        ("Qubico/joycaption", "joycaption"),
        "Qubico/joycaption:joycaption-beta-one",
        image.Caption,
    ),
    build_operation_route(
        "try-on",
        ("kling",),
        "kling:ai_try_on",
        image.TryOn,
        {
            "image": ("model_input",),
            "garment": ("dress_input",),
            "upper_garment": ("upper_input",),
            "lower_garment": ("lower_input",),
        },
        override=Override(
            optional=frozenset({"garment", "upper_garment", "lower_garment"}), check=_check_garments
        ),
    ),
    build_operation_route(
        "make-3d",
        ("Qubico/trellis", "trellis"),
        "Qubico/trellis:image-to-3d",
        image.MakeModel,
        {"image": ("images",)},
    ),
    build_operation_route(
        "make-3d", ("Qubico/trellis2", "trellis2"), "Qubico/trellis2:image-to-3d", image.MakeModel2
    ),
    build_operation_route(
        "make-3d", ("trellis-text",), "Qubico/trellis:text-to-3d", image.MakeModelOfText, {}
    ),
)

_VIDEOS: tuple[tuple[Route, Call], ...] = (
    build_operation_route(
        "animate",
        ("kling",),
        "kling:video_generation",
        video.Kling,
        {"image": ("image_url",), "end_image": ("image_tail_url",)},
        override=_OPTIONAL_END,
    ),
    build_operation_route("animate", ("hailuo",), "hailuo:video_generation", video.Hailuo, _URL),
    build_operation_route(
        "animate",
        ("luma", "dream-machine"),
        "luma:video_generation",
        video.Luma,
        {"image": ("start_image",), "end_image": ("end_image",)},
        override=_OPTIONAL_END,
    ),
    build_operation_route(
        "animate",
        ("veo3.1-video", "veo3.1"),
        "veo3.1:veo3.1-video",
        video.Veo,
        {"image": ("image_url",), "end_image": ("tail_image_url",)},
        override=_OPTIONAL_END,
    ),
    build_operation_route(
        "animate", ("sora2-video", "sora2"), "sora2:sora2-video", video.Sora, _URL
    ),
    build_operation_route(
        "animate",
        ("seedance-2",),
        "seedance:seedance-2",
        video.Seedance,
        _URLS,
        {"mode": "first_last_frames"},
        Override(most=2),
    ),
    build_operation_route("animate", ("wan26-img2video",), "Wan:wan26-img2video", video.AnimateWan),
    *(
        build_operation_route("generate-video", models, task, params, {}, fixed)
        for models, task, params, fixed in (
            (("kling",), "kling:video_generation", video.KlingOfText, None),
            (("hailuo",), "hailuo:video_generation", video.HailuoOfText, None),
            (("luma", "dream-machine"), "luma:video_generation", video.LumaOfText, None),
            (("veo3.1-video", "veo3.1"), "veo3.1:veo3.1-video", video.Veo, None),
            (("sora2-video", "sora2"), "sora2:sora2-video", video.Sora, None),
            (("seedance-2",), "seedance:seedance-2", video.Seedance, {"mode": "text_to_video"}),
            (("wan26-txt2video",), "Wan:wan26-txt2video", video.Wan, None),
        )
    ),
    build_operation_route(
        "upscale-video",
        (_VIDEO_TOOLKIT, "video-toolkit"),
        f"{_VIDEO_TOOLKIT}:upscale",
        video.UpscaleVideo,
        _VIDEO,
        override=_FROM_VIDEO,
    ),
    build_operation_route(
        "remove-background-video",
        (_VIDEO_TOOLKIT, "video-toolkit"),
        f"{_VIDEO_TOOLKIT}:background-remove",
        video.RemoveVideoBackground,
        _VIDEO,
        override=_FROM_VIDEO,
    ),
    build_operation_route(
        "face-swap-video",
        (_VIDEO_TOOLKIT, "video-toolkit"),
        f"{_VIDEO_TOOLKIT}:face-swap",
        image.SwapFaces,
        {"video": ("target_video",), "face": ("swap_image",)},
        override=_FROM_VIDEO,
    ),
    build_operation_route(
        "lip-sync",
        ("kling",),
        "kling:lip_sync",
        video.LipSync,
        {"video": ("video_url",), "audio": ("local_dubbing_url",)},
        override=Override("video", frozenset({"audio"}), check=_check_speech),
    ),
)

_SOUNDS: tuple[tuple[Route, Call], ...] = (
    build_operation_route(
        "generate-music", (_ACE, "ace-step"), f"{_ACE}:txt2audio", video.AceStep, {}
    ),
    build_operation_route(
        "generate-music", ("music-u", "udio"), "music-u:generate_music", video.Udio, {}
    ),
    build_operation_route(
        "generate-music",
        ("Qubico/diffrhythm", "diffrhythm"),
        "Qubico/diffrhythm:txt2audio-full",
        video.DiffRhythm,
        {},
    ),
    build_operation_route(
        "speak",
        ("Qubico/tts", "tts"),
        "Qubico/tts:zero-shot",
        video.Speak,
        {"voice": ("ref_audio",)},
        override=Override(source="voice"),
    ),
    build_operation_route(
        "add-sound",
        ("Qubico/mmaudio", "mmaudio"),
        "Qubico/mmaudio:video2audio",
        video.AddSound,
        _VIDEO,
        override=_FROM_VIDEO,
    ),
)

# Limits: "each side at most 2048", for segments 3072; the face swap's are on its own page.
_TOOLKIT: tuple[tuple[Route, Call], ...] = (
    build_toolkit_route("upscale", image.UpscaleV2, {"image": "image"}, 2048),
    build_toolkit_route("remove-background", image.Nothing, {"image": "image"}, None),
    build_toolkit_route("segment", image.Segment, {"image": "image"}, 3072),
    build_toolkit_route(
        "face-swap", image.Nothing, {"image": "target_image", "face": "swap_image"}, 2048
    ),
)


def build_calls(catalogue: Catalogue) -> tuple[tuple[Route, Call], ...]:
    """Every route with its call; the preferred one of an operation first."""
    models = ParamModels(catalogue.entries)
    tasks = (build_task_route(entry, models) for entry in catalogue.entries)
    return (*_IMAGES, *_VIDEOS, *_SOUNDS, *_TOOLKIT, *tasks)
