"""What the image toolkit does to pictures: upscale, cut out, segment, swap faces.

Used by the unified tasks of `Qubico/image-toolkit` and by the older toolkit v2 alike.
"""

import numpy as np

from infra.sandbox.goapi.generators.context import BAD_IMAGE, GenerationContext, Output
from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.look import smooth_skin
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.segment import mask_of
from infra.sandbox.image_ops.swap import Box, find_faces, swap_face
from infra.sandbox.jobs import WorkError

FACE_SIDE = 2048
MAX_OUTPUT_PIXELS = 100_000_000
NO_FACE = "invalid request, no face found in the image"
SAMPLE_FACTOR = -15


def upscale(bench: GenerationContext) -> Output:
    """Enlarge exactly, by 2 unless asked otherwise."""
    picture = upscaled(bench.photo(bench.input["image"]), bench.number("scale", 2))
    if bench.input.get("face_enhance"):
        picture = smooth_skin(picture)
    return {"image_base64": "", "image_url": bench.keep_image(picture)}


def remove_background(bench: GenerationContext) -> Output:
    """Make the background transparent."""
    return {"image_base64": "", "image_url": bench.keep_image(_cut_out(bench))}


def segment(bench: GenerationContext) -> Output:
    """Give the mask, and the four pictures that the older toolkit gives."""
    four = segments(bench)
    links = [bench.keep_image(picture) for picture in four]
    return {"image_url": links[2], "image_urls": links}


def swap_one_face(bench: GenerationContext) -> Output:
    """Put the first face of one picture over the first face of another."""
    target, source = _face_photos(bench)
    swapped = swap_face(target.rgb, _faces(target)[0], source.rgb, _faces(source)[0])
    return {"image_base64": "", "image_url": bench.keep_image(swapped, "jpg")}


def swap_many_faces(bench: GenerationContext) -> Output:
    """Put the named faces of one picture over the named faces of another, pair by pair."""
    target, source = _face_photos(bench)
    there, here = _faces(target), _faces(source)
    wanted = _indices(bench.text("target_faces_index"), len(there))
    given = _indices(bench.text("swap_faces_index"), len(here))
    picture = target.rgb
    for number, index in enumerate(wanted):
        face = here[given[min(number, len(given) - 1)]]
        picture = swap_face(picture, there[index], source.rgb, face)
    return {"image_base64": "", "image_url": bench.keep_image(picture, "jpg")}


def upscaled(photo: Photo, scale: float) -> Pixels:
    """Enlarge a picture with its transparency."""
    width, height = photo.size
    if width * height * scale**2 > MAX_OUTPUT_PIXELS:
        raise WorkError(f"output is larger than {MAX_OUTPUT_PIXELS} pixels")
    large = enlarge(photo.rgb, round(scale))
    if photo.alpha is None:
        return large
    alpha = enlarge(np.dstack([photo.alpha] * 3), round(scale), sharpen=0)
    return np.dstack([large, alpha[:, :, 0]])


def segments(bench: GenerationContext) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Return what is meant tinted, the rest tinted, the mask, and its inverse."""
    photo = bench.photo(bench.input["image"])
    factor = bench.input.get("segment_factor")
    mask = mask_of(
        photo.rgb,
        bench.text("prompt"),
        bench.text("negative_prompt"),
        int(factor) if isinstance(factor, (int, float)) else SAMPLE_FACTOR,
    )
    inverse = as_bytes(255 - mask)
    return _tinted(photo.rgb, mask), _tinted(photo.rgb, inverse), mask, inverse


def _cut_out(bench: GenerationContext) -> Pixels:
    photo = bench.photo(bench.input["image"])
    return with_alpha(photo.rgb, find_subject(photo.rgb).matte)


def _tinted(rgb: Pixels, mask: Pixels) -> Pixels:
    tint = as_bytes(0.5 * rgb + 0.5 * np.array((255, 40, 40)))
    return np.where(mask[:, :, None] > 0, tint, rgb)


def _face_photos(bench: GenerationContext) -> tuple[Photo, Photo]:
    photos = bench.photo(bench.input["target_image"]), bench.photo(bench.input["swap_image"])
    for photo in photos:
        if max(photo.size) > FACE_SIDE:
            raise WorkError(f"{BAD_IMAGE}: larger than {FACE_SIDE}x{FACE_SIDE}")
    return photos


def _faces(photo: Photo) -> list[Box]:
    found = find_faces(photo.rgb)
    if not found:
        raise WorkError(NO_FACE)
    return found


def _indices(words: str, count: int) -> list[int]:
    """Read "0,1"; without it every face is meant, and an index with no face is refused."""
    if not words.strip():
        return list(range(count))
    read = [int(word) if word.strip().isdecimal() else count for word in words.split(",")]
    if any(index >= count for index in read):
        raise WorkError(NO_FACE)
    return read
