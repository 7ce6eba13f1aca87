"""SnapAPI's detections and remove-background."""

import base64

from infra.sandbox.image_ops.codec import Pixels, encode, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.detect import find_objects, find_text, find_wires
from infra.sandbox.image_ops.mask import mask_to_rgba
from infra.sandbox.snapapi.app import Plan, ResponseBuilder
from infra.sandbox.snapapi.form import Form

# The names of detected objects by `lang`; other languages get English.
NAMES = {
    "en": {"person": "person", "object": "object"},
    "vi": {"person": "người", "object": "đồ vật"},
}


def detect_objects(form: Form) -> Plan:
    """1 credit; a DetectionResponse, the most certain object first."""
    photo = form.image()
    names = NAMES.get(form.text("lang").lower(), NAMES["en"])

    def run(builder: ResponseBuilder) -> dict[str, object]:
        found = [
            {
                "bbox": list(one.box),
                "mask": _as_base64(one.mask),
                "accuracy": one.accuracy,
                "object_type": one.kind,
                "object_description": names[one.kind],
            }
            for one in find_objects(photo.rgb)
        ]
        return {"session_id": builder.remember(photo)["session_id"], "detected_objects": found}

    return Plan(1, run)


def detect_text(form: Form) -> Plan:
    """4 credits; a SimpleDetectionResponse."""
    photo = form.image()
    return Plan(4, lambda _: _simple_detection(find_text(photo.rgb)))


def detect_wires(form: Form) -> Plan:
    """4 credits; a SimpleDetectionResponse."""
    photo = form.image()
    return Plan(4, lambda _: _simple_detection(find_wires(photo.rgb)))


def remove_background(form: Form) -> Plan:
    """1 credit; an RGBA PNG.

    For this call the page's table shows `output_image_url` and `box`, its "Get your result"
    `data[0].url`. The response has both, since a client may rely on either.
    """
    photo = form.image()

    def run(builder: ResponseBuilder) -> dict[str, object]:
        subject = find_subject(photo.rgb)
        url = builder.store(with_alpha(photo.rgb, subject.matte))
        return {"output_image_url": url, "box": list(subject.box), **builder.image_response(url)}

    return Plan(1, run)


def _simple_detection(mask: Pixels | None) -> dict[str, object]:
    if mask is None:
        return {"detected": False, "mask": None}
    return {"detected": True, "mask": _as_base64(mask)}


def _as_base64(mask: Pixels) -> str:
    return base64.b64encode(encode(mask_to_rgba(mask), "png")).decode()
