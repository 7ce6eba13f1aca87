"""The recorded requests to SnapAPI and Apiframe, sent as they are to their sandboxes.

Only what exists for one client alone is exchanged: ids of earlier calls, and the addresses of
uploaded files. What a document's answer shows must be there, with its type; so adapter and sandbox
are held to the same documents.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.providers.bench import Sandbox, mask, picture
from tests.contract.providers.needs import JOB_S

RECORDED = Path(__file__).parents[2] / "providers" / "recorded"
PAIRS = {path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))}
SNAPAPI = {n: p for n, p in PAIRS.items() if p["provider"] == "snapapi" and "operation" in p}
APIFRAME = {n: p for n, p in PAIRS.items() if p["provider"] == "apiframe" and "operation" in p}

EARLIER = {"sess_9f2c": "session_id", "img_9f2c": "image_id"}
"""What a recorded request takes from an earlier answer, and where it is found there."""


@pytest.mark.parametrize("name", SNAPAPI)
def test_snapapi_answers_a_recorded_request_as_recorded(
    name: str, sandboxes: Mapping[str, Sandbox]
) -> None:
    """Fields, files and answer are the document's."""
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
    answer = _snap(
        sandbox,
        pair["request"],
        [field for field, _ in pair["request"].get("files", [])] or None,
        form,
    )

    assert answer.status_code == pair["answer"]["status"], answer.text
    _assert_shows(answer.json(), pair["answer"]["body"])


@pytest.mark.parametrize("name", APIFRAME)
def test_apiframe_answers_a_recorded_request_as_recorded(
    name: str, sandboxes: Mapping[str, Sandbox]
) -> None:
    """The job that is made, and later the job itself."""
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
            body = mask() if role == "mask" else picture()
            sent = sandbox.client.post(
                f"{sandbox.base_url}/v2/uploads", headers=headers, files={"file": body}
            )
            group[role] = sent.json()["url"]
    answer = sandbox.client.post(
        f"{sandbox.base_url}{pair['request']['path']}", json=document, headers=headers
    )
    assert answer.status_code == pair["answer"]["status"], answer.text
    _assert_shows(answer.json(), pair["answer"]["body"])

    sandbox.advance(JOB_S)
    job = sandbox.client.get(
        f"{sandbox.base_url}/v2/jobs/{answer.json()['jobId']}", headers=headers
    )
    _assert_shows(job.json(), PAIRS["apiframe-job-completed"]["answer"]["body"])


@pytest.mark.parametrize("provider", ["snapapi", "apiframe"])
def test_a_wrong_key_is_refused_as_recorded(
    provider: str, sandboxes: Mapping[str, Sandbox]
) -> None:
    """Status and shape of the refusal."""
    recorded = PAIRS[f"{provider}-401"]["answer"]
    header = {"snapapi": "api-key", "apiframe": "X-API-Key"}[provider]
    path = {"snapapi": "/v1/tasks/x", "apiframe": "/v2/jobs/x"}[provider]
    sandbox = sandboxes[provider]
    answer = sandbox.client.get(f"{sandbox.base_url}{path}", headers={header: "wrong"})

    assert answer.status_code == recorded["status"]
    _assert_shows(answer.json(), recorded["body"])


def _snap(
    sandbox: Sandbox,
    request: Mapping[str, Any],
    fields: list[str] | None,
    form: Mapping[str, str] | None = None,
) -> Any:
    """Send a form with a small file in each of the fields."""
    parts: list[tuple[str, Any]] = [
        (field, (f"{field}.png", mask() if "mask" in field else picture(), "image/png"))
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


def _assert_shows(answer: Any, recorded: Any) -> None:
    """All that is recorded is there, with its type; a null may be anything."""
    match recorded:
        case dict():
            assert isinstance(answer, dict)
            for name, value in recorded.items():
                assert name in answer, f"{name} is missing in {sorted(answer)}"
                _assert_shows(answer[name], value)
        case list():
            assert isinstance(answer, list)
            if recorded and answer:
                _assert_shows(answer[0], recorded[0])
        case None:
            return
        case bool():
            assert isinstance(answer, bool)
        case int() | float():
            assert isinstance(answer, int | float)
        case _:
            assert answer is None or isinstance(answer, str)
