"""The recorded requests to SnapAPI and Apiframe, sent unchanged to their sandboxes.

Everything a document's response shows must be there, with its type.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.providers.provider_cases import JOB_S
from tests.contract.providers.replay import ReplayClient, assert_same_shape, replaying
from tests.contract.providers.sample_files import image, mask
from tests.providers.recorded_pairs import read_pairs

SNAPAPI = read_pairs("snapapi")
APIFRAME = read_pairs("apiframe")


@pytest.fixture(scope="module")
def snapapi() -> Iterator[ReplayClient]:
    """A client with a valid key that has made the requests which recorded ones continue."""
    with replaying("snapapi", job_s=JOB_S, rate_per_min={"snapapi": 0}) as client:
        client.headers = {"api-key": client.credentials["api_key"]}
        earlier: dict[str, Any] = {}
        for endpoint in ("retouch-skin", "detect-objects"):
            path = f"/v1/images/{endpoint}"
            call = {"method": "POST", "path": path, "files": [("input_image", "")]}
            earlier |= client.send(call)[1]
        form = SNAPAPI["remove-detected-objects"]["request"]["form"]
        client.learn(form["mask_objects"], json.dumps(earlier["detected_objects"]))
        client.learn("sess_9f2c", earlier["session_id"])
        client.learn("img_9f2c", earlier["image_id"])
        yield client


@pytest.fixture(scope="module")
def apiframe() -> Iterator[ReplayClient]:
    """A client with a valid key."""
    with replaying("apiframe", job_s=JOB_S) as client:
        client.headers = {"X-API-Key": client.credentials["api_key"]}
        yield client


def assert_shows(found: Any, recorded: Any) -> None:
    """Everything recorded is there, with its type; only a text may be null."""
    assert_same_shape(found, recorded, nulls=False)


@pytest.mark.parametrize("name", [name for name, pair in SNAPAPI.items() if "operation" in pair])
def test_snapapi_responds_as_recorded(name: str, snapapi: ReplayClient) -> None:
    """Fields, files and response are the document's."""
    pair = SNAPAPI[name]
    status, body = snapapi.send(pair["request"])
    assert status == pair["answer"]["status"], body
    assert_shows(body, pair["answer"]["body"])


@pytest.mark.parametrize("name", [name for name, pair in APIFRAME.items() if "operation" in pair])
def test_apiframe_responds_as_recorded(name: str, apiframe: ReplayClient) -> None:
    """The new job, and later the job itself."""
    pair = APIFRAME[name]
    (group,) = [value for value in pair["request"]["json"].values() if isinstance(value, dict)]
    for role in ("image", "mask"):
        if role in group:
            sent = apiframe.client.post(
                f"{apiframe.base_url}/v2/uploads",
                headers=apiframe.headers,
                files={"file": mask() if role == "mask" else image()},
            )
            apiframe.learn(group[role], sent.json()["url"])
    status, body = apiframe.send(pair["request"])
    assert status == pair["answer"]["status"], body
    assert_shows(body, pair["answer"]["body"])

    apiframe.control("clock", {"advance_s": JOB_S})
    _, job = apiframe.send({"method": "GET", "path": f"/v2/jobs/{body['jobId']}"})
    assert_shows(job, APIFRAME["job-completed"]["answer"]["body"])


@pytest.mark.parametrize(
    ("provider", "header", "path"),
    [("snapapi", "api-key", "/v1/tasks/x"), ("apiframe", "X-API-Key", "/v2/jobs/x")],
)
def test_wrong_key_is_refused_as_recorded(
    request: pytest.FixtureRequest, provider: str, header: str, path: str
) -> None:
    """Status and form of the response."""
    client: ReplayClient = request.getfixturevalue(provider)
    recorded = read_pairs(provider)["401"]["answer"]
    response = client.client.get(f"{client.base_url}{path}", headers={header: "wrong"})
    assert response.status_code == recorded["status"]
    assert_shows(response.json(), recorded["body"])
