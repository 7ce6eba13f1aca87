"""What Apiframe's five models do to a picture, and what they cost.

The prices of clarity-upscale and flux-fill-pro are the vendor's. Those of topaz-image-upscale (by
output megapixels), bria-bg-remove and 851-bg-remove are not published; these are guesses.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from infra.sandbox.apiframe.request_bodies import (
    Body,
    BriaBody,
    ClarityBody,
    ClarityParams,
    FluxFillBody,
    FluxFillParams,
    Lab851Body,
    Lab851Params,
    TopazBody,
    TopazParams,
)
from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.fill import extend, imagine
from infra.sandbox.image_ops.mask import white
from infra.sandbox.image_ops.resize import enlarge, unsharp

CLARITY_CREDITS = 3
FLUX_FILL_CREDITS = 9
BRIA_CREDITS = 2
LAB851_CREDITS = 1
TOPAZ_CREDITS_PER_STEP = 5
TOPAZ_STEP_PIXELS = 24_000_000
MAX_OUTPUT_PIXELS = 100_000_000

Fetcher = Callable[[str], Photo]


class TooLargeError(Exception):
    """The output would be larger than the model makes."""


@dataclass(frozen=True)
class Made:
    """The pixels of a result and the format they are wanted in."""

    pixels: Pixels
    form: str


def topaz_credits(params: TopazParams, source: Photo) -> int:
    """Price an upscale by what it puts out."""
    width, height = source.size
    pixels = width * height * params.upscale_factor**2
    return TOPAZ_CREDITS_PER_STEP * max(1, math.ceil(pixels / TOPAZ_STEP_PIXELS))


def flat_credits(body: Body) -> int:
    """Price the models whose price does not depend on the picture."""
    match body:
        case ClarityBody():
            return CLARITY_CREDITS
        case FluxFillBody():
            return FLUX_FILL_CREDITS
        case BriaBody():
            return BRIA_CREDITS
        case _:
            return LAB851_CREDITS


def make(body: Body, fetched: Fetcher) -> Made:
    """Do the work of one job."""
    match body:
        case TopazBody():
            return _topaz(body.topazUpscaleParams, fetched)
        case ClarityBody():
            return _clarity(body.clarityUpscaleParams, fetched)
        case BriaBody():
            photo = fetched(body.briaBgRemoveParams.image)
            return Made(with_alpha(photo.rgb, find_subject(photo.rgb).matte), "png")
        case Lab851Body():
            return _lab851(body.lab851BgRemoveParams, fetched)
        case FluxFillBody():
            return _flux_fill(body.fluxFillParams, fetched)


def _topaz(params: TopazParams, fetched: Fetcher) -> Made:
    photo = fetched(params.image)
    sharpen = {"low-res-v2": 1.2, "text-refine": 1.4, "high-fidelity-v2": 0.3}
    factor = _checked(photo, int(params.upscale_factor))
    return Made(
        enlarge(photo.rgb, factor, sharpen=sharpen.get(params.model_type, 0.7)),
        params.output_format,
    )


def _clarity(params: ClarityParams, fetched: Fetcher) -> Made:
    photo = fetched(params.image)
    large = enlarge(photo.rgb, _checked(photo, int(params.scale_factor)), sharpen=0.5)
    detailed = unsharp(large, params.creativity + params.dynamic / 20, radius=6)
    if params.sharpen:
        detailed = unsharp(detailed, params.sharpen / 5)
    return Made(detailed, params.output_format)


def _checked(photo: Photo, factor: int) -> int:
    width, height = photo.size
    if width * height * factor**2 > MAX_OUTPUT_PIXELS:
        raise TooLargeError(f"the output would have more than {MAX_OUTPUT_PIXELS} pixels")
    return factor


def _lab851(params: Lab851Params, fetched: Fetcher) -> Made:
    photo = fetched(params.image)
    matte = find_subject(photo.rgb).matte
    if params.reverse:
        matte = 255 - matte
    if params.threshold > 0:
        matte = as_bytes((matte > params.threshold * 255) * 255)
    if params.background_type == "map":
        return Made(matte, params.format)
    if params.background_type == "rgba":
        return Made(with_alpha(photo.rgb, matte), params.format)
    share = matte[:, :, None].astype(np.float32) / 255
    behind = _background(params.background_type, photo.rgb)
    return Made(as_bytes(photo.rgb * share + behind * (1 - share)), params.format)


def _background(kind: str, rgb: Pixels) -> Pixels:
    if kind == "blur":
        return as_bytes(cv2.GaussianBlur(rgb, (0, 0), max(2.0, max(rgb.shape[:2]) / 40)))
    if kind == "overlay":
        tint = np.full_like(rgb, (0, 200, 120))
        return as_bytes(cv2.addWeighted(rgb, 0.4, tint, 0.6, 0))
    return np.full_like(rgb, (0, 255, 0) if kind == "green" else (255, 255, 255))


def _flux_fill(params: FluxFillParams, fetched: Fetcher) -> Made:
    photo = fetched(params.image)
    if params.mode == "inpaint" and params.mask is not None:
        mask = white(fetched(params.mask), photo.size)
        return Made(imagine(photo.rgb, mask, params.prompt), params.output_format)
    border = _border(params.outpaint or "", *photo.size)
    return Made(extend(photo.rgb, **border, prompt=params.prompt), params.output_format)


def _border(preset: str, width: int, height: int) -> dict[str, int]:
    """Return how many pixels the preset adds on each side."""
    short_x, short_y = max(0, height - width), max(0, width - height)
    sides = {
        "Zoom out 1.5x": (width / 4, height / 4, width / 4, height / 4),
        "Zoom out 2x": (width / 2, height / 2, width / 2, height / 2),
        "Make square": (short_x // 2, short_y // 2, short_x - short_x // 2, short_y - short_y // 2),
        "Left outpaint": (width / 2, 0, 0, 0),
        "Top outpaint": (0, height / 2, 0, 0),
        "Right outpaint": (0, 0, width / 2, 0),
        "Bottom outpaint": (0, 0, 0, height / 2),
    }[preset]
    return dict(zip(("left", "top", "right", "bottom"), map(round, sides), strict=True))
