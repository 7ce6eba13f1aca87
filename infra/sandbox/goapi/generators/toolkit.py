"""The generators of the image toolkit: upscale, remove the background, segment, swap faces.

Both the unified tasks of `Qubico/image-toolkit` and the older toolkit v2 use them.
"""

import numpy as np

from infra.sandbox.goapi.generators.context import BAD_IMAGE, GenerationContext, Output
from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.face_swap import Box, find_faces, swap_face
from infra.sandbox.image_ops.filters import smooth_skin
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.segment import mask_by_prompt
from infra.sandbox.jobs import WorkError

FACE_SIDE = 2048
MAX_OUTPUT_PIXELS = 100_000_000
NO_FACE = "invalid request, no face found in the image"
SAMPLE_FACTOR = -15


def upscale(ctx: GenerationContext) -> Output:
    """Enlarge by exactly `scale`, by default 2."""
    image = enlarge_photo(ctx.photo(ctx.input["image"]), ctx.number("scale", 2))
    if ctx.input.get("face_enhance"):
        image = smooth_skin(image)
    return {"image_base64": "", "image_url": ctx.store_image(image)}


def remove_background(ctx: GenerationContext) -> Output:
    """Make the background transparent."""
    return {"image_base64": "", "image_url": ctx.store_image(_cut_out(ctx))}


def segment(ctx: GenerationContext) -> Output:
    """Return the mask, and the four images that the older toolkit returns."""
    four = segment_images(ctx)
    links = [ctx.store_image(image) for image in four]
    return {"image_url": links[2], "image_urls": links}


def swap_one_face(ctx: GenerationContext) -> Output:
    """Replace the first face of the target by the first face of the source."""
    target, source = _face_photos(ctx)
    swapped = swap_face(target.rgb, _find_faces(target)[0], source.rgb, _find_faces(source)[0])
    return {"image_base64": "", "image_url": ctx.store_image(swapped, "jpg")}


def swap_many_faces(ctx: GenerationContext) -> Output:
    """Replace the indexed faces of the target by the indexed faces of the source, in order."""
    target, source = _face_photos(ctx)
    target_faces, source_faces = _find_faces(target), _find_faces(source)
    target_indices = _parse_indices(ctx.text("target_faces_index"), len(target_faces))
    source_indices = _parse_indices(ctx.text("swap_faces_index"), len(source_faces))
    image = target.rgb
    for number, index in enumerate(target_indices):
        face = source_faces[source_indices[min(number, len(source_indices) - 1)]]
        image = swap_face(image, target_faces[index], source.rgb, face)
    return {"image_base64": "", "image_url": ctx.store_image(image, "jpg")}


def enlarge_photo(photo: Photo, scale: float) -> Pixels:
    """Enlarge an image and its alpha channel."""
    width, height = photo.size
    if width * height * scale**2 > MAX_OUTPUT_PIXELS:
        raise WorkError(f"output is larger than {MAX_OUTPUT_PIXELS} pixels")
    large = enlarge(photo.rgb, round(scale))
    if photo.alpha is None:
        return large
    alpha = enlarge(np.dstack([photo.alpha] * 3), round(scale), sharpen=0)
    return np.dstack([large, alpha[:, :, 0]])


def segment_images(ctx: GenerationContext) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return the segment tinted, the rest tinted, the mask, and the inverse mask."""
    photo = ctx.photo(ctx.input["image"])
    factor = ctx.input.get("segment_factor")
    mask = mask_by_prompt(
        photo.rgb,
        ctx.text("prompt"),
        ctx.text("negative_prompt"),
        int(factor) if isinstance(factor, (int, float)) else SAMPLE_FACTOR,
    )
    inverse = as_bytes(255 - mask)
    return _tint(photo.rgb, mask), _tint(photo.rgb, inverse), mask, inverse


def _cut_out(ctx: GenerationContext) -> Pixels:
    photo = ctx.photo(ctx.input["image"])
    return with_alpha(photo.rgb, find_subject(photo.rgb).matte)


def _tint(rgb: Pixels, mask: Pixels) -> Pixels:
    tint = as_bytes(0.5 * rgb + 0.5 * np.array((255, 40, 40)))
    return np.where(mask[:, :, None] > 0, tint, rgb)


def _face_photos(ctx: GenerationContext) -> tuple[Photo, Photo]:
    photos = ctx.photo(ctx.input["target_image"]), ctx.photo(ctx.input["swap_image"])
    for photo in photos:
        if max(photo.size) > FACE_SIDE:
            raise WorkError(f"{BAD_IMAGE}: larger than {FACE_SIDE}x{FACE_SIDE}")
    return photos


def _find_faces(photo: Photo) -> list[Box]:
    found = find_faces(photo.rgb)
    if not found:
        raise WorkError(NO_FACE)
    return found


def _parse_indices(words: str, count: int) -> list[int]:
    """Read "0,1"; an empty text selects every face, an index without a face fails the task."""
    if not words.strip():
        return list(range(count))
    read = [int(word) if word.strip().isdecimal() else count for word in words.split(",")]
    if any(index >= count for index in read):
        raise WorkError(NO_FACE)
    return read
