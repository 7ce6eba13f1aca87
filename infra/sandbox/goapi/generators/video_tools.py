"""The generators of the video toolkit: they edit a video frame by frame."""

from collections.abc import Callable

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.toolkit import NO_FACE
from infra.sandbox.goapi.generators.video_outputs import (
    OutputFormat,
    fetch_clip,
    store_video,
    video_url_output,
)
from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.face_swap import find_faces, swap_face
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.clips import Clip

MATTE_EVERY = 10  # frames that share a matte, since finding one is slow
GREEN = (0, 177, 64)


def upscale(ctx: GenerationContext) -> Output:
    """Enlarge every frame by exactly `scale`, by default 2."""
    clip = fetch_clip(ctx, ctx.input["video"])
    factor = ctx.whole("scale", 2)
    return video_url_output(store_video(ctx, clip, lambda frame: enlarge(frame, factor)))


def remove_background(ctx: GenerationContext) -> Output:
    """Replace the background by green, as MP4 has no transparency; inverted, the subject."""
    clip = fetch_clip(ctx, ctx.input["video"])
    frames: list[Pixels] = []
    matte = find_subject(clip.frames[0]).matte
    for number, frame in enumerate(clip.frames):
        if number and number % MATTE_EVERY == 0:
            matte = find_subject(frame).matte
        shown = as_bytes(255 - matte) if ctx.input.get("invert_output") else matte
        share = shown[:, :, None].astype(np.float32) / 255
        frames.append(as_bytes(frame * share + np.array(GREEN) * (1 - share)))
    return video_url_output(store_video(ctx, Clip(frames, clip.seconds)))


def swap_faces(ctx: GenerationContext) -> Output:
    """Replace the first face of every frame by the face of an image."""
    clip = fetch_clip(ctx, ctx.input["target_video"])
    source = ctx.photo(ctx.input["swap_image"]).rgb
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
    return video_url_output(store_video(ctx, Clip(frames, clip.seconds)))


def remove_watermark(output_format: OutputFormat) -> Callable[[GenerationContext], Output]:
    """Return the generator that blurs the lower right corner, where watermarks are."""

    def generate(ctx: GenerationContext) -> Output:
        clip = fetch_clip(ctx, ctx.input["video_url"])
        width, height = clip.size
        corner = np.s_[height * 4 // 5 :, width * 3 // 4 :]
        frames = [frame.copy() for frame in clip.frames]
        for frame in frames:
            frame[corner] = cv2.GaussianBlur(frame[corner], (0, 0), max(2, height / 24))
        return output_format(store_video(ctx, Clip(frames, clip.seconds)))

    return generate
