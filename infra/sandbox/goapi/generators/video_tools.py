"""What the video tools do to a video, frame by frame."""

from collections.abc import Callable

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.toolkit import NO_FACE
from infra.sandbox.goapi.generators.video_files import Form, as_video_url, fetch_clip, keep_film
from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.swap import find_faces, swap_face
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.clips import Clip

MATTE_EVERY = 10  # frames that share a matte: finding one takes longer than drawing one
GREEN = (0, 177, 64)


def upscale(bench: GenerationContext) -> Output:
    """Enlarge every frame exactly, by 2 unless asked otherwise."""
    clip = fetch_clip(bench, bench.input["video"])
    factor = bench.whole("scale", 2)
    return as_video_url(keep_film(bench, clip, lambda frame: enlarge(frame, factor)))


def remove_background(bench: GenerationContext) -> Output:
    """Put the subject before green, as MP4 has no transparency; inverted, cover it."""
    clip = fetch_clip(bench, bench.input["video"])
    frames: list[Pixels] = []
    matte = find_subject(clip.frames[0]).matte
    for number, frame in enumerate(clip.frames):
        if number and number % MATTE_EVERY == 0:
            matte = find_subject(frame).matte
        shown = as_bytes(255 - matte) if bench.input.get("invert_output") else matte
        share = shown[:, :, None].astype(np.float32) / 255
        frames.append(as_bytes(frame * share + np.array(GREEN) * (1 - share)))
    return as_video_url(keep_film(bench, Clip(frames, clip.seconds)))


def swap_faces(bench: GenerationContext) -> Output:
    """Put the face of a picture over the first face of every frame."""
    clip = fetch_clip(bench, bench.input["target_video"])
    source = bench.photo(bench.input["swap_image"]).rgb
    faces = find_faces(source)
    if not faces:
        raise WorkError(NO_FACE)
    frames: list[Pixels] = []
    where = find_faces(clip.frames[0])
    for number, frame in enumerate(clip.frames):
        if number and number % MATTE_EVERY == 0:
            where = find_faces(frame) or where
        if not where:
            raise WorkError(NO_FACE)
        frames.append(swap_face(frame, where[0], source, faces[0]))
    return as_video_url(keep_film(bench, Clip(frames, clip.seconds)))


def remove_watermark(form: Form) -> Callable[[GenerationContext], Output]:
    """Make the maker that smears the lower right corner, where marks are put."""

    def make(bench: GenerationContext) -> Output:
        clip = fetch_clip(bench, bench.input["video_url"])
        width, height = clip.size
        corner = np.s_[height * 4 // 5 :, width * 3 // 4 :]
        frames = [frame.copy() for frame in clip.frames]
        for frame in frames:
            frame[corner] = cv2.GaussianBlur(frame[corner], (0, 0), max(2, height / 24))
        return form(keep_film(bench, Clip(frames, clip.seconds)))

    return make
