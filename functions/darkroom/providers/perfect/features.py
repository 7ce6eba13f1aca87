"""Everything that Perfect can do, in one table: operation, slug, files, limits, parameters, price.

Formats and dimensions are those of the vendor's table "Supported Formats & Dimensions" (Perfect AI
API 2.0), as far as an upload can name them: the table has HEIC for some features, but the list of
content types that "Create a new file" takes has none for it, and nothing else gets a file there.
It prints one path only, `hair-style`; how sure the other slugs are stands beside each,
and settings can correct every one. Its demands on faces (width, pose) are the engine's to judge.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from darkroom.domain.media import JPEG, MOV, MP4, PNG, Media
from darkroom.domain.routes import Role, Sides
from darkroom.providers.perfect import params as p

Sure = Literal["documented", "clients", "inferred", "guessed"]
Price = Callable[[Any], float | None]

SETS: Mapping[str, str] = {
    "image": "src_ids",
    "video": "src_ids",
    "mask": "mask_ids",
    "reference": "ref_ids",
    "face": "ref_ids",
}
"""Role -> the field of `file_sets` that names its files."""


@dataclass(frozen=True)
class Feature:
    """One feature of the vendor's.

    Attributes:
        slug: its name in paths.
        sure: where the slug is from: the document, working clients of others, the vendor's later
            API or its wording, or a guess among several.
        price: units of the vendor's later price list; the document itself states none.
        typical_s: seconds; below 10, because a job that nobody asks about for so long is lost.
        described: whether the document says how to call it.
    """

    operation: str
    slug: str
    sure: Sure
    params: type[p.Plain]
    roles: Mapping[str, Role]
    price: Price
    typical_s: int = 6
    kind: Literal["image", "video"] = "image"
    described: bool = True

    @property
    def styled(self) -> bool:
        """Whether it has a catalogue of styles."""
        return issubclass(self.params, p.Styled)


def _costs(units: float | None) -> Price:
    return lambda _params: units


def _video_price(params: p.EnhanceVideo) -> float | None:
    return None if params.dst_duration is None else math.ceil(params.dst_duration / 2)


_IMAGE_BYTES = 10 * 1024 * 1024 - 1  # "< 10MB"
_VIDEO_BYTES = 100 * 1024 * 1024 - 1  # "<100MB"


def _picture(
    *formats: Media, longest: int = 4096, shortest: int | None = None, least: int | None = None
) -> Role:
    return Role(frozenset(formats), max_bytes=_IMAGE_BYTES, sides=Sides(longest, shortest, least))


# "with the exact same width and hight with the input image"
_MASK = Role(frozenset({JPEG, PNG}), max_bytes=_IMAGE_BYTES, same_size_as="image")
_FACE = Role(
    frozenset({JPEG, PNG}), max_files=10, max_bytes=_IMAGE_BYTES, sides=Sides(max_longer=4096)
)
_VIDEO = Role(frozenset({MP4, MOV}), max_bytes=_VIDEO_BYTES, sides=Sides(max_longer=1920))
_MADE_UP = _picture(JPEG, PNG, longest=1024)
_HEAD = {"image": _picture(JPEG, PNG, longest=1024)}
_PHOTO = {"image": _picture(JPEG, PNG)}

FEATURES: Sequence[Feature] = (
    Feature(
        "hairstyle",
        "hair-style",
        "documented",
        p.Styled,
        # The table says jpg alone, though the upload's list of content types has png, too.
        {"image": _picture(JPEG, longest=1024)},
        _costs(1),
    ),
    # Not in the table of formats; taken to be as the other features for hair. No price is known.
    Feature("wig", "wig", "inferred", p.Styled, _HEAD, _costs(None)),
    Feature("hair-extension", "hair-ext", "clients", p.Styled, _HEAD, _costs(1)),
    Feature("hair-bangs", "hair-bang", "clients", p.Styled, _HEAD, _costs(1)),
    Feature("hair-volume", "hair-vol", "clients", p.Styled, _HEAD, _costs(2)),
    Feature(
        "aging",
        "aging",
        "clients",
        p.ToJpg,
        # Not in the table either; these limits are those of the vendor's later API.
        {"image": _picture(JPEG, least=320)},
        _costs(2),
        typical_s=8,
    ),
    Feature(
        "makeup-transfer",
        "mu-trans-rec",
        "clients",
        p.ToJpg,
        {"image": _MADE_UP, "reference": _MADE_UP},
        _costs(2),
    ),
    Feature(
        "remove-objects",
        "obj-rem",  # printed nowhere; the later API calls the same for videos `obj-rem-vid`
        "guessed",
        p.ToJpgOrWebp,
        {**_PHOTO, "mask": _MASK},
        _costs(1),
    ),
    Feature("colorize", "colorize", "inferred", p.ToJpgOrWebp, _PHOTO, _costs(2)),
    Feature("remove-background", "sod", "clients", p.ToPngOrWebp, _PHOTO, _costs(1), typical_s=4),
    Feature("upscale", "enhance", "clients", p.Upscale, _PHOTO, _costs(2)),
    Feature("enhance", "enhance", "clients", p.Enhance, _PHOTO, _costs(2)),
    Feature("generate", "text-to-image", "clients", p.Generate, {}, _costs(2), typical_s=8),
    # From here on known by the table of formats alone; slugs and parameters of the later API.
    Feature(
        "enhance-video",
        "video-sr",
        "inferred",
        p.EnhanceVideo,
        {"video": _VIDEO},
        _video_price,
        typical_s=8,
        kind="video",
        described=False,
    ),
    Feature(
        "change-background",
        "bg-replace",
        "inferred",
        p.ChangeBackground,
        _PHOTO,
        _costs(4),
        described=False,
    ),
    Feature(
        "blur-background",
        "bg-blur",
        "inferred",
        p.BlurBackground,
        _PHOTO,
        _costs(1),
        described=False,
    ),
    Feature(
        "relight",
        "lighting",
        "inferred",
        p.Plain,
        {"image": _picture(JPEG, PNG, least=256)},
        _costs(2),
        described=False,
    ),
    Feature(
        "correct-color",
        "colorize/color-correct",
        "inferred",
        p.Plain,
        _PHOTO,
        _costs(2),
        described=False,
    ),
    Feature(
        "replace-objects",
        "obj-replace",
        "inferred",
        p.ReplaceObjects,
        {"image": _picture(JPEG, PNG, longest=2048, shortest=1024), "mask": _MASK},
        _costs(1),
        described=False,
    ),
    Feature(
        "face-swap",
        "face-swap",
        "inferred",
        p.SwapFaces,
        {**_PHOTO, "face": _FACE},
        _costs(1),
        described=False,
    ),
)
"""Every feature of the vendor's document; the ones that it describes come first."""
