"""The table of Perfect's features: paths, inputs, output formats and price of each.

From the vendor's document, one section per feature, and its table of formats and dimensions. The
document shows the path of `hair-style` only; the other slugs are those of working clients. Two
features have two slugs, since the sources do not agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Role = Literal["src_ids", "ref_ids", "mask_ids"]
Params = Literal["none", "style", "scale", "prompt"]

JPG_OR_PNG = ("image/jpg", "image/jpeg", "image/png")
MAX_FILE_BYTES = 10 * 1024 * 1024  # "< 10MB" for every feature
SMALL, LARGE = 1024, 4096


@dataclass(frozen=True)
class Feature:
    """One feature.

    `credits` is the price of a success, `action` its name in the credit history. The first of
    `output_exts` is the default. `roles` are the files of a task, in order. `max_side` is in
    pixels. `extra_formats` are Pillow's names of formats that only this feature takes.
    """

    name: str
    slugs: tuple[str, ...]
    credits: int
    action: str
    output_exts: tuple[str, ...] = ("jpg",)
    roles: tuple[Role, ...] = ("src_ids",)
    params: Params = "none"
    content_types: tuple[str, ...] = JPG_OR_PNG
    max_side: int = LARGE
    request_id_required: bool = True
    extra_formats: tuple[str, ...] = ()

    @property
    def has_styles(self) -> bool:
        """Whether it has style groups and styles."""
        return self.params in ("style", "prompt")


FEATURES: tuple[Feature, ...] = (
    Feature(
        "hair-style",
        ("hair-style",),
        credits=1,
        action="api_hair_style",
        params="style",
        max_side=SMALL,
    ),
    # The table of dimensions omits wig and aging; they get the largest of the others.
    Feature("wig", ("wig",), credits=1, action="wig", params="style"),
    *(
        Feature(
            name,
            (name,),
            credits=price,
            action=action,
            params="style",
            max_side=SMALL,
            # The document marks `request_id` as required everywhere but in these three.
            request_id_required=False,
        )
        for name, price, action in (
            ("hair-ext", 1, "api_hair_ext"),
            ("hair-bang", 1, "api_hair_bang"),
            ("hair-vol", 2, "api_hair_vol"),
        )
    ),
    Feature("aging", ("aging",), credits=2, action="api_aging"),
    Feature(
        "mu-trans-rec",
        ("mu-trans-rec", "mu-transfer"),
        credits=2,
        action="api_mu_trans_rec",
        roles=("src_ids", "ref_ids"),
        content_types=(*JPG_OR_PNG, "image/tiff", "image/gif"),
        max_side=SMALL,
        extra_formats=("TIFF", "GIF"),
    ),
    Feature(
        "obj-rem",
        ("obj-rem", "obj-removal"),
        credits=1,
        action="api_object_removal",
        output_exts=("jpg", "webp"),
        roles=("src_ids", "mask_ids"),
    ),
    Feature(
        "colorize",
        ("colorize",),
        credits=2,
        action="api_colorize",
        output_exts=("jpg", "webp"),
    ),
    Feature(
        "sod", ("sod",), credits=1, action="api_background_removal", output_exts=("png", "webp")
    ),
    Feature(
        "enhance",
        ("enhance",),
        credits=2,
        action="api_photo_enhance",
        output_exts=("jpg", "webp"),
        params="scale",
    ),
    Feature(
        "text-to-image",
        ("text-to-image",),
        credits=2,
        action="api_text_to_image",
        roles=(),
        params="prompt",
    ),
)

BY_SLUG: Mapping[str, Feature] = MappingProxyType(
    {slug: feature for feature in FEATURES for slug in feature.slugs}
)
