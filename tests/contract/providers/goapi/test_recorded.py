"""The recorded requests to GoAPI, sent unchanged to its sandbox: it responds as recorded.

Only values that exist for one client are exchanged: ids, and the URLs of uploaded files. Everything
a document shows must be there with its type, and the envelope has exactly the documented names. So
adapter and sandbox are held to the same documents.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from darkroom.domain.media import BY_EXTENSION, extension_of
from infra.sandbox.http_server import RunningSandbox, start
from tests.contract.providers.harness import clip, image, tune
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


class DriverHarness:
    """A client that knows only the recordings."""

    def __init__(self, running: RunningSandbox, client: httpx.Client) -> None:
        self.base_url = running.base_url
        self.client = client
        self.headers = {"x-api-key": running.credentials["api_key"]}
        self.instead: dict[str, str] = {}

    def send(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        """Send a recorded request with exchanged values; returns status and body."""
        document = request.get("json")
        for field, key in request.get("encoded", ()):
            document = {**(document or {}), field: base64.b64encode(file(key)).decode()}
        response = self.client.request(
            request["method"],
            self.base_url + self._real(request["path"]),
            json=self._real(document),
            headers=self.headers,
        )
        return response.status_code, response.json()

    def control(self, what: str, body: Mapping[str, Any]) -> None:
        """Post to the sandbox's control API."""
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()

    def upload(self, name: str) -> None:
        """Make the recorded uploads of a call; if one is refused, its file is uploaded anyway.

        The sandbox cannot read the presigned URL that the call names.
        """
        pair = PAID[name]
        wanted = [url for url in _texts(pair["request"]["json"]) if url.startswith("https://i")]
        keys = [key for keys in pair["inputs"].values() for key in keys]
        for url, key in zip(wanted, keys, strict=True):
            request = {
                "method": "POST",
                "path": "/api/ephemeral_resource",
                "json": {"file_name": f"file.{_uploaded_as(key)}"},
                "encoded": [["file_data", key]],
            }
            status, body = self.send(request)
            assert status == 200, body
            self.instead[url] = body["data"]["url"]

    def submit(self, name: str) -> Any:
        """Make the recorded paid call after its uploads."""
        self.upload(name)
        status, body = self.send(PAID[name]["request"])
        assert status == PAID[name]["answer"]["status"], body
        return body

    def ask(self, task_id: str) -> tuple[int, Any]:
        """Make the recorded poll of a task."""
        return self.send({"method": "GET", "path": f"/api/v1/task/{task_id}"})

    def _real(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._real(inner) for name, inner in value.items()}
            case list():
                return [self._real(inner) for inner in value]
            case str():
                for recorded, real in self.instead.items():
                    value = value.replace(recorded, real)
                return value
            case _:
                return value


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    """A sandbox for these tests alone."""
    with start(["goapi"], job_s=JOB_S) as started:
        yield started["goapi"]


@pytest.fixture
def harness(running: RunningSandbox) -> Iterator[DriverHarness]:
    """A client with enough credits."""
    with httpx.Client(timeout=30) as client:
        harness = DriverHarness(running, client)
        harness.control("account", {"credits": 100_000})
        yield harness


def file(key: str) -> bytes:
    """A small file of the kind that a key names."""
    media = BY_EXTENSION[extension_of(key)]
    if media.kind == "video":
        return clip()
    if media.kind == "audio":
        return tune()
    return image(kind={"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[media.extension])


def assert_holds(found: Any, recorded: Any, place: str = "answer") -> None:
    """Every recorded name is there with its type, at all levels; null stands for any type."""
    if found is None or recorded is None:
        return
    assert type(found) is type(recorded), place
    if isinstance(recorded, dict):
        for name, inner in recorded.items():
            assert name in found, f"{place}.{name}"
            assert_holds(found[name], inner, f"{place}.{name}")
    if isinstance(recorded, list) and recorded:
        assert found, place
        for item in found:
            assert_holds(item, recorded[0], f"{place}[]")


@pytest.mark.parametrize(("name", "index"), UPLOADS)
def test_recorded_upload_is_accepted(harness: DriverHarness, name: str, index: int) -> None:
    """Name and content as JSON; a URL comes back, and the file is there."""
    step = PAID[name]["steps"][index]
    status, body = harness.send(step["request"])
    assert status == step["answer"]["status"]
    assert_holds(body, step["answer"]["body"])
    assert harness.client.get(body["data"]["url"]).content


@pytest.mark.parametrize("name", PAID)
def test_recorded_call_is_accepted(harness: DriverHarness, name: str) -> None:
    """The response has every recorded name with its type, and repeats the request."""
    body = harness.submit(name)
    recorded = PAID[name]["answer"]["body"]
    if name not in UNIFIED:
        # The page shows a task that is done at once; a new one has no pictures yet.
        recorded = json.loads(json.dumps(recorded))
        recorded["data"]["task_result"]["task_output"] = None
    assert_holds(body, recorded)


@pytest.mark.parametrize("name", UNIFIED)
def test_new_task_has_the_whole_envelope(harness: DriverHarness, name: str) -> None:
    """Exactly the documented names, the webhook URL unchanged, empty times."""
    body = harness.submit(name)
    task = body["data"]
    assert body.keys() == ENVELOPE
    assert task.keys() == TASK
    assert task["config"]["webhook_config"] == {
        **PAID[name]["request"]["json"]["config"]["webhook_config"]
    }
    assert task["meta"]["ended_at"] == "0001-01-01T00:00:00Z"
    status, again = harness.ask(task["task_id"])
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
def test_task_ends_as_recorded(harness: DriverHarness, call: str, state: str) -> None:
    """Completed, with its results where the documents show them."""
    task_id = harness.submit(call)["data"]["task_id"]
    harness.control("clock", {"advance_s": JOB_S})
    status, body = harness.ask(task_id)
    assert status == 200
    answer = PAIRS[state]["answer"]["body"]
    recorded = {**answer, "data": {**answer["data"], "input": {}}}
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_holds(body, recorded)


def test_toolkit_v2_task_is_fetched_as_recorded(harness: DriverHarness) -> None:
    """The page says that both responses look alike."""
    for name in PAID.keys() - UNIFIED.keys():
        task_id = harness.submit(name)["data"]["task_id"]
        harness.control("clock", {"advance_s": JOB_S})
        path = "/api/image_toolkit/v2/fetch"
        status, body = harness.send({"method": "POST", "path": path, "json": {"task_id": task_id}})
        assert status == 200
        assert body["data"]["status"] == "success"
        assert_holds(body, PAID[name]["answer"]["body"])


def test_failed_task_is_reported_as_recorded(harness: DriverHarness) -> None:
    """With the error's text in its field."""
    match = {"method": "POST", "path": "/api/v1/task"}
    harness.control("faults", {"match": match, "do": {"job": "fail"}})
    task_id = harness.submit("upscale")["data"]["task_id"]
    harness.control("clock", {"advance_s": JOB_S})
    _, body = harness.ask(task_id)
    recorded = PAIRS["task-failed"]["answer"]["body"]
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_holds(body, {**recorded, "data": {**recorded["data"], "input": {}}})
    assert body["data"]["error"]["message"]


def test_unknown_task_is_refused_as_recorded(harness: DriverHarness) -> None:
    """By status and by code."""
    recorded = PAIRS["task-404"]["answer"]
    status, body = harness.ask("00000000-0000-4000-8000-000000000000")
    assert (status, body["code"]) == (recorded["status"], recorded["body"]["code"])
    assert_holds(body, recorded["body"])


def test_wrong_key_is_refused_as_recorded(harness: DriverHarness) -> None:
    """By status."""
    recorded = PAIRS["401"]["answer"]
    harness.headers = {"x-api-key": "no-one"}
    status, body = harness.ask("any")
    assert status == recorded["status"]
    assert_holds(body, recorded["body"])


def test_invalid_call_is_refused_as_recorded(harness: DriverHarness) -> None:
    """By status; the body may have the form of a task."""
    request = PAID["get-started"]["request"]
    wrong = {**request, "json": {**request["json"], "task_type": "no-such-task"}}
    status, body = harness.send(wrong)
    assert status == PAIRS["400"]["answer"]["status"]
    assert_holds(body, PAIRS["400"]["answer"]["body"])


def test_history_lists_a_task_as_recorded(harness: DriverHarness) -> None:
    """A task that has ended, newest first, with the filter word of its model."""
    steps = PAIRS["look-up-found"]["steps"]
    harness.submit("remove-background")
    task_id = harness.submit("upscale")["data"]["task_id"]
    harness.control("clock", {"advance_s": JOB_S})
    harness.ask(task_id)
    harness.instead["start_time=1767323045"] = "start_time=0"
    status, body = harness.send(steps[0]["request"])
    assert status == 200
    assert_holds(body, steps[0]["answer"]["body"])
    rows = body["data"]["data"]
    assert rows[0]["task_id"] == task_id
    assert {row["action"] for row in rows} >= {"upscale", "background-remove"}
    _, task = harness.ask(task_id)
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


def _uploaded_as(key: str) -> str:
    """The extension of what `file` makes: a video is MP4."""
    return "mp4" if BY_EXTENSION[extension_of(key)].kind == "video" else extension_of(key)
