"""GoAPI's image tasks really edit and draw: the tests check pixels."""

from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest

from tests.sandbox.goapi.client import TOOLKIT, GoApiClient
from tests.sandbox.images import (
    Array,
    as_data,
    as_png,
    difference,
    disc,
    photo,
    png_photo,
    portrait,
)

IMAGE = as_data(png_photo())
FACE = as_data(as_png(portrait(96, 96)))


@pytest.mark.parametrize("scale", [2, 3])
def test_upscale_has_exactly_the_requested_size(goapi: GoApiClient, scale: int) -> None:
    """It shows the same image."""
    large = _image(goapi, TOOLKIT, "upscale", {"image": IMAGE, "scale": scale})

    assert large.shape == (64 * scale, 96 * scale, 3)
    assert difference(large[::scale, ::scale], photo()) < 12


def test_removed_background_is_transparent(goapi: GoApiClient) -> None:
    """The disc stays opaque."""
    cut = _image(goapi, TOOLKIT, "background-remove", {"image": IMAGE})

    inside = disc() > 0
    assert cut.shape == (64, 96, 4)
    assert cut[inside, 3].mean() > 240
    assert cut[~inside, 3].mean() < 40


def test_segment_follows_its_prompt(goapi: GoApiClient) -> None:
    """The subject, its surroundings, a colour, and a negative prompt."""
    task_input = {"image": IMAGE, "segment_factor": 0}
    subject = _image(goapi, TOOLKIT, "segment", task_input | {"prompt": "ball"})
    around = _image(goapi, TOOLKIT, "segment", task_input | {"prompt": "background"})
    red = _image(goapi, TOOLKIT, "segment", task_input | {"prompt": "red thing"})
    less = {"prompt": "ball, background", "negative_prompt": "red"}
    left = _image(goapi, TOOLKIT, "segment", task_input | less)

    assert difference(subject, disc()) < 20
    assert difference(around, 255 - disc()) < 20
    assert difference(red, disc()) < 20
    assert difference(left, 255 - disc()) < 20


def test_segment_factor_shrinks_and_grows_the_mask(goapi: GoApiClient) -> None:
    """It is in pixels, by default -15."""
    shares = []
    for factor in (-4, 0, 4):
        task_input = {"image": IMAGE, "prompt": "red", "segment_factor": factor}
        shares.append(float((_image(goapi, TOOLKIT, "segment", task_input) > 127).mean()))
    usual = _image(goapi, TOOLKIT, "segment", {"image": IMAGE, "prompt": "red"})

    assert shares[0] < shares[1] < shares[2]
    assert (usual > 127).mean() < shares[0]


def test_face_swap_changes_only_the_face(goapi: GoApiClient) -> None:
    """The rest of the target stays as it was."""
    task_input = {"target_image": FACE, "swap_image": IMAGE}
    swapped = _image(goapi, TOOLKIT, "face-swap", task_input)

    before = portrait(96, 96)
    assert swapped.shape == before.shape
    assert difference(swapped[40:56, 40:56], before[40:56, 40:56]) > 40
    assert difference(swapped[:12], before[:12]) < 6


def test_only_the_indexed_face_is_swapped(goapi: GoApiClient) -> None:
    """Faces are counted from the left; an index without a face fails."""
    two = np.hstack([portrait(96, 96), portrait(96, 96)])
    task_input = {"target_image": as_data(as_png(two)), "swap_image": IMAGE}
    image = _image(goapi, TOOLKIT, "multi-face-swap", task_input | {"target_faces_index": "1"})
    wrong = goapi.ended(TOOLKIT, "multi-face-swap", task_input | {"target_faces_index": "2"})

    assert difference(image[40:56, 40:56], two[40:56, 40:56]) < 8
    assert difference(image[40:56, 136:152], two[40:56, 136:152]) > 40
    assert wrong["error"]["message"] == "invalid request, no face found in the image"


def test_generated_image_depends_on_size_prompt_and_seed(
    goapi: GoApiClient,
) -> None:
    """Equal requests produce equal images."""
    task_input = {"prompt": "a bear", "width": 128, "height": 80}
    first, again, seeded, other = (
        _image(goapi, "Qubico/flux1-dev", "txt2img", task_input | more)
        for more in ({}, {}, {"seed": 5}, {"prompt": "a sea"})
    )

    assert first.shape == (80, 128, 3)
    assert difference(first, again) == 0
    assert difference(first, seeded) > 10
    assert difference(first, other) > 10


@pytest.mark.parametrize(("resolution", "width"), [("1K", 1024), ("4K", 4096)])
def test_resolution_is_the_longer_side(goapi: GoApiClient, resolution: str, width: int) -> None:
    """The aspect ratio is the requested one."""
    task_input = {"prompt": "a bear", "resolution": resolution, "aspect_ratio": "16:9"}
    (url,) = goapi.output("gemini", "nano-banana-pro", task_input)["image_urls"]

    assert goapi.image(url).shape == (width * 9 // 16, width, 3)


def test_image_changes_more_with_a_higher_denoise(goapi: GoApiClient) -> None:
    """It keeps its size."""
    changes = []
    for denoise in (0.2, 0.9):
        task_input = {"prompt": "snow", "image": IMAGE, "denoise": denoise}
        image = _image(goapi, "Qubico/flux1-schnell", "img2img", task_input)
        changes.append(difference(image, photo()))

    assert 2 < changes[0] < changes[1]


def test_inpaint_fills_only_the_transparent_region(goapi: GoApiClient) -> None:
    """The mask is the image's alpha channel."""
    hole = np.dstack([photo(), np.full((64, 96), 255, np.uint8)])
    hole[16:32, 24:48, 3] = 0
    task_input = {"prompt": "a tree", "image": as_data(as_png(hole))}
    filled = _image(goapi, "Qubico/flux1-dev-advanced", "fill-inpaint", task_input)

    inside = hole[:, :, 3] == 0
    assert difference(filled[~inside], photo()[~inside]) == 0
    assert difference(filled[inside], photo()[inside]) > 10


def test_outpaint_adds_the_pixels_of_each_side(goapi: GoApiClient) -> None:
    """The image stays in its place."""
    sides = {"outpaint_left": 8, "outpaint_right": 16, "outpaint_top": 4, "outpaint_bottom": 0}
    task_input = {
        "prompt": "more",
        "image": IMAGE,
        "custom_settings": [{"setting_type": "outpaint", **sides}],
    }
    large = _image(goapi, "Qubico/flux1-dev-advanced", "fill-outpaint", task_input)

    assert large.shape == (68, 120, 3)
    assert difference(large[4:, 8:104], photo()) == 0


def test_midjourney_returns_a_grid_and_its_four_images(goapi: GoApiClient) -> None:
    """The four are the grid's quarters, and one of them can be upscaled."""
    task_input = {"prompt": "a fox --ar 3:2"}
    task = goapi.ended("midjourney", "imagine", task_input)
    output = task["output"]
    grid = goapi.image(output["image_url"])
    four = [goapi.image(url) for url in output["image_urls"]]
    origin = {"origin_task_id": task["task_id"], "index": "3"}
    third = goapi.image(goapi.output("midjourney", "upscale", origin)["image_url"])

    height, width = four[0].shape[:2]
    assert width / height == pytest.approx(1.5, abs=0.01)
    assert difference(np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]), grid) == 0
    assert all(difference(one, other) > 5 for one, other in pairwise(four))
    assert third.shape[:2] == (2 * height, 2 * width)
    assert difference(third[::2, ::2], four[2]) < 12
    assert output["temporary_image_urls"] == output["image_urls"]
    assert {"reroll", "upscale1", "variation4"} <= set(output["actions"])
    assert output["progress"] == 100


def test_midjourney_needs_a_completed_origin_task(goapi: GoApiClient) -> None:
    """An origin that is still pending fails the task."""
    pending = goapi.create("midjourney", "imagine", {"prompt": "x"}).json()["data"]["task_id"]
    task = goapi.create("midjourney", "reroll", {"origin_task_id": pending}).json()["data"]
    goapi.advance(10)
    goapi.task(pending)

    assert goapi.task(task["task_id"])["status"] == "failed"


def test_caption_names_colours_and_size(goapi: GoApiClient) -> None:
    """The text is the result; there is no URL."""
    output = goapi.output("Qubico/joycaption", "joycaption-beta-one", {"image": IMAGE})

    assert set(output) == {"text"}
    assert all(word in output["text"] for word in ("96 by 64", "red", "blue", "landscape"))


def test_gone_result_is_a_404_of_a_completed_task(goapi: GoApiClient) -> None:
    """By a fault, and for every result after a day."""
    task_input = {"image": IMAGE}
    kept = goapi.output(TOOLKIT, "upscale", task_input)["image_url"]
    goapi.fault({"result": "gone"}, path="/api/v1/task")
    gone = goapi.output(TOOLKIT, "upscale", task_input)["image_url"]

    assert (httpx.get(kept).status_code, httpx.get(gone).status_code) == (200, 404)
    goapi.advance(24 * 3600)
    assert httpx.get(kept).status_code == 404


def _image(goapi: GoApiClient, model: str, task_type: str, task_input: dict[str, Any]) -> Array:
    return goapi.image(goapi.output(model, task_type, task_input)["image_url"])
