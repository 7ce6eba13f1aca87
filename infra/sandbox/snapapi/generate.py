"""SnapAPI's edits and pictures from words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.compose import gather
from infra.sandbox.image_ops.draw import poster
from infra.sandbox.image_ops.fill import imagine
from infra.sandbox.image_ops.look import cartoon, headshot, prompted
from infra.sandbox.image_ops.mask import painted
from infra.sandbox.image_ops.tone import blend, colorize, denoise, tame_highlights
from infra.sandbox.snapapi.app import Desk, Plan
from infra.sandbox.snapapi.enhance import edited
from infra.sandbox.snapapi.form import Form, bad_request

# Width to height, in pixels.
SIZES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "3:2": (1200, 800),
    "2:3": (800, 1200),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "16:9": (1280, 720),
    "9:16": (720, 1280),
}
FACE_CROP = "[FACE CROP]"
MAX_GUIDANCE = 20.0
MAX_STEPS = 100


@dataclass(frozen=True)
class Mode:
    """A mode of `edits`: its price and its edit."""

    credits: int
    edit: Callable[[Pixels, str], Pixels]


MODES: Mapping[str, Mode] = {
    "editing": Mode(13, prompted),
    "headshot": Mode(21, lambda rgb, _: headshot(rgb)),
    "cartoon": Mode(21, lambda rgb, _: cartoon(rgb)),
    "light_restore": Mode(21, lambda rgb, _: tame_highlights(rgb)),
    "restore": Mode(13, lambda rgb, _: denoise(rgb)),
    "colorize": Mode(13, lambda rgb, _: colorize(rgb)),
    # What inpaint does needs a mask besides; see `edits`.
    "inpaint": Mode(13, prompted),
}


def generations(form: Form) -> Plan:
    """9 credits; a picture drawn from the prompt."""
    return _generated(form, "z-image")


def generations_qwen(form: Form) -> Plan:
    """9 credits; the same from another model, so with another picture."""
    return _generated(form, "qwen")


def edits(form: Form) -> Plan:
    """13 or 21 credits by mode; the documents' own example has no prompt."""
    photo = form.image()
    name = form.choice("mode", tuple(MODES), "editing")
    strength = read_knobs(form, guidance=1, steps=4)
    mode = MODES[name]
    prompt = form.text("prompt")
    if name == "headshot" and FACE_CROP not in prompt:
        raise bad_request(f"Invalid prompt: mode headshot needs {FACE_CROP} in it.")
    if name == "inpaint":
        brush = form.image_or_none("input_mask")
        if brush is None:
            raise bad_request("Missing required image input: input_mask.")
        return edited(
            mode.credits,
            photo,
            lambda: imagine(photo.rgb, painted(brush, photo.size), prompt),
        )
    return edited(
        mode.credits, photo, lambda: _mixed(photo, mode.edit(photo.rgb, prompt), strength)
    )


def edits_multi(form: Form) -> Plan:
    """26 credits; the subjects of up to three pictures in the first."""
    first = form.image("input_image_0")
    others = [form.image_or_none(f"input_image_{number}") for number in (1, 2)]
    given = [photo for photo in others if photo is not None]
    prompt = form.text("prompt")
    form.choice("mode", ("editing",), "editing")
    strength = read_knobs(form, guidance=1, steps=4)
    return edited(
        26,
        first,
        lambda: _mixed(first, prompted(gather(first.rgb, given), prompt), strength),
    )


def read_knobs(form: Form, *, guidance: float, steps: int) -> float:
    """Check what only the model would use, and return the strength."""
    form.number("guidance_scale", guidance, 0, MAX_GUIDANCE)
    form.whole("inference_steps", steps, 1, MAX_STEPS)
    return form.number("strength", 1, 0, 1)


def _mixed(photo: Photo, new: Pixels, strength: float) -> Pixels:
    # A headshot is cropped; it has no pixel to be mixed with.
    if new.shape != photo.rgb.shape:
        return new
    return blend(photo.rgb, new, strength)


def _generated(form: Form, artist: str) -> Plan:
    prompt = form.text("prompt")
    width, height = SIZES[form.choice("aspect_ratio", tuple(SIZES), "1:1")]

    def run(desk: Desk) -> dict[str, object]:
        drawn = poster(prompt, width, height, artist=artist)
        return desk.single_image(drawn, Photo(drawn))

    return Plan(9, run)
