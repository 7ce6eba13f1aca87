"""Does a task's work: reads its files, edits, and keeps the results.

What goes wrong here ends the task with one of the engine's own codes, from the vendor's list of
error codes; the client sees it when it asks for the status.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from infra.sandbox.file_store import MissingFileError
from infra.sandbox.image_ops import hair
from infra.sandbox.image_ops.codec import BadImageError, Photo, Pixels, decode, encode, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import poster
from infra.sandbox.image_ops.face import aged, made_up
from infra.sandbox.image_ops.fill import heal
from infra.sandbox.image_ops.head import find_head
from infra.sandbox.image_ops.mask import white
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.shades import colour_variants
from infra.sandbox.image_ops.tone import denoise
from infra.sandbox.jobs import WorkError
from infra.sandbox.perfect.features import MAX_FILE_BYTES, Feature
from infra.sandbox.perfect.requests import Order
from infra.sandbox.perfect.storage import NeverUploadedError, Storage

ENGINE_CODES = frozenset(
    {
        "exceed_max_filesize",
        "invalid_parameter",
        "error_download_image",
        "error_download_mask",
        "error_decode_image",
        "error_decode_mask",
        "error_inference",
        "unknown_internal_error",
    }
)
# What the vendor's engine can say besides needs a real model; a fault can ask for it.

# WebP for what other tasks have made; HEIC is in the vendor's table, and cannot be decoded here.
FORMATS = ("JPEG", "PNG", "WEBP")
DRAWN_EDGE = 1024
MAX_OUTPUT_PIXELS = 64_000_000  # beyond this the sandbox's memory is the limit, not the vendor
AGES = (12, 20, 28, 36, 44, 52, 60, 68)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What an edit works on: the files by the feature's order, scale, and what words there are."""

    photos: tuple[Photo, ...]
    scale: int
    prompt: str
    style: str


@dataclass(frozen=True)
class Made:
    """What an edit gives: pictures, what is known of each, and of all."""

    pictures: list[Pixels]
    facts: list[dict[str, object]] = field(default_factory=list)
    custom_info: dict[str, object] | None = None


@dataclass(frozen=True)
class Kept:
    """Results in storage: file ids with their facts, and what is known of all."""

    data: list[dict[str, object]]
    custom_info: dict[str, object] | None


def run(
    feature: Feature,
    order: Order,
    style: str,
    storage: Storage,
    *,
    gone: int | None = None,
    pad_bytes: int = 0,
) -> Kept:
    """Do the work, or raise `WorkError` with an engine code."""
    photos = tuple(
        _read(feature, storage, file_id, role == "mask_ids")
        for role, file_id in zip(feature.roles, order.files, strict=True)
    )
    asked = Asked(photos, order.params.scale or 1, order.params.prompt or "", style)
    try:
        made = EDITS[feature.name](asked)
        contents = [encode(picture, order.output_ext) for picture in made.pictures]
    except (cv2.error, BadImageError, MemoryError) as exc:
        _log.exception("the work of %s failed", feature.name)
        raise WorkError("error_inference") from exc
    # Behind the end of a JPEG or PNG nobody looks; a WebP declares its length.
    pad = bytes(0 if order.output_ext == "webp" else pad_bytes)
    ids = [storage.keep(content + pad, order.output_ext, gone) for content in contents]
    facts = made.facts or [{} for _ in ids]
    data = [{"dst_id": one} | known for one, known in zip(ids, facts, strict=True)]
    return Kept(data, made.custom_info)


def _read(feature: Feature, storage: Storage, file_id: str, is_mask: bool) -> Photo:  # noqa: FBT001
    kind = "mask" if is_mask else "image"
    try:
        content = storage.content(file_id)
    except NeverUploadedError as exc:
        raise WorkError("unknown_internal_error") from exc
    except MissingFileError as exc:
        raise WorkError(f"error_download_{kind}") from exc
    if len(content) >= MAX_FILE_BYTES:
        raise WorkError("exceed_max_filesize")
    try:
        photo = decode(_as_readable(content, (*FORMATS, *feature.odd_formats)))
    except BadImageError as exc:
        raise WorkError(f"error_decode_{kind}") from exc
    if max(photo.size) > feature.longest_side:
        # The vendor's list has one code for what is too large, and none for dimensions.
        raise WorkError("exceed_max_filesize")
    return photo


def _as_readable(content: bytes, formats: tuple[str, ...]) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=formats) as image:
            if image.format != "TIFF":
                return content
            plain = BytesIO()
            image.convert("RGBA").save(plain, "PNG")
            return plain.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as exc:
        raise BadImageError("the file is not an image that this feature takes") from exc


def _hair(edit: Callable[[Pixels, str], Pixels]) -> Callable[[Asked], Made]:
    return lambda asked: Made([edit(asked.photos[0].rgb, asked.style)])


def _series(asked: Asked) -> Made:
    """Make a series of ages, the uploaded photo in the place of the age that it is nearest to."""
    rgb = asked.photos[0].rgb
    age = 18 + int(rgb.mean()) % 40
    own = int(np.argmin([abs(one - age) for one in AGES]))
    head = find_head(rgb)
    return Made(
        [rgb if place == own else aged(rgb, one - age, head) for place, one in enumerate(AGES)],
        [{"res_age": one} for one in AGES],
        {
            "age": age,
            "age_idx": own,
            "age_min": AGES[0],
            "age_max": AGES[-1],
            "num_of_photos": len(AGES),
        },
    )


def _transfer(asked: Asked) -> Made:
    source, reference = asked.photos
    # The document speaks of product recommendations here and names neither the object nor a field.
    return Made([made_up(source.rgb, reference.rgb)])


def _remove(asked: Asked) -> Made:
    source, mask = asked.photos
    if mask.size != source.size:
        raise WorkError("invalid_parameter")
    return Made([heal(source.rgb, white(mask, source.size))])


def _cut_out(asked: Asked) -> Made:
    rgb = asked.photos[0].rgb
    return Made([with_alpha(rgb, find_subject(rgb).matte)])


def _enhance(asked: Asked) -> Made:
    photo = asked.photos[0]
    width, height = photo.size
    if width * height * asked.scale**2 > MAX_OUTPUT_PIXELS:
        raise WorkError("error_inference")
    return Made([enlarge(denoise(photo.rgb), asked.scale)])


EDITS: Mapping[str, Callable[[Asked], Made]] = {
    "hair-style": _hair(hair.styled),
    "wig": _hair(hair.wigged),
    "hair-ext": _hair(hair.extended),
    "hair-bang": _hair(hair.banged),
    "hair-vol": _hair(hair.fuller),
    "aging": _series,
    "mu-trans-rec": _transfer,
    "obj-rem": _remove,
    "colorize": lambda asked: Made(colour_variants(asked.photos[0].rgb)),
    "sod": _cut_out,
    "enhance": _enhance,
    "text-to-image": lambda asked: Made(
        [poster(asked.prompt, DRAWN_EDGE, DRAWN_EDGE, artist=asked.style)]
    ),
}
