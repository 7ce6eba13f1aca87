"""SnapAPI's edits of one picture without a mask: enhance, restore, colour, style, beauty."""

from collections.abc import Callable

from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.draw import pose_figures
from infra.sandbox.image_ops.look import artistic, hairstyle, makeup, smooth_skin
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.tone import colorize, denoise
from infra.sandbox.snapapi.app import Plan, Reader
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
    return edited(
        ENHANCE_CREDITS[zoom], photo, lambda: enlarge(photo.rgb, int(zoom), sharpen=sharpen)
    )


def enhance_art(form: Form) -> Plan:
    """2 credits; flatter and with sharper lines than `enhance`."""
    photo = form.image()
    zoom = form.choice("zoom_factor", ZOOMS, DEFAULT_ZOOM)
    return edited(2, photo, lambda: enlarge(photo.rgb, int(zoom), sharpen=1.3))


def generate_art(form: Form) -> Plan:
    """6 credits; the look of a style id."""
    photo = form.image(by_id=["image_id"])
    style = form.text("style") or "special_effect_fire"
    return edited(6, photo, lambda: artistic(photo.rgb, style))


def transfer_makeup(form: Form) -> Plan:
    """1 credit; the look of a style id."""
    photo = form.image()
    style = form.text("style") or "camdao"
    return edited(1, photo, lambda: makeup(photo.rgb, style))


def change_hairstyle(form: Form) -> Plan:
    """6 credits; the look of a style id."""
    photo = form.image(by_id=["image_id"])
    style = form.text("style")
    return edited(6, photo, lambda: hairstyle(photo.rgb, style))


def pose_suggest(form: Form) -> Plan:
    """28 credits; so many figures in the picture."""
    photo = form.image()
    number = form.whole("num_models", 1, 1, MAX_MODELS)
    gender = form.choice("gender", ("female", "male"), "female")
    return edited(28, photo, lambda: pose_figures(photo.rgb, number, gender))


def _plain(credits: int, edit: Callable[[Pixels], Pixels]) -> Reader:  # noqa: A002
    def read(form: Form) -> Plan:
        photo = form.image()
        return edited(credits, photo, lambda: edit(photo.rgb))

    return read


restore = _plain(1, denoise)
colour = _plain(1, colorize)
retouch_skin = _plain(2, smooth_skin)


def edited(credits: int, photo: Photo, work: Callable[[], Pixels]) -> Plan:  # noqa: A002
    """Plan an edit that answers with a SingleImageResponse."""
    return Plan(credits, lambda desk: desk.single_image(work(), photo))
