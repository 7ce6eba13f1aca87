"""The recorded requests to GoAPI, sent as they are to its sandbox: it answers as recorded.

Only what exists for one client alone is exchanged: ids, and the addresses of uploaded files. What
a document shows must be there with its type; the envelope has every name that the documents give
it and no other. Adapter and sandbox are so held to the same documents.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from darkroom.domain.media import BY_EXTENSION, extension_of
from infra.sandbox.http_server import RunningSandbox, start
from tests.contract.providers.bench import clip, picture, tune

RECORDED = Path(__file__).parents[2] / "providers" / "recorded"
PAIRS = {path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("goapi-*.json"))}
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


class Desk:
    """A client that knows the recordings alone."""

    def __init__(self, running: RunningSandbox, client: httpx.Client) -> None:
        self.base_url = running.base_url
        self.client = client
        self.headers = {"x-api-key": running.credentials["api_key"]}
        self.instead: dict[str, str] = {}

    def send(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        """Send a recorded request with what was handed out instead; returns status and body."""
        document = request.get("json")
        for field, key in request.get("encoded", ()):
            document = {**(document or {}), field: base64.b64encode(file(key)).decode()}
        answer = self.client.request(
            request["method"],
            self.base_url + self._real(request["path"]),
            json=self._real(document),
            headers=self.headers,
        )
        return answer.status_code, answer.json()

    def control(self, what: str, body: Mapping[str, Any]) -> None:
        """Tell the sandbox something."""
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()

    def upload(self, name: str) -> None:
        """The recorded uploads of a call; where one is refused, its file is uploaded all the same.

        The sandbox cannot read the signed address that the call then names.
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
        """The recorded paid call, with all that comes before it."""
        self.upload(name)
        status, body = self.send(PAID[name]["request"])
        assert status == PAID[name]["answer"]["status"], body
        return body

    def ask(self, task_id: str) -> tuple[int, Any]:
        """The recorded question about a task."""
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
    """A sandbox of its own."""
    with start(["goapi"], job_s=JOB_S) as started:
        yield started["goapi"]


@pytest.fixture
def desk(running: RunningSandbox) -> Iterator[Desk]:
    """A client with a full purse."""
    with httpx.Client(timeout=30) as client:
        desk = Desk(running, client)
        desk.control("account", {"credits": 100_000})
        yield desk


def file(key: str) -> bytes:
    """A small file of the kind that a key names."""
    media = BY_EXTENSION[extension_of(key)]
    if media.kind == "video":
        return clip()
    if media.kind == "audio":
        return tune()
    return picture(kind={"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[media.extension])


def assert_holds(found: Any, recorded: Any, place: str = "answer") -> None:
    """Every recorded name is there with its type, all the way down; null stands for any."""
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
def test_a_recorded_upload_is_taken_as_recorded(desk: Desk, name: str, index: int) -> None:
    """Name and content as JSON; an address comes back, and the file is there."""
    step = PAID[name]["steps"][index]
    status, body = desk.send(step["request"])
    assert status == step["answer"]["status"]
    assert_holds(body, step["answer"]["body"])
    assert desk.client.get(body["data"]["url"]).content


@pytest.mark.parametrize("name", PAID)
def test_a_recorded_call_is_accepted_as_recorded(desk: Desk, name: str) -> None:
    """Every name of the recorded answer with its type; what was asked comes back in it."""
    body = desk.submit(name)
    recorded = PAID[name]["answer"]["body"]
    if name not in UNIFIED:
        # The page shows a task that is done at once; a new one has no pictures yet.
        recorded = json.loads(json.dumps(recorded))
        recorded["data"]["task_result"]["task_output"] = None
    assert_holds(body, recorded)


@pytest.mark.parametrize("name", UNIFIED)
def test_a_task_has_the_whole_envelope_from_its_beginning(desk: Desk, name: str) -> None:
    """No name more or less, the webhook's address word for word, times that are not yet."""
    body = desk.submit(name)
    task = body["data"]
    assert body.keys() == ENVELOPE
    assert task.keys() == TASK
    assert task["config"]["webhook_config"] == {
        **PAID[name]["request"]["json"]["config"]["webhook_config"]
    }
    assert task["meta"]["ended_at"] == "0001-01-01T00:00:00Z"
    status, again = desk.ask(task["task_id"])
    assert status == 200
    assert again["data"]["task_id"] == task["task_id"]
    assert again["data"]["config"] == task["config"]


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("goapi-upscale", "goapi-task-completed"),
        ("goapi-caption", "goapi-task-completed-caption"),
        ("goapi-animate-kling", "goapi-task-completed-kling"),
        ("goapi-make-3d", "goapi-task-completed-model"),
    ],
)
def test_a_task_ends_as_recorded(desk: Desk, call: str, state: str) -> None:
    """Done, with its results where the documents show them."""
    task_id = desk.submit(call)["data"]["task_id"]
    desk.control("clock", {"advance_s": JOB_S})
    status, body = desk.ask(task_id)
    assert status == 200
    told = PAIRS[state]["answer"]["body"]
    recorded = {**told, "data": {**told["data"], "input": {}}}
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_holds(body, recorded)


def test_the_older_toolkit_is_fetched_as_recorded(desk: Desk) -> None:
    """The page says that both answers look alike."""
    for name in PAID.keys() - UNIFIED.keys():
        task_id = desk.submit(name)["data"]["task_id"]
        desk.control("clock", {"advance_s": JOB_S})
        path = "/api/image_toolkit/v2/fetch"
        status, body = desk.send({"method": "POST", "path": path, "json": {"task_id": task_id}})
        assert status == 200
        assert body["data"]["status"] == "success"
        assert_holds(body, PAID[name]["answer"]["body"])


def test_a_failed_task_says_so_as_recorded(desk: Desk) -> None:
    """The error's text has its place."""
    match = {"method": "POST", "path": "/api/v1/task"}
    desk.control("faults", {"match": match, "do": {"job": "fail"}})
    task_id = desk.submit("goapi-upscale")["data"]["task_id"]
    desk.control("clock", {"advance_s": JOB_S})
    _, body = desk.ask(task_id)
    recorded = PAIRS["goapi-task-failed"]["answer"]["body"]
    assert body["data"]["status"] == recorded["data"]["status"]
    assert_holds(body, {**recorded, "data": {**recorded["data"], "input": {}}})
    assert body["data"]["error"]["message"]


def test_an_unknown_task_is_refused_as_recorded(desk: Desk) -> None:
    """By status and by code."""
    recorded = PAIRS["goapi-task-404"]["answer"]
    status, body = desk.ask("00000000-0000-4000-8000-000000000000")
    assert (status, body["code"]) == (recorded["status"], recorded["body"]["code"])
    assert_holds(body, recorded["body"])


def test_a_wrong_key_is_refused_as_recorded(desk: Desk) -> None:
    """By status."""
    recorded = PAIRS["goapi-401"]["answer"]
    desk.headers = {"x-api-key": "no-one"}
    status, body = desk.ask("any")
    assert status == recorded["status"]
    assert_holds(body, recorded["body"])


def test_a_wrong_call_is_refused_as_recorded(desk: Desk) -> None:
    """By status; the body may be shaped like a task."""
    request = PAID["goapi-get-started"]["request"]
    wrong = {**request, "json": {**request["json"], "task_type": "no-such-task"}}
    status, body = desk.send(wrong)
    assert status == PAIRS["goapi-400"]["answer"]["status"]
    assert_holds(body, PAIRS["goapi-400"]["answer"]["body"])


def test_the_history_lists_a_task_as_recorded(desk: Desk) -> None:
    """One that has ended, newest first, with the word that narrows it to its model."""
    steps = PAIRS["goapi-look-up-found"]["steps"]
    desk.submit("goapi-remove-background")
    task_id = desk.submit("goapi-upscale")["data"]["task_id"]
    desk.control("clock", {"advance_s": JOB_S})
    desk.ask(task_id)
    desk.instead["start_time=1767323045"] = "start_time=0"
    status, body = desk.send(steps[0]["request"])
    assert status == 200
    assert_holds(body, steps[0]["answer"]["body"])
    rows = body["data"]["data"]
    assert rows[0]["task_id"] == task_id
    assert {row["action"] for row in rows} >= {"upscale", "background-remove"}
    _, task = desk.ask(task_id)
    assert (
        task["data"]["config"]["webhook_config"]["endpoint"]
        == (PAIRS["goapi-upscale"]["request"]["json"]["config"]["webhook_config"]["endpoint"])
    )


def _texts(value: Any) -> Iterator[str]:
    """Every address of a file in a document."""
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
