"""The edits of Apiframe's five models, and their prices.

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
from infra.sandbox.image_ops.fill import extend_canvas, fill_from_prompt
from infra.sandbox.image_ops.mask import read_white_mask
from infra.sandbox.image_ops.resize import enlarge, keep_alpha, unsharp

CLARITY_CREDITS = 3
FLUX_FILL_CREDITS = 9
BRIA_CREDITS = 2
LAB851_CREDITS = 1
TOPAZ_CREDITS_PER_STEP = 5
TOPAZ_STEP_PIXELS = 24_000_000
MAX_OUTPUT_PIXELS = 100_000_000

PhotoFetcher = Callable[[str], Photo]


class TooLargeError(Exception):
    """The output would be larger than the model allows."""


@dataclass(frozen=True)
class RenderedImage:
    """The pixels of a result and its format."""

    pixels: Pixels
    form: str


def topaz_credits(params: TopazParams, source: Photo) -> int:
    """Return the price of an upscale, by the pixels of its output."""
    width, height = source.size
    pixels = width * height * params.upscale_factor**2
    return TOPAZ_CREDITS_PER_STEP * max(1, math.ceil(pixels / TOPAZ_STEP_PIXELS))


def flat_credits(body: Body) -> int:
    """Return the price of a model whose price does not depend on the image."""
    match body:
        case ClarityBody():
            return CLARITY_CREDITS
        case FluxFillBody():
            return FLUX_FILL_CREDITS
        case BriaBody():
            return BRIA_CREDITS
        case _:
            return LAB851_CREDITS


def render(body: Body, fetch_photo: PhotoFetcher) -> RenderedImage:
    """Do the work of one job."""
    match body:
        case TopazBody():
            return _topaz(body.topazUpscaleParams, fetch_photo)
        case ClarityBody():
            return _clarity(body.clarityUpscaleParams, fetch_photo)
        case BriaBody():
            photo = fetch_photo(body.briaBgRemoveParams.image)
            return RenderedImage(with_alpha(photo.rgb, find_subject(photo.rgb).matte), "png")
        case Lab851Body():
            return _lab851(body.lab851BgRemoveParams, fetch_photo)
        case FluxFillBody():
            return _flux_fill(body.fluxFillParams, fetch_photo)


def _topaz(params: TopazParams, fetch_photo: PhotoFetcher) -> RenderedImage:
    photo = fetch_photo(params.image)
    sharpen = {"low-res-v2": 1.2, "text-refine": 1.4, "high-fidelity-v2": 0.3}
    factor = _check_size(photo, int(params.upscale_factor))
    large = enlarge(photo.rgb, factor, sharpen=sharpen.get(params.model_type, 0.7))
    return RenderedImage(keep_alpha(photo, large), params.output_format)


def _clarity(params: ClarityParams, fetch_photo: PhotoFetcher) -> RenderedImage:
    photo = fetch_photo(params.image)
    large = enlarge(photo.rgb, _check_size(photo, int(params.scale_factor)), sharpen=0.5)
    detailed = unsharp(large, params.creativity + params.dynamic / 20, radius=6)
    if params.sharpen:
        detailed = unsharp(detailed, params.sharpen / 5)
    return RenderedImage(keep_alpha(photo, detailed), params.output_format)


def _check_size(photo: Photo, factor: int) -> int:
    width, height = photo.size
    if width * height * factor**2 > MAX_OUTPUT_PIXELS:
        raise TooLargeError(f"the output would have more than {MAX_OUTPUT_PIXELS} pixels")
    return factor


def _lab851(params: Lab851Params, fetch_photo: PhotoFetcher) -> RenderedImage:
    photo = fetch_photo(params.image)
    matte = find_subject(photo.rgb).matte
    if params.reverse:
        matte = 255 - matte
    if params.threshold > 0:
        matte = as_bytes((matte > params.threshold * 255) * 255)
    if params.background_type == "map":
        return RenderedImage(matte, params.format)
    if params.background_type == "rgba":
        return RenderedImage(with_alpha(photo.rgb, matte), params.format)
    share = matte[:, :, None].astype(np.float32) / 255
    behind = _background(params.background_type, photo.rgb)
    return RenderedImage(as_bytes(photo.rgb * share + behind * (1 - share)), params.format)


def _background(kind: str, rgb: Pixels) -> Pixels:
    if kind == "blur":
        return as_bytes(cv2.GaussianBlur(rgb, (0, 0), max(2.0, max(rgb.shape[:2]) / 40)))
    if kind == "overlay":
        tint = np.full_like(rgb, (0, 200, 120))
        return as_bytes(cv2.addWeighted(rgb, 0.4, tint, 0.6, 0))
    return np.full_like(rgb, (0, 255, 0) if kind == "green" else (255, 255, 255))


def _flux_fill(params: FluxFillParams, fetch_photo: PhotoFetcher) -> RenderedImage:
    photo = fetch_photo(params.image)
    if params.mode == "inpaint" and params.mask is not None:
        mask = read_white_mask(fetch_photo(params.mask), photo.size)
        return RenderedImage(fill_from_prompt(photo.rgb, mask, params.prompt), params.output_format)
    border = _border(params.outpaint or "", *photo.size)
    return RenderedImage(
        extend_canvas(photo.rgb, **border, prompt=params.prompt), params.output_format
    )


def _border(preset: str, width: int, height: int) -> dict[str, int]:
    """Return the pixels that a preset adds on each side."""
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
