"""Does a task's work: reads its files, edits them, and stores the results.

A failure ends the task with one of the engine's error codes from the vendor's list; the client sees
it in the task's status.
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
from infra.sandbox.image_ops.codec import (
    BadImageError,
    Photo,
    Pixels,
    decode,
    encode,
    to_rgba,
    with_alpha,
)
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import draw_poster
from infra.sandbox.image_ops.face import age_face, transfer_makeup
from infra.sandbox.image_ops.fill import heal
from infra.sandbox.image_ops.head import find_head
from infra.sandbox.image_ops.mask import read_white_mask
from infra.sandbox.image_ops.resize import enlarge, keep_alpha
from infra.sandbox.image_ops.tone import colour_variants, denoise
from infra.sandbox.jobs import WorkError
from infra.sandbox.perfect.features import MAX_FILE_BYTES, Feature
from infra.sandbox.perfect.requests import TaskRequest
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
# The vendor's other codes need a real model; a fault can set them.

# WebP is a result format of other tasks. HEIC is in the vendor's table but cannot be decoded here.
FORMATS = ("JPEG", "PNG", "WEBP")
DRAWN_EDGE = 1024
MAX_OUTPUT_PIXELS = 64_000_000  # the limit of the sandbox's memory, not of the vendor
AGES = (12, 20, 28, 36, 44, 52, 60, 68)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EditInput:
    """The input of an edit: its images in the order of the feature's roles, and parameters."""

    photos: tuple[Photo, ...]
    scale: int
    prompt: str
    style: str


@dataclass(frozen=True)
class EditResult:
    """The result of an edit: images, details of each, and details of all."""

    images: list[Pixels]
    details: list[dict[str, object]] = field(default_factory=list)
    custom_info: dict[str, object] | None = None


@dataclass(frozen=True)
class StoredResult:
    """A stored result: file ids with their details, and details of all."""

    data: list[dict[str, object]]
    custom_info: dict[str, object] | None


def render(
    feature: Feature,
    task_request: TaskRequest,
    style: str,
    storage: Storage,
    *,
    gone_status: int | None = None,
    pad_bytes: int = 0,
) -> StoredResult:
    """Do the work, or raise `WorkError` with an engine code."""
    photos = tuple(
        _read(feature, storage, file_id, role == "mask_ids")
        for role, file_id in zip(feature.roles, task_request.files, strict=True)
    )
    edit_input = EditInput(
        photos, task_request.params.scale or 1, task_request.params.prompt or "", style
    )
    try:
        result = EDITS[feature.name](edit_input)
        contents = [encode(image, task_request.output_ext) for image in result.images]
    except (cv2.error, BadImageError, MemoryError) as exc:
        _log.exception("the work of %s failed", feature.name)
        raise WorkError("error_inference") from exc
    # Decoders ignore bytes after the end of a JPEG or PNG; a WebP declares its length.
    pad = bytes(0 if task_request.output_ext == "webp" else pad_bytes)
    ids = [
        storage.store_result(content + pad, task_request.output_ext, gone_status)
        for content in contents
    ]
    details = result.details or [{} for _ in ids]
    data = [{"dst_id": one} | known for one, known in zip(ids, details, strict=True)]
    return StoredResult(data, result.custom_info)


def _read(feature: Feature, storage: Storage, file_id: str, is_mask: bool) -> Photo:  # noqa: FBT001
    kind = "mask" if is_mask else "image"
    try:
        content = storage.read(file_id)
    except NeverUploadedError as exc:
        raise WorkError("unknown_internal_error") from exc
    except MissingFileError as exc:
        raise WorkError(f"error_download_{kind}") from exc
    if len(content) >= MAX_FILE_BYTES:
        raise WorkError("exceed_max_filesize")
    try:
        photo = decode(_as_readable(content, (*FORMATS, *feature.extra_formats)))
    except BadImageError as exc:
        raise WorkError(f"error_decode_{kind}") from exc
    if max(photo.size) > feature.max_side:
        # The vendor's list has no code for dimensions, only this one for a file that is too large.
        raise WorkError("exceed_max_filesize")
    return photo


def _as_readable(content: bytes, formats: tuple[str, ...]) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=formats) as image:
            if image.format != "TIFF":
                return content
            plain = BytesIO()
            to_rgba(image).save(plain, "PNG")
            return plain.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as exc:
        raise BadImageError("the file is not an image that this feature takes") from exc


def _hair(edit: Callable[[Pixels, str], Pixels]) -> Callable[[EditInput], EditResult]:
    return lambda edit_input: EditResult([edit(edit_input.photos[0].rgb, edit_input.style)])


def _age_series(edit_input: EditInput) -> EditResult:
    """Return a series of ages, with the photo itself at the age nearest to its own."""
    rgb = edit_input.photos[0].rgb
    age = 18 + int(rgb.mean()) % 40
    own = int(np.argmin([abs(one - age) for one in AGES]))
    head = find_head(rgb)
    return EditResult(
        [rgb if place == own else age_face(rgb, one - age, head) for place, one in enumerate(AGES)],
        [{"res_age": one} for one in AGES],
        {
            "age": age,
            "age_idx": own,
            "age_min": AGES[0],
            "age_max": AGES[-1],
            "num_of_photos": len(AGES),
        },
    )


def _transfer_makeup(edit_input: EditInput) -> EditResult:
    source, reference = edit_input.photos
    # The document mentions product recommendations here, without naming a field for them.
    return EditResult([transfer_makeup(source.rgb, reference.rgb)])


def _remove_object(edit_input: EditInput) -> EditResult:
    source, mask = edit_input.photos
    if mask.size != source.size:
        raise WorkError("invalid_parameter")
    return EditResult([heal(source.rgb, read_white_mask(mask, source.size))])


def _cut_out(edit_input: EditInput) -> EditResult:
    rgb = edit_input.photos[0].rgb
    return EditResult([with_alpha(rgb, find_subject(rgb).matte)])


def _enhance(edit_input: EditInput) -> EditResult:
    photo = edit_input.photos[0]
    width, height = photo.size
    if width * height * edit_input.scale**2 > MAX_OUTPUT_PIXELS:
        raise WorkError("error_inference")
    large = enlarge(denoise(photo.rgb), edit_input.scale)
    return EditResult([keep_alpha(photo, large)])


EDITS: Mapping[str, Callable[[EditInput], EditResult]] = {
    "hair-style": _hair(hair.restyle_hair),
    "wig": _hair(hair.put_on_wig),
    "hair-ext": _hair(hair.extend_hair),
    "hair-bang": _hair(hair.add_bangs),
    "hair-vol": _hair(hair.add_volume),
    "aging": _age_series,
    "mu-trans-rec": _transfer_makeup,
    "obj-rem": _remove_object,
    "colorize": lambda edit_input: EditResult(colour_variants(edit_input.photos[0].rgb)),
    "sod": _cut_out,
    "enhance": _enhance,
    "text-to-image": lambda edit_input: EditResult(
        [draw_poster(edit_input.prompt, DRAWN_EDGE, DRAWN_EDGE, variant=edit_input.style)]
    ),
}
