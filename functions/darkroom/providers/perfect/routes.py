"""Every feature of Perfect in one table: operation, slug, files, limits, parameters and price.

Formats and dimensions are those of the vendor's table "Supported Formats & Dimensions" (Perfect AI
API 2.0), as far as an upload can name them: the table has HEIC for some features, but "Create a new
file" has no content type for it, and there is no other way to send a file. The document prints one
path only, `hair-style`; each feature says where its slug is from, and an environment's settings can
correct it. What the vendor requires of faces (width, pose) is checked by its engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from darkroom.domain.media import JPEG, MOV, MP4, PNG, Media
from darkroom.domain.price_table import Case, PriceTable, fixed_price
from darkroom.domain.routes import Role, Sides
from darkroom.providers.perfect import params as p

SlugSource = Literal["documented", "clients", "inferred", "guessed"]

FILE_SETS: Mapping[str, str] = {
    "image": "src_ids",
    "video": "src_ids",
    "mask": "mask_ids",
    "reference": "ref_ids",
    "face": "ref_ids",
}
"""Role -> the field of `file_sets` with the ids of its files."""


@dataclass(frozen=True)
class Feature:
    """One feature of the vendor.

    Attributes:
        operation: the product's name for it.
        slug: the vendor's name for it, in paths.
        slug_source: where the slug is from: the document, working clients of third parties, the
            vendor's later API or its wording, or a guess among several.
        params: its parameters.
        roles: its files.
        price: units of the vendor's later price list; the document itself has none.
        typical_s: seconds until the first poll; below 10, because a job that is not polled for 10
            seconds is lost.
        kind: of its results.
        described: whether the document says how to call it.
    """

    operation: str
    slug: str
    slug_source: SlugSource
    params: type[p.Plain]
    roles: Mapping[str, Role]
    price: PriceTable
    typical_s: int = 6
    kind: Literal["image", "video"] = "image"
    described: bool = True

    @property
    def has_styles(self) -> bool:
        """Whether it has a catalogue of styles."""
        return issubclass(self.params, p.Styled)


_VIDEO_PRICE = PriceTable((Case(1, per="dst_duration", step=2),))  # "1 per 2 s"

_IMAGE_BYTES = 10 * 1024 * 1024 - 1  # "< 10MB"
_VIDEO_BYTES = 100 * 1024 * 1024 - 1  # "<100MB"


def _image_role(
    *formats: Media, longest: int = 4096, shortest: int | None = None, least: int | None = None
) -> Role:
    return Role(frozenset(formats), max_bytes=_IMAGE_BYTES, sides=Sides(longest, shortest, least))


# "with the exact same width and hight with the input image"
_MASK = Role(frozenset({JPEG, PNG}), max_bytes=_IMAGE_BYTES, same_size_as="image")
_FACE = Role(
    frozenset({JPEG, PNG}), max_files=10, max_bytes=_IMAGE_BYTES, sides=Sides(max_longer=4096)
)
_VIDEO = Role(frozenset({MP4, MOV}), max_bytes=_VIDEO_BYTES, sides=Sides(max_longer=1920))
_MAKEUP = _image_role(JPEG, PNG, longest=1024)
_HEAD = {"image": _image_role(JPEG, PNG, longest=1024)}
_PHOTO = {"image": _image_role(JPEG, PNG)}

FEATURES: Sequence[Feature] = (
    Feature(
        "hairstyle",
        "hair-style",
        "documented",
        p.Styled,
        # The table has only jpg, though an upload can name png too.
        {"image": _image_role(JPEG, longest=1024)},
        fixed_price(1),
    ),
    # Not in the table of formats; assumed to be like the other hair features. No price is known.
    Feature("wig", "wig", "inferred", p.Styled, _HEAD, fixed_price(None)),
    Feature("hair-extension", "hair-ext", "clients", p.Styled, _HEAD, fixed_price(1)),
    Feature("hair-bangs", "hair-bang", "clients", p.Styled, _HEAD, fixed_price(1)),
    Feature("hair-volume", "hair-vol", "clients", p.Styled, _HEAD, fixed_price(2)),
    Feature(
        "aging",
        "aging",
        "clients",
        p.ToJpg,
        # Not in the table either; the limits are those of the vendor's later API.
        {"image": _image_role(JPEG, least=320)},
        fixed_price(2),
        typical_s=8,
    ),
    Feature(
        "makeup-transfer",
        "mu-trans-rec",
        "clients",
        p.ToJpg,
        {"image": _MAKEUP, "reference": _MAKEUP},
        fixed_price(2),
    ),
    Feature(
        "remove-objects",
        "obj-rem",  # not documented; the later API calls the same for videos `obj-rem-vid`
        "guessed",
        p.ToJpgOrWebp,
        {**_PHOTO, "mask": _MASK},
        fixed_price(1),
    ),
    Feature("colorize", "colorize", "inferred", p.ToJpgOrWebp, _PHOTO, fixed_price(2)),
    Feature(
        "remove-background", "sod", "clients", p.ToPngOrWebp, _PHOTO, fixed_price(1), typical_s=4
    ),
    Feature("upscale", "enhance", "clients", p.Upscale, _PHOTO, fixed_price(2)),
    Feature("enhance", "enhance", "clients", p.Enhance, _PHOTO, fixed_price(2)),
    Feature("generate", "text-to-image", "clients", p.Generate, {}, fixed_price(2), typical_s=8),
    # The following are only in the table of formats; slugs and parameters of the later API.
    Feature(
        "enhance-video",
        "video-sr",
        "inferred",
        p.EnhanceVideo,
        {"video": _VIDEO},
        _VIDEO_PRICE,
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
        fixed_price(4),
        described=False,
    ),
    Feature(
        "blur-background",
        "bg-blur",
        "inferred",
        p.BlurBackground,
        _PHOTO,
        fixed_price(1),
        described=False,
    ),
    Feature(
        "relight",
        "lighting",
        "inferred",
        p.Plain,
        {"image": _image_role(JPEG, PNG, least=256)},
        fixed_price(2),
        described=False,
    ),
    Feature(
        "correct-color",
        "colorize/color-correct",
        "inferred",
        p.Plain,
        _PHOTO,
        fixed_price(2),
        described=False,
    ),
    Feature(
        "replace-objects",
        "obj-replace",
        "inferred",
        p.ReplaceObjects,
        {"image": _image_role(JPEG, PNG, longest=2048, shortest=1024), "mask": _MASK},
        fixed_price(1),
        described=False,
    ),
    Feature(
        "face-swap",
        "face-swap",
        "inferred",
        p.SwapFaces,
        {**_PHOTO, "face": _FACE},
        fixed_price(1),
        described=False,
    ),
)
"""Every feature of the vendor's document; those that it describes come first."""
