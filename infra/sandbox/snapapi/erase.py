"""SnapAPI's removals by mask, and outpaint, which also fills a mask."""

import base64
import binascii
from collections.abc import Callable, Mapping

import numpy as np

from infra.sandbox.image_ops.codec import BadImageError, Photo, Pixels, decode
from infra.sandbox.image_ops.detect import find_text
from infra.sandbox.image_ops.fill import heal
from infra.sandbox.image_ops.mask import read_brush_mask, read_white_mask
from infra.sandbox.snapapi.app import Plan, ResponseBuilder
from infra.sandbox.snapapi.form import Form, bad_request

ERASE_CREDITS: Mapping[str, int] = {"normal": 3, "super": 4, "ultra": 13}
ERASE_MODES = tuple(ERASE_CREDITS)
BOX_CORNERS = 4


def remove_objects(form: Form) -> Plan:
    """3, 4 or 13 credits by mode; erases the mask, the selected objects, or both."""
    photo = form.image(by_id=["original_session_id"])
    mode = form.choice("erase_mode", ERASE_MODES, "normal")
    masks = []
    brush = form.image_or_none("input_mask")
    if brush is not None:
        masks.append(read_brush_mask(brush, photo.size))
    selected = form.json("mask_objects")
    if selected is not None:
        if not form.text("original_session_id"):
            raise bad_request("mask_objects needs original_session_id.")
        masks.append(_selected_mask(selected, photo))
    if not masks:
        raise bad_request("Missing target: give input_mask or mask_objects.")
    return _plan_removal(ERASE_CREDITS[mode], photo, lambda: np.maximum.reduce(masks))


def remove_text(form: Form) -> Plan:
    """4 credits; erases the mask."""
    photo = form.image()
    form.choice("erase_mode", ERASE_MODES, "normal")
    return _plan_removal(4, photo, _required_mask(form, photo))


def remove_wires(form: Form) -> Plan:
    """4 credits; erases the mask."""
    photo = form.image()
    return _plan_removal(4, photo, _required_mask(form, photo))


def remove_watermark(form: Form) -> Plan:
    """5 credits; erases the mask, or detected text without one."""
    photo = form.image()
    form.choice("predict_mode", ("2.0", "3.0"), "2.0")
    brush = form.image_or_none("input_mask")

    def mask() -> Pixels | None:
        return find_text(photo.rgb) if brush is None else read_brush_mask(brush, photo.size)

    return _plan_removal(5, photo, mask)


def outpaint(form: Form) -> Plan:
    """15 credits; fills the white part of the grey mask; the canvas has its final size already."""
    photo = form.image()
    given = form.image_or_none("input_mask")
    if given is None:
        raise bad_request("Missing required image input: input_mask.")
    return _plan_removal(15, photo, lambda: read_white_mask(given, photo.size))


def _plan_removal(credits: int, photo: Photo, mask: Callable[[], Pixels | None]) -> Plan:  # noqa: A002
    def run(builder: ResponseBuilder) -> dict[str, object]:
        found = mask()
        result = photo.rgb if found is None else heal(photo.rgb, found)
        return builder.single_image_response(result, photo)

    return Plan(credits, run)


def _required_mask(form: Form, photo: Photo) -> Callable[[], Pixels]:
    brush = form.image_or_none("input_mask")
    if brush is None:
        raise bad_request("Missing required image input: input_mask.")
    return lambda: read_brush_mask(brush, photo.size)


def _selected_mask(selected: object, photo: Photo) -> Pixels:
    """Draw the masks of the selected objects at their boxes."""
    width, height = photo.size
    canvas = np.zeros((height, width), np.uint8)
    for one in selected if isinstance(selected, list) else [selected]:
        x1, y1, x2, y2 = _box(one)
        part = read_brush_mask(_mask_of(one), (x2 - x1, y2 - y1))
        left, top = max(0, x1), max(0, y1)
        inside = part[top - y1 : max(top, height) - y1, left - x1 : max(left, width) - x1]
        place = canvas[top : top + inside.shape[0], left : left + inside.shape[1]]
        np.maximum(place, inside[: place.shape[0], : place.shape[1]], out=place)
    return canvas


def _box(one: object) -> tuple[int, int, int, int]:
    box = one.get("bbox", one.get("box")) if isinstance(one, dict) else None
    if (
        not isinstance(box, list)
        or len(box) != BOX_CORNERS
        or not all(isinstance(side, int | float) for side in box)
    ):
        raise bad_request("Invalid mask_objects: each needs a bbox of four numbers.")
    x1, y1, x2, y2 = (round(side) for side in box)
    if x2 <= x1 or y2 <= y1:
        raise bad_request("Invalid mask_objects: a bbox is empty.")
    return x1, y1, x2, y2


def _mask_of(one: object) -> Photo:
    text = one.get("mask") if isinstance(one, dict) else None
    try:
        return decode(base64.b64decode(str(text), validate=True))
    except (binascii.Error, BadImageError) as exc:
        raise bad_request("Invalid mask_objects: a mask is no base64 image.") from exc
