"""Perfect's features as a table: paths, what a task needs, what it may answer with, its price.

From the vendor's document, one section per feature, and its table of formats and dimensions. The
document shows `hair-style` only as a path; the other slugs are those that working clients use. Two
features have two, since the sources do not agree.
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
    """One feature; `credits` is what one success costs, `action` its word in the history.

    `output_exts` has the default first; without `roles` there is no file to upload.
    """

    name: str
    slugs: tuple[str, ...]
    credits: int
    action: str
    output_exts: tuple[str, ...] = ("jpg",)
    roles: tuple[Role, ...] = ("src_ids",)
    params: Params = "none"
    content_types: tuple[str, ...] = JPG_OR_PNG
    longest_side: int = LARGE
    request_id_required: bool = True
    odd_formats: tuple[str, ...] = ()

    @property
    def has_styles(self) -> bool:
        """Whether it lists style groups and styles."""
        return self.params in ("style", "prompt")


FEATURES: tuple[Feature, ...] = (
    Feature(
        "hair-style",
        ("hair-style",),
        credits=1,
        action="api_hair_style",
        params="style",
        longest_side=SMALL,
    ),
    # The table of dimensions leaves wig and aging out; the largest of the others stands in.
    Feature("wig", ("wig",), credits=1, action="wig", params="style"),
    *(
        Feature(
            name,
            (name,),
            credits=price,
            action=action,
            params="style",
            longest_side=SMALL,
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
        longest_side=SMALL,
        odd_formats=("TIFF", "GIF"),
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
