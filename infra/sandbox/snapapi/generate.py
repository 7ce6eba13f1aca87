"""SnapAPI's image generation and its edits by prompt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.compose import paste_subjects
from infra.sandbox.image_ops.draw import draw_poster
from infra.sandbox.image_ops.fill import fill_from_prompt
from infra.sandbox.image_ops.filters import cartoonize, make_headshot, tint_by_prompt
from infra.sandbox.image_ops.mask import read_brush_mask
from infra.sandbox.image_ops.tone import blend, colorize, denoise, tame_highlights
from infra.sandbox.snapapi.app import Plan, ResponseBuilder
from infra.sandbox.snapapi.enhance import plan_edit
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
    "editing": Mode(13, tint_by_prompt),
    "headshot": Mode(21, lambda rgb, _: make_headshot(rgb)),
    "cartoon": Mode(21, lambda rgb, _: cartoonize(rgb)),
    "light_restore": Mode(21, lambda rgb, _: tame_highlights(rgb)),
    "restore": Mode(13, lambda rgb, _: denoise(rgb)),
    "colorize": Mode(13, lambda rgb, _: colorize(rgb)),
    # Inpainting also needs a mask; see `edits`.
    "inpaint": Mode(13, tint_by_prompt),
}


def generations(form: Form) -> Plan:
    """9 credits; an image generated from the prompt."""
    return _plan_generation(form, "z-image")


def generations_qwen(form: Form) -> Plan:
    """9 credits; the same with another model, which draws another image."""
    return _plan_generation(form, "qwen")


def edits(form: Form) -> Plan:
    """13 or 21 credits by mode; the prompt is optional, as in the documents' example."""
    photo = form.image()
    name = form.choice("mode", tuple(MODES), "editing")
    strength = read_model_params(form, guidance=1, steps=4)
    mode = MODES[name]
    prompt = form.text("prompt")
    if name == "headshot" and FACE_CROP not in prompt:
        raise bad_request(f"Invalid prompt: mode headshot needs {FACE_CROP} in it.")
    if name == "inpaint":
        brush = form.image_or_none("input_mask")
        if brush is None:
            raise bad_request("Missing required image input: input_mask.")
        return plan_edit(
            mode.credits,
            photo,
            lambda: fill_from_prompt(photo.rgb, read_brush_mask(brush, photo.size), prompt),
        )
    return plan_edit(
        mode.credits,
        photo,
        lambda: _blend_with_source(photo, mode.edit(photo.rgb, prompt), strength),
    )


def edits_multi(form: Form) -> Plan:
    """26 credits; puts the subjects of up to two other images into the first."""
    first = form.image("input_image_0")
    others = [form.image_or_none(f"input_image_{number}") for number in (1, 2)]
    given = [photo for photo in others if photo is not None]
    prompt = form.text("prompt")
    form.choice("mode", ("editing",), "editing")
    strength = read_model_params(form, guidance=1, steps=4)
    return plan_edit(
        26,
        first,
        lambda: _blend_with_source(
            first, tint_by_prompt(paste_subjects(first.rgb, given), prompt), strength
        ),
    )


def read_model_params(form: Form, *, guidance: float, steps: int) -> float:
    """Check the parameters that only a real model would use, and return `strength`."""
    form.number("guidance_scale", guidance, 0, MAX_GUIDANCE)
    form.whole("inference_steps", steps, 1, MAX_STEPS)
    return form.number("strength", 1, 0, 1)


def _blend_with_source(photo: Photo, new: Pixels, strength: float) -> Pixels:
    # A headshot is cropped, so its pixels do not match the source's.
    if new.shape != photo.rgb.shape:
        return new
    return blend(photo.rgb, new, strength)


def _plan_generation(form: Form, variant: str) -> Plan:
    prompt = form.text("prompt")
    width, height = SIZES[form.choice("aspect_ratio", tuple(SIZES), "1:1")]

    def run(builder: ResponseBuilder) -> dict[str, object]:
        drawn = draw_poster(prompt, width, height, variant=variant)
        return builder.single_image_response(drawn, Photo(drawn))

    return Plan(9, run)
