"""SnapAPI's edits of one image without a mask: enhance, restore, colorize, style, beauty."""

from collections.abc import Callable

from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.draw import draw_pose_figures
from infra.sandbox.image_ops.filters import apply_art_style, apply_makeup, colour_hair, smooth_skin
from infra.sandbox.image_ops.resize import enlarge, keep_alpha
from infra.sandbox.image_ops.tone import colorize, denoise
from infra.sandbox.snapapi.app import FormReader, Plan
from infra.sandbox.snapapi.form import Form, bad_request

ZOOMS = ("2", "4")
DEFAULT_ZOOM = "2"  # the vendor names none
ENHANCE_CREDITS = {"2": 6, "4": 11}
ENHANCE_LONGEST_EDGE = 1500  # openapi.yaml of the vendor's TypeScript SDK
FACE_MODELS = frozenset({"0", "1", "2"})
MAX_MODELS = 4


def enhance(form: Form) -> Plan:
    """6 credits for 2x, 11 for 4x."""
    photo = form.image()
    zoom = form.choice("zoom_factor", ZOOMS, DEFAULT_ZOOM)
    faces = form.flag("enhance_faces", default=True)
    ids = form.text("face_model_ids", "0,1,2")
    if ids and not {one.strip() for one in ids.split(",")} <= FACE_MODELS:
        raise bad_request("Invalid face_model_ids: must be of 0, 1 and 2, separated by commas.")
    if max(photo.size) > ENHANCE_LONGEST_EDGE:
        raise bad_request(
            f"Image is too large: its longest edge may have {ENHANCE_LONGEST_EDGE} pixels."
        )
    sharpen = 0.7 if faces else 0.5
    return plan_edit(
        ENHANCE_CREDITS[zoom],
        photo,
        lambda: keep_alpha(photo, enlarge(photo.rgb, int(zoom), sharpen=sharpen)),
    )


def enhance_art(form: Form) -> Plan:
    """2 credits; like `enhance` with sharper lines."""
    photo = form.image()
    zoom = form.choice("zoom_factor", ZOOMS, DEFAULT_ZOOM)
    return plan_edit(2, photo, lambda: enlarge(photo.rgb, int(zoom), sharpen=1.3))


def generate_art(form: Form) -> Plan:
    """6 credits; the look of a style id."""
    photo = form.image(by_id=["image_id"])
    style = form.text("style") or "special_effect_fire"
    return plan_edit(6, photo, lambda: apply_art_style(photo.rgb, style))


def transfer_makeup(form: Form) -> Plan:
    """1 credit; the look of a style id."""
    photo = form.image()
    style = form.text("style") or "camdao"
    return plan_edit(1, photo, lambda: apply_makeup(photo.rgb, style))


def change_hairstyle(form: Form) -> Plan:
    """6 credits; the look of a style id."""
    photo = form.image(by_id=["image_id"])
    style = form.text("style")
    return plan_edit(6, photo, lambda: colour_hair(photo.rgb, style))


def pose_suggest(form: Form) -> Plan:
    """28 credits; draws `num_models` figures into the image."""
    photo = form.image()
    number = form.whole("num_models", 1, 1, MAX_MODELS)
    gender = form.choice("gender", ("female", "male"), "female")
    return plan_edit(28, photo, lambda: draw_pose_figures(photo.rgb, number, gender))


def _simple_edit(credits: int, edit: Callable[[Pixels], Pixels]) -> FormReader:  # noqa: A002
    def read(form: Form) -> Plan:
        photo = form.image()
        return plan_edit(credits, photo, lambda: edit(photo.rgb))

    return read


restore = _simple_edit(1, denoise)
colorize_photo = _simple_edit(1, colorize)
retouch_skin = _simple_edit(2, smooth_skin)


def plan_edit(credits: int, photo: Photo, work: Callable[[], Pixels]) -> Plan:  # noqa: A002
    """Plan an edit that answers with a SingleImageResponse."""
    return Plan(credits, lambda builder: builder.single_image_response(work(), photo))
