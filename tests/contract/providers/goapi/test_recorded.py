"""The recorded requests to GoAPI, sent unchanged to its sandbox: it responds as recorded.

Everything a document shows must be there with its type, and the envelope has exactly the
documented names.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from darkroom.domain.media import BY_EXTENSION, extension_of
from tests.contract.providers.replay import ReplayClient, assert_same_shape, replaying
from tests.providers.recorded_pairs import read_pairs

PAIRS = read_pairs("goapi")
PAID = {name: pair for name, pair in PAIRS.items() if "operation" in pair}
UNIFIED = {name: pair for name, pair in PAID.items() if pair["request"]["path"] == "/api/v1/task"}
UPLOADS = [
    (name, index)
    for name, pair in PAID.items()
    for index, step in enumerate(pair["steps"])
    if step["answer"]["status"] == 200 and "data" in step["answer"]["body"]
]
JOB_S = 60.0

# "Unified API Schema" (piapi.ai/docs): all of a task, on every answer.
ENVELOPE = {"code", "message", "data"}
TASK = {
    *("task_id", "model", "task_type", "status", "config", "input", "output"),
    *("meta", "detail", "logs", "error"),
}


@pytest.fixture(scope="module")
def _client() -> Iterator[ReplayClient]:
    with replaying("goapi", job_s=JOB_S) as client:
        yield client


@pytest.fixture
def client(_client: ReplayClient) -> ReplayClient:
    """A client with a valid key."""
    _client.headers = {"x-api-key": _client.credentials["api_key"]}
    return _client


def submit(client: ReplayClient, name: str) -> Any:
    """Make the recorded paid call after its uploads; returns the response.

    If an upload is refused as recorded, its file is uploaded anyway: the sandbox cannot read the
    presigned URL that the call names.
    """
    pair = PAID[name]
    urls = [url for url in _texts(pair["request"]["json"]) if url.startswith("https://i")]
    keys = [key for keys in pair["inputs"].values() for key in keys]
    for url, key in zip(urls, keys, strict=True):
        extension = extension_of(key)
        extension = "mp4" if BY_EXTENSION[extension].kind == "video" else extension
        request = {
            "method": "POST",
            "path": "/api/ephemeral_resource",
            "json": {"file_name": f"file.{extension}"},
            "encoded": [["file_data", key]],
        }
        status, body = client.send(request)
        assert status == 200, body
        client.learn(url, body["data"]["url"])
    status, body = client.send(pair["request"])
    assert status == pair["answer"]["status"], body
    return body


def poll(client: ReplayClient, task_id: str) -> tuple[int, Any]:
    """Make the recorded poll of a task."""
    return client.send({"method": "GET", "path": f"/api/v1/task/{task_id}"})


@pytest.mark.parametrize(("name", "index"), UPLOADS)
def test_recorded_upload_is_accepted(client: ReplayClient, name: str, index: int) -> None:
    """Name and content as JSON; a URL comes back, and the file is there."""
    step = PAID[name]["steps"][index]
    status, body = client.send(step["request"])
    assert status == step["answer"]["status"]
    assert_same_shape(body, step["answer"]["body"])
    assert client.client.get(body["data"]["url"]).content


@pytest.mark.parametrize("name", PAID)
def test_recorded_call_is_accepted(client: ReplayClient, name: str) -> None:
    """The response has every recorded name with its type, and repeats the request."""
    body = submit(client, name)
    recorded = PAID[name]["answer"]["body"]
    if name not in UNIFIED:
        # The page shows a task that is done at once; a new one has no pictures yet.
        recorded = json.loads(json.dumps(recorded))
        recorded["data"]["task_result"]["task_output"] = None
    assert_same_shape(body, recorded)


@pytest.mark.parametrize("name", UNIFIED)
def test_new_task_has_the_whole_envelope(client: ReplayClient, name: str) -> None:
    """Exactly the documented names, the webhook URL unchanged, empty times."""
    body = submit(client, name)
    task = body["data"]
    assert body.keys() == ENVELOPE
    assert task.keys() == TASK
    assert task["config"]["webhook_config"] == {
        **PAID[name]["request"]["json"]["config"]["webhook_config"]
    }
    assert task["meta"]["ended_at"] == "0001-01-01T00:00:00Z"
    status, again = poll(client, task["task_id"])
    assert status == 200
    assert again["data"]["task_id"] == task["task_id"]
    assert again["data"]["config"] == task["config"]


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("upscale", "task-completed"),
        ("caption", "task-completed-caption"),
        ("animate-kling", "task-completed-kling"),
        ("make-3d", "task-completed-model"),
    ],
)
def test_task_ends_as_recorded(client: ReplayClient, call: str, state: str) -> None:
    """Completed, with its results where the documents show them."""
    task_id = submit(client, call)["data"]["task_id"]
    client.control("clock", {"advance_s": JOB_S})
    status, body = poll(client, task_id)
    assert status == 200
    answer = PAIRS[state]["answer"]["body"]
    recorded = {**answer, "data": {**answer["data"], "input": {}}}
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_same_shape(body, recorded)


def test_toolkit_v2_task_is_fetched_as_recorded(client: ReplayClient) -> None:
    """The page says that both responses look alike."""
    for name in PAID.keys() - UNIFIED.keys():
        task_id = submit(client, name)["data"]["task_id"]
        client.control("clock", {"advance_s": JOB_S})
        path = "/api/image_toolkit/v2/fetch"
        status, body = client.send({"method": "POST", "path": path, "json": {"task_id": task_id}})
        assert status == 200
        assert body["data"]["status"] == "success"
        assert_same_shape(body, PAID[name]["answer"]["body"])


def test_failed_task_is_reported_as_recorded(client: ReplayClient) -> None:
    """With the error's text in its field."""
    match = {"method": "POST", "path": "/api/v1/task"}
    client.control("faults", {"match": match, "do": {"job": "fail"}})
    task_id = submit(client, "upscale")["data"]["task_id"]
    client.control("clock", {"advance_s": JOB_S})
    _, body = poll(client, task_id)
    recorded = PAIRS["task-failed"]["answer"]["body"]
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_same_shape(body, {**recorded, "data": {**recorded["data"], "input": {}}})
    assert body["data"]["error"]["message"]


def test_unknown_task_is_refused_as_recorded(client: ReplayClient) -> None:
    """By status and by code."""
    recorded = PAIRS["task-404"]["answer"]
    status, body = poll(client, "00000000-0000-4000-8000-000000000000")
    assert (status, body["code"]) == (recorded["status"], recorded["body"]["code"])
    assert_same_shape(body, recorded["body"])


def test_wrong_key_is_refused_as_recorded(client: ReplayClient) -> None:
    """By status."""
    recorded = PAIRS["401"]["answer"]
    client.headers = {"x-api-key": "no-one"}
    status, body = poll(client, "any")
    assert status == recorded["status"]
    assert_same_shape(body, recorded["body"])


def test_invalid_call_is_refused_as_recorded(client: ReplayClient) -> None:
    """By status; the body may have the form of a task."""
    request = PAID["get-started"]["request"]
    wrong = {**request, "json": {**request["json"], "task_type": "no-such-task"}}
    status, body = client.send(wrong)
    assert status == PAIRS["400"]["answer"]["status"]
    assert_same_shape(body, PAIRS["400"]["answer"]["body"])


def test_history_lists_a_task_as_recorded(client: ReplayClient) -> None:
    """A task that has ended, newest first, with the filter word of its model."""
    steps = PAIRS["look-up-found"]["steps"]
    submit(client, "remove-background")
    task_id = submit(client, "upscale")["data"]["task_id"]
    client.control("clock", {"advance_s": JOB_S})
    poll(client, task_id)
    client.learn("start_time=1767323045", "start_time=0")
    status, body = client.send(steps[0]["request"])
    assert status == 200
    assert_same_shape(body, steps[0]["answer"]["body"])
    rows = body["data"]["data"]
    assert rows[0]["task_id"] == task_id
    assert {row["action"] for row in rows} >= {"upscale", "background-remove"}
    _, task = poll(client, task_id)
    assert (
        task["data"]["config"]["webhook_config"]["endpoint"]
        == (PAIRS["upscale"]["request"]["json"]["config"]["webhook_config"]["endpoint"])
    )


def _texts(value: Any) -> Iterator[str]:
    """Every URL of a file in a document."""
    match value:
        case dict():
            for name, inner in value.items():
                if name != "webhook_config":
                    yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case str() if value.startswith("https://"):
            yield value
