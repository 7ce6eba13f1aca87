"""Every SnapAPI endpoint has its documented response, charges its price and really edits."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.sandbox.client import Images, SandboxClient
from tests.sandbox.images import (
    Array,
    difference,
    disc,
    grey_photo,
    photo,
    plane_mask,
    read_base64,
    square_mask,
    text_photo,
    wire_photo,
)

PHOTO = {"input_image": photo()}
MASKED = {"input_image": photo(), "input_mask": square_mask()}


@dataclass(frozen=True)
class Edit:
    """A request whose response has one image: its price, and the size of what comes back."""

    route: str
    credits: int
    data: dict[str, str] = field(default_factory=dict)
    files: Images = field(default_factory=lambda: PHOTO)
    size: tuple[int, int] = (96, 64)


EDITS = [
    Edit("remove-objects", 3, files=MASKED),
    Edit("remove-objects", 4, {"erase_mode": "super"}, MASKED),
    Edit("remove-objects", 13, {"erase_mode": "ultra"}, MASKED),
    Edit("remove-text", 4, files=MASKED),
    Edit("remove-watermark", 5, files=MASKED),
    Edit("remove-wires", 4, files=MASKED),
    Edit("enhance", 6, {"zoom_factor": "2"}, size=(192, 128)),
    Edit("enhance", 11, {"zoom_factor": "4", "enhance_faces": "False"}, size=(384, 256)),
    Edit("enhance-art", 2, {"zoom_factor": "4"}, size=(384, 256)),
    Edit("restore", 1),
    Edit("colorize", 1),
    Edit("generate-art", 6, {"style": "special_effect_ice"}),
    Edit("generations", 9, {"prompt": "a fox", "aspect_ratio": "16:9"}, {}, (1280, 720)),
    Edit("generations-qwen", 9, {"prompt": "a fox", "aspect_ratio": "3:4"}, {}, (864, 1152)),
    Edit("edits", 13, {"prompt": "make it autumn"}),
    Edit("edits", 21, {"mode": "headshot", "prompt": "[FACE CROP] a lawyer"}, size=(48, 64)),
    Edit("edits", 21, {"mode": "cartoon", "prompt": "a sticker"}),
    Edit("edits", 21, {"mode": "light_restore"}),
    Edit("edits", 13, {"mode": "restore"}),
    Edit("edits", 13, {"mode": "colorize"}),
    Edit("edits", 13, {"mode": "inpaint", "prompt": "a ball"}, MASKED),
    Edit(
        "edits/multi",
        26,
        {"prompt": "together"},
        {"input_image_0": photo(), "input_image_1": photo(64, 64)},
    ),
    Edit("retouch-skin", 2),
    Edit("transfer-makeup", 1),
    Edit("hairstyle", 6, {"style": "bob"}),
    Edit("outpaint", 15, files={"input_image": photo(), "input_mask": plane_mask()}),
    Edit("pose-suggest", 28, {"num_models": "2", "gender": "male"}),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: f"{e.route}-{e.credits}")
def test_edit_returns_one_changed_image_and_charges_its_price(
    snapapi: SandboxClient, edit: Edit
) -> None:
    """The response is a SingleImageResponse whose image has the right size and is not the input."""
    response = snapapi.form(f"/v1/images/{edit.route}", edit.data, edit.files)

    body = response.json()
    assert response.status_code == 200, body
    assert set(body) == {"created", "data", "session_id", "image_id"}
    assert isinstance(body["created"], int)
    assert body["session_id"].startswith("sess_")
    assert body["image_id"].startswith("img_")
    result = snapapi.image(body["data"][0]["url"])
    assert result.shape == (edit.size[1], edit.size[0], 3)
    if edit.size == (96, 64):
        assert difference(result, photo()) > 0.5
    assert [e["credits"] for e in snapapi.entries()] == [edit.credits]
    assert snapapi.entries()[0]["route"] == f"POST /v1/images/{edit.route}"


@pytest.mark.parametrize(
    "route", ["remove-objects", "remove-text", "remove-wires", "remove-watermark", "outpaint"]
)
def test_mask_changes_only_its_region(snapapi: SandboxClient, route: str) -> None:
    """Pixels outside the mask stay as they were."""
    files = {"input_image": photo(), "input_mask": square_mask()}
    if route == "outpaint":
        files["input_mask"] = plane_mask()
    response = snapapi.form(f"/v1/images/{route}", files=files).json()

    result = snapapi.image(response["data"][0]["url"])
    inside = plane_mask() > 0
    assert (result[~inside] == photo()[~inside]).all()
    assert difference(result[inside], photo()[inside]) > 3


def test_opaque_mask_erases_where_white(snapapi: SandboxClient) -> None:
    """A black and white mask is equivalent to red on transparent."""
    files = {"input_image": photo(), "input_mask": plane_mask()}
    response = snapapi.form("/v1/images/remove-objects", files=files).json()

    result = snapapi.image(response["data"][0]["url"])
    inside = plane_mask() > 0
    assert (result[~inside] == photo()[~inside]).all()
    assert difference(result[inside], photo()[inside]) > 3


def test_outpaint_fills_the_white_border_of_a_larger_canvas(snapapi: SandboxClient) -> None:
    """The white canvas gets the image's colours."""
    canvas = np.full((104, 136, 3), 255, np.uint8)
    canvas[20:84, 20:116] = photo()
    border = np.full((104, 136), 255, np.uint8)
    border[20:84, 20:116] = 0
    files = {"input_image": canvas, "input_mask": border}
    response = snapapi.form("/v1/images/outpaint", files=files).json()

    result = snapapi.image(response["data"][0]["url"])
    assert result.shape == canvas.shape
    assert (result[20:84, 20:116] == photo()).all()
    assert result[border > 0].mean() < 180


def test_remove_background_returns_a_cutout_and_its_box(snapapi: SandboxClient) -> None:
    """The disc stays opaque, the corners become transparent, the box lies around the disc.

    The image's address stands in both places that the documents name.
    """
    response = snapapi.form("/v1/images/remove-background", files=PHOTO).json()

    assert set(response) == {"output_image_url", "box", "created", "data"}
    assert response["data"] == [{"url": response["output_image_url"]}]
    cutout = snapapi.image(response["output_image_url"])
    assert cutout.shape == (64, 96, 4)
    alpha = cutout[:, :, 3]
    assert alpha[32, 48] == 255
    assert alpha[0, 0] == alpha[-1, -1] == 0
    assert np.mean((alpha > 127) == (disc() > 127)) > 0.95
    x1, y1, x2, y2 = response["box"]
    assert 20 < x1 < 35
    assert 5 < y1 < 20
    assert 60 < x2 < 75
    assert 45 < y2 < 60
    assert snapapi.spent() == 1


def test_colorize_gives_colour_to_a_grey_image(snapapi: SandboxClient) -> None:
    """The channels of the result differ where those of the source were equal."""
    response = snapapi.form("/v1/images/colorize", files={"input_image": grey_photo()}).json()

    result = snapapi.image(response["data"][0]["url"]).astype(int)
    assert np.abs(result[:, :, 0] - result[:, :, 2]).mean() > 5


def test_generated_image_depends_on_the_prompt(snapapi: SandboxClient) -> None:
    """Equal prompts produce equal images, other prompts other images."""
    drawn = [_generated(snapapi, prompt) for prompt in ("a fox", "a fox", "a bear")]

    assert (drawn[0] == drawn[1]).all()
    assert difference(drawn[0], drawn[2]) > 5


def test_detect_objects_finds_the_object_with_its_mask(snapapi: SandboxClient) -> None:
    """The mask is an RGBA PNG as large as the box, and the most certain object is first."""
    response = snapapi.form("/v1/images/detect-objects", files=PHOTO).json()

    assert set(response) == {"session_id", "detected_objects"}
    found = response["detected_objects"]
    keys = {"bbox", "mask", "accuracy", "object_type", "object_description"}
    assert all(set(one) == keys for one in found)
    accuracies = [one["accuracy"] for one in found]
    assert accuracies == sorted(accuracies, reverse=True)
    x1, y1, x2, y2 = found[0]["bbox"]
    mask = read_base64(found[0]["mask"])
    assert mask.shape == (y2 - y1, x2 - x1, 4)
    assert (mask[:, :, 3] > 0).mean() > 0.6
    assert snapapi.spent() == 1


def test_detected_object_can_be_erased_by_session(
    snapapi: SandboxClient,
) -> None:
    """The ids and objects of a detection suffice for remove-objects."""
    found = snapapi.form("/v1/images/detect-objects", files=PHOTO).json()
    data = {
        "original_session_id": found["session_id"],
        "mask_objects": json.dumps(found["detected_objects"][:1]),
    }
    response = snapapi.form("/v1/images/remove-objects", data).json()

    result = snapapi.image(response["data"][0]["url"])
    x1, y1, x2, y2 = found["detected_objects"][0]["bbox"]
    erased = result[(y1 + y2) // 2, (x1 + x2) // 2]
    assert int(erased[0]) < 160, "the middle of the red disc is no longer red"
    assert (result[0] == photo()[0]).all()


@pytest.mark.parametrize(
    ("route", "image"), [("detect-text", text_photo()), ("detect-wires", wire_photo())]
)
def test_simple_detection_returns_a_mask_that_erases(
    snapapi: SandboxClient, route: str, image: Array
) -> None:
    """The mask is sent back unchanged as input_mask; the next detection finds nothing."""
    response = snapapi.form(f"/v1/images/{route}", files={"input_image": image}).json()
    assert set(response) == {"detected", "mask"}
    assert response["detected"] is True
    files = {"input_image": image, "input_mask": read_base64(response["mask"])}
    removal = route.replace("detect", "remove")
    erased = snapapi.form(f"/v1/images/{removal}", files=files).json()
    result = snapapi.image(erased["data"][0]["url"])

    again = snapapi.form(f"/v1/images/{route}", files={"input_image": result}).json()
    assert again == {"detected": False, "mask": None}
    assert [e["credits"] for e in snapapi.entries()] == [4, 4, 4]


def test_image_id_replaces_a_second_upload(snapapi: SandboxClient) -> None:
    """Both ids of a response stand for its input, until they expire."""
    first = snapapi.form("/v1/images/generate-art", {"style": "a"}, PHOTO).json()
    for known_as in (first["image_id"], first["session_id"]):
        response = snapapi.form("/v1/images/hairstyle", {"image_id": known_as, "style": "bob"})
        assert response.status_code == 200

    snapapi.advance(3601)
    late = snapapi.form("/v1/images/hairstyle", {"image_id": first["image_id"]})
    assert late.status_code == 400
    assert "image_id" in late.json()["error"]["message"]


def test_file_field_takes_a_url(snapapi: SandboxClient, apiframe: SandboxClient) -> None:
    """The server fetches the image itself, from any host."""
    upload = apiframe.form("/v2/uploads", files={"file": photo()}).json()
    response = snapapi.form("/v1/images/restore", {"input_image": upload["url"]})

    assert response.status_code == 200
    result = snapapi.image(response.json()["data"][0]["url"])
    assert result.shape == photo().shape


def _generated(snapapi: SandboxClient, prompt: str) -> Array:
    response: Any = snapapi.form("/v1/images/generations", {"prompt": prompt}).json()
    return snapapi.image(response["data"][0]["url"])
