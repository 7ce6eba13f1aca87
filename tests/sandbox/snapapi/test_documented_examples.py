"""SnapAPI's own page: the example of every endpoint, field by field."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.sandbox.snapapi.routes import LEGACY
from tests.sandbox.client import SandboxClient
from tests.sandbox.images import Array, as_jpeg, as_png, photo, plane_mask, text_photo

IMAGE = ("input_image",)
MASKED = ("input_image", "input_mask")
SINGLE = {"created", "data", "session_id", "image_id"}
DETECTED = {"session_id", "detected_objects"}
FOUND = {"detected", "mask"}
CREATED = {"task_id", "status", "created_at"}
KNOBS = "mode=editing strength=1 guidance_scale=1 inference_steps=4"


@dataclass(frozen=True)
class Example:
    """A request from the page: its path, file fields, other fields, and its response keys."""

    name: str
    files: tuple[str, ...]
    fields: str = ""
    keys: frozenset[str] = frozenset(SINGLE)

    @property
    def data(self) -> dict[str, str]:
        """The other fields by name."""
        return dict(pair.split("=", 1) for pair in self.fields.split())


# snapapi.ai/en/docs, v1.0.0: the curl line of each endpoint, in the page's order.
EXAMPLES = [
    Example("detect-objects", IMAGE, keys=frozenset(DETECTED)),
    Example("detect-text", IMAGE, keys=frozenset(FOUND)),
    Example("detect-wires", IMAGE, keys=frozenset(FOUND)),
    Example("remove-objects", MASKED, "erase_mode=normal"),
    Example("remove-text", MASKED, "erase_mode=normal"),
    Example("remove-watermark", MASKED, "predict_mode=2.0"),
    Example("remove-wires", MASKED),
    Example(
        "remove-background", IMAGE, keys=frozenset({"output_image_url", "box", "created", "data"})
    ),
    Example("enhance", IMAGE, "zoom_factor=2 enhance_faces=true face_model_ids=0,1,2"),
    Example("enhance-art", IMAGE, "zoom_factor=2"),
    Example("restore", IMAGE),
    Example("colorize", IMAGE),
    Example("generate-art", IMAGE, "style=special_effect_fire"),
    Example("generations", (), "prompt= aspect_ratio=1:1"),
    Example("generations-qwen", (), "prompt= aspect_ratio=1:1"),
    Example("edits", IMAGE, KNOBS),
    Example("edits/multi", ("input_image_0", "input_image_1", "input_image_2"), KNOBS),
    Example(
        "edit-flux",
        IMAGE,
        "prompt=value mode=editing strength=1 guidance_scale=3.5 inference_steps=8 run_fast=true",
        frozenset(CREATED),
    ),
    Example("retouch-skin", IMAGE),
    Example("transfer-makeup", IMAGE, "style=camdao"),
    Example("hairstyle", IMAGE),
    Example("try-on", ("model_image", "cloth_image", "lower_cloth_image"), keys=frozenset(CREATED)),
    Example("outpaint", MASKED),
    Example("pose-suggest", IMAGE, "num_models=1 gender=female"),
]
BY_NAME = {example.name: example for example in EXAMPLES}


def _image(name: str) -> Array:
    return plane_mask() if name == "input_mask" else photo()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_every_example_of_the_page_works(snapapi: SandboxClient, example: Example) -> None:
    """Sent as by curl, it returns the documented keys and is charged once."""
    files: dict[str, Any] = {name: (None, text) for name, text in example.data.items()}
    for name in example.files:
        kind, content = ("png", as_png) if name == "input_mask" else ("jpg", as_jpeg)
        files[name] = (f"image.{kind}", content(_image(name)))
    response = snapapi.http.post(f"/v1/images/{example.name}", files=files)

    assert response.status_code == 200, response.text
    assert set(response.json()) == example.keys
    assert len(snapapi.entries()) == 1


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.files], ids=lambda e: e.name)
def test_every_file_field_takes_a_url(snapapi: SandboxClient, example: Example) -> None:
    """With URLs in place of files the form needs no file part, and may be urlencoded."""
    addresses = {name: _address(snapapi, name) for name in example.files}
    before = snapapi.spent()
    response = snapapi.http.post(f"/v1/images/{example.name}", data={**example.data, **addresses})

    assert response.status_code == 200, response.text
    assert set(response.json()) == example.keys
    assert snapapi.spent() > before


@pytest.mark.parametrize("name", LEGACY)
def test_every_older_path_responds_like_its_endpoint(snapapi: SandboxClient, name: str) -> None:
    """The page names one beside each endpoint."""
    example = BY_NAME[name]
    files = {file: _image(file) for file in example.files}
    response = snapapi.form(LEGACY[name], example.data, files)

    assert response.status_code == 200, response.text
    assert set(response.json()) == example.keys


def test_every_endpoint_has_an_example_and_an_older_path() -> None:
    """The three lists name the same endpoints."""
    assert set(BY_NAME) == set(LEGACY)


def test_equal_urlencoded_forms_have_equal_digests(snapapi: SandboxClient) -> None:
    """A double payment shows in the ledger with either encoding of the form."""
    for prompt in ("a fox", "a fox", "a bear"):
        snapapi.http.post("/v1/images/generations", data={"prompt": prompt})

    digests = [entry["request_digest"] for entry in snapapi.entries()]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("lead", ["", "data:image/png;base64,"])
def test_detected_mask_can_be_sent_back_as_base64(snapapi: SandboxClient, lead: str) -> None:
    """A detection's mask is accepted as input_mask without being decoded first."""
    files = {"input_image": text_photo()}
    mask = snapapi.form("/v1/images/detect-text", files=files).json()["mask"]
    erased = snapapi.form("/v1/images/remove-text", {"input_mask": lead + mask}, files).json()
    result = snapapi.image(erased["data"][0]["url"])

    again = snapapi.form("/v1/images/detect-text", files={"input_image": result}).json()
    assert again["detected"] is False


def test_mask_must_be_a_file_a_url_or_base64(
    snapapi: SandboxClient,
) -> None:
    """The message names the field, and nothing is charged."""
    response = snapapi.form(
        "/v1/images/remove-text", {"input_mask": "not a mask!"}, {"input_image": photo()}
    )

    assert response.status_code == 400
    assert "input_mask" in response.json()["error"]["message"]
    assert snapapi.entries() == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_bearer_token_authenticates(snapapi: SandboxClient, scheme: str) -> None:
    """The page's second way to authenticate, on its own first example."""
    key = snapapi.http.headers["api-key"]
    response = httpx.post(
        f"{snapapi.base_url}/v1/images/remove-background",
        headers={"Authorization": f"{scheme} {key}"},
        files={"input_image": ("photo.jpg", as_jpeg(photo()))},
    )

    assert response.status_code == 200
    assert snapapi.spent() == 1


def test_health_and_tasks_take_a_key(snapapi: SandboxClient) -> None:
    """The three calls without a body, as on the page."""
    created = snapapi.form("/v1/images/edit-flux", {"prompt": "x"}, {"input_image": photo()})
    task = f"/v1/tasks/{created.json()['task_id']}"

    assert snapapi.http.get("/v1/health").json()["status"] == "healthy"
    assert snapapi.http.get(task).json()["status"] == "CREATED"
    assert snapapi.http.delete(task).json()["message"].endswith(" cancelled")


def _address(snapapi: SandboxClient, name: str) -> str:
    """Let the sandbox itself host the image: a result has an address."""
    files = {"input_image": _image(name)}
    data = {"mode": "editing", "strength": "0"}
    url: str = snapapi.form("/v1/images/edits", data, files).json()["data"][0]["url"]
    return url
