"""SnapAPI's calls in the format of the OpenAI SDK: generations and edits by model name.

Model names, sizes and field names from docs.snapedit.app/en/docs, "openaiGenerate" and
"openaiEdit". Prices are those of the equivalent endpoint. Two points are undocumented guesses:
`flux-kontext` responds at once, and `headshot` needs no `[FACE CROP]` in its prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from infra.sandbox.snapapi import detect, enhance, erase, generate, tasks
from infra.sandbox.snapapi.app import FormReader, Plan, ResponseBuilder
from infra.sandbox.snapapi.form import Form, bad_request

T = TypeVar("T")
PREFIX = "snapapi/"
RATIOS: Mapping[str, str] = {
    "1024x1024": "1:1",
    "1792x1024": "16:9",
    "1024x1792": "9:16",
    "1536x1024": "3:2",
    "1024x1536": "2:3",
}
NAMES: Mapping[str, str] = {"input_image": "image", "input_mask": "mask"}


@dataclass(frozen=True)
class Model:
    """A model's name stands for an endpoint, through its reader, and for fixed field values."""

    reader: FormReader
    values: Mapping[str, str] = field(default_factory=dict)
    prompt_is_style: bool = False


def _flux(form: Form) -> Plan:
    plan = tasks.edit_flux(form)
    return Plan(plan.credits, lambda builder: builder.image_response(builder.store(plan.work())))


def _headshot(form: Form) -> Plan:
    prompt = form.text("prompt")
    marked = prompt if generate.FACE_CROP in prompt else f"{generate.FACE_CROP} {prompt}"
    return generate.edits(form.translate({}, {"prompt": marked, "mode": "headshot"}))


GENERATORS: Mapping[str, FormReader] = {
    "z-image": generate.generations,
    "qwen-image": generate.generations_qwen,
}
EDITORS: Mapping[str, Model] = {
    "remove-bg": Model(detect.remove_background),
    "remove-logo": Model(erase.remove_watermark),
    "remove-object": Model(erase.remove_objects),
    "remove-text": Model(erase.remove_text),
    "remove-wire": Model(erase.remove_wires),
    "enhance-2x": Model(enhance.enhance, {"zoom_factor": "2"}),
    "enhance-4x": Model(enhance.enhance, {"zoom_factor": "4"}),
    "enhance-art-2x": Model(enhance.enhance_art, {"zoom_factor": "2"}),
    "enhance-art-4x": Model(enhance.enhance_art, {"zoom_factor": "4"}),
    "restore": Model(enhance.restore),
    "restore-pro": Model(generate.edits, {"mode": "restore"}),
    "colorize": Model(enhance.colorize_photo),
    "colorize-pro": Model(generate.edits, {"mode": "colorize"}),
    "light-restore": Model(generate.edits, {"mode": "light_restore"}),
    "headshot": Model(_headshot),
    "sticker": Model(generate.edits, {"mode": "cartoon"}),
    "qwen-edit": Model(generate.edits, {"mode": "editing"}),
    "flux-kontext": Model(_flux),
    "hairstyle": Model(enhance.change_hairstyle, prompt_is_style=True),
    "transfer-makeup": Model(enhance.transfer_makeup, prompt_is_style=True),
    "art": Model(enhance.generate_art, prompt_is_style=True),
    "detect-object": Model(detect.detect_objects),
    "detect-objects": Model(detect.detect_objects),
    "detect-text": Model(detect.detect_text),
    "detect-wire": Model(detect.detect_wires),
    "detect-wires": Model(detect.detect_wires),
    "retouch-skin": Model(enhance.retouch_skin),
    "outpaint": Model(erase.outpaint),
    "pose-suggest": Model(enhance.pose_suggest),
}


def generations(form: Form) -> Plan:
    """Read a request with a `model` in OpenAI's format, any other in the endpoint's own."""
    if not form.text("model"):
        return generate.generations(form)
    reader = _find_model(form, GENERATORS)
    size = form.text("size")
    if not size:
        return _as_openai(reader(form))
    if size not in RATIOS:
        raise bad_request(f"Invalid size: must be one of {', '.join(RATIOS)}.")
    return _as_openai(reader(form.translate({}, {"aspect_ratio": RATIOS[size]})))


def edits(form: Form) -> Plan:
    """Read a request with a `model` in OpenAI's format, any other in the endpoint's own."""
    if not form.text("model"):
        return generate.edits(form)
    model = _find_model(form, EDITORS)
    # The SDK uses this name for a list of images.
    image = "image[]" if form.has("image[]") else "image"
    values = {**model.values, **({"style": form.text("prompt")} if model.prompt_is_style else {})}
    translate = form.translate({**NAMES, "input_image": image}, values)
    return _as_openai(model.reader(translate))


def _find_model(form: Form, models: Mapping[str, T]) -> T:
    name = form.text("model")
    found = models.get(name.removeprefix(PREFIX))
    if found is None or not name.startswith(PREFIX):
        raise bad_request(f"Unknown model: {name}.")
    if form.text("n", "1") != "1":
        raise bad_request("Invalid n: one picture is made per call.")
    return found


def _as_openai(plan: Plan) -> Plan:
    """Keep only `created` and `data` of a response with an image; leave other responses as is."""

    def run(builder: ResponseBuilder) -> dict[str, object]:
        body = plan.run(builder)
        return {"created": body["created"], "data": body["data"]} if "data" in body else body

    return Plan(plan.credits, run)
