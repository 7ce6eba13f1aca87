"""The recorded requests to SnapAPI and Apiframe, sent unchanged to their sandboxes.

Only values that exist for one client are exchanged: ids of earlier calls, and the URLs of uploaded
files. Everything a document's response shows must be there, with its type; so adapter and sandbox
are held to the same documents.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.providers.harness import Sandbox, image, mask
from tests.contract.providers.provider_cases import JOB_S
from tests.providers.recorded_pairs import read_all_pairs

PAIRS = read_all_pairs()
SNAPAPI = {n: p for n, p in PAIRS.items() if p["provider"] == "snapapi" and "operation" in p}
APIFRAME = {n: p for n, p in PAIRS.items() if p["provider"] == "apiframe" and "operation" in p}

EARLIER = {"sess_9f2c": "session_id", "img_9f2c": "image_id"}
"""What a recorded request takes from an earlier answer, and where it is found there."""


@pytest.mark.parametrize("name", SNAPAPI)
def test_snapapi_responds_as_recorded(name: str, sandboxes: Mapping[str, Sandbox]) -> None:
    """Fields, files and response are the document's."""
    sandbox = sandboxes["snapapi"]
    sandbox.clear()
    pair = SNAPAPI[name]
    earlier: dict[str, Any] = {}
    for endpoint in ("retouch-skin", "detect-objects"):
        call = {"method": "POST", "path": f"/v1/images/{endpoint}"}
        earlier |= _snap(sandbox, call, ["input_image"]).json()
    form = {
        field: _exchanged(value, earlier)
        for field, value in pair["request"].get("form", {}).items()
    }
    response = _snap(
        sandbox,
        pair["request"],
        [field for field, _ in pair["request"].get("files", [])] or None,
        form,
    )

    assert response.status_code == pair["answer"]["status"], response.text
    _assert_shows(response.json(), pair["answer"]["body"])


@pytest.mark.parametrize("name", APIFRAME)
def test_apiframe_responds_as_recorded(name: str, sandboxes: Mapping[str, Sandbox]) -> None:
    """The new job, and later the job itself."""
    sandbox = sandboxes["apiframe"]
    sandbox.clear()
    pair = APIFRAME[name]
    headers = {"X-API-Key": sandbox.credentials["api_key"]}
    document = json.loads(
        json.dumps(pair["request"]["json"]).replace("https://files.test/", f"{sandbox.base_url}/")
    )
    (group,) = [value for value in document.values() if isinstance(value, dict)]
    for role in ("image", "mask"):
        if role in group:
            body = mask() if role == "mask" else image()
            sent = sandbox.client.post(
                f"{sandbox.base_url}/v2/uploads", headers=headers, files={"file": body}
            )
            group[role] = sent.json()["url"]
    response = sandbox.client.post(
        f"{sandbox.base_url}{pair['request']['path']}", json=document, headers=headers
    )
    assert response.status_code == pair["answer"]["status"], response.text
    _assert_shows(response.json(), pair["answer"]["body"])

    sandbox.advance(JOB_S)
    job = sandbox.client.get(
        f"{sandbox.base_url}/v2/jobs/{response.json()['jobId']}", headers=headers
    )
    _assert_shows(job.json(), PAIRS["apiframe-job-completed"]["answer"]["body"])


@pytest.mark.parametrize("provider", ["snapapi", "apiframe"])
def test_wrong_key_is_refused_as_recorded(provider: str, sandboxes: Mapping[str, Sandbox]) -> None:
    """Status and form of the response."""
    recorded = PAIRS[f"{provider}-401"]["answer"]
    header = {"snapapi": "api-key", "apiframe": "X-API-Key"}[provider]
    path = {"snapapi": "/v1/tasks/x", "apiframe": "/v2/jobs/x"}[provider]
    sandbox = sandboxes[provider]
    response = sandbox.client.get(f"{sandbox.base_url}{path}", headers={header: "wrong"})

    assert response.status_code == recorded["status"]
    _assert_shows(response.json(), recorded["body"])


def _snap(
    sandbox: Sandbox,
    request: Mapping[str, Any],
    fields: list[str] | None,
    form: Mapping[str, str] | None = None,
) -> Any:
    """Send a form with a small file in each of the fields."""
    parts: list[tuple[str, Any]] = [
        (field, (f"{field}.png", mask() if "mask" in field else image(), "image/png"))
        for field in fields or []
    ]
    parts += [(field, (None, value)) for field, value in (form or {}).items()]
    return sandbox.client.request(
        request["method"],
        f"{sandbox.base_url}{request['path']}",
        headers={"api-key": sandbox.credentials["api_key"]},
        files=parts,
        timeout=30,
    )


def _exchanged(value: str, earlier: Mapping[str, Any]) -> str:
    for recorded, name in EARLIER.items():
        if recorded in value:
            return value.replace(recorded, str(earlier[name]))
    if value.startswith("[{"):
        return json.dumps(earlier["detected_objects"])
    return value


def _assert_shows(response: Any, recorded: Any) -> None:
    """Everything recorded is there, with its type; null stands for any type."""
    match recorded:
        case dict():
            assert isinstance(response, dict)
            for name, value in recorded.items():
                assert name in response, f"{name} is missing in {sorted(response)}"
                _assert_shows(response[name], value)
        case list():
            assert isinstance(response, list)
            if recorded and response:
                _assert_shows(response[0], recorded[0])
        case None:
            return
        case bool():
            assert isinstance(response, bool)
        case int() | float():
            assert isinstance(response, int | float)
        case _:
            assert response is None or isinstance(response, str)
