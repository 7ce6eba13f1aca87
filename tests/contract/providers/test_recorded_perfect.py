"""The recorded requests to Perfect, sent as they are to its sandbox: it answers as recorded.

Only what exists for one client alone is exchanged: ids and addresses that were handed out. Values
may differ, names and types may not. Adapter and sandbox are so held to the same documents.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from darkroom.providers.perfect.auth import build_id_token
from infra.sandbox.http_server import RunningSandbox, start
from tests.contract.providers.perfect_bench import photo
from tests.contract.providers.perfect_needs import PICTURES

RECORDED = Path(__file__).parents[2] / "providers" / "recorded"
PAIRS = {
    path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("perfect-*.json"))
}
PAID = {name: pair for name, pair in PAIRS.items() if "operation" in pair}
STEP_S = 8.0


class Desk:
    """A client that knows the recordings alone, and what the sandbox has handed out instead."""

    def __init__(self, running: RunningSandbox, client: httpx.Client) -> None:
        self.base_url = running.base_url
        self.held = running.credentials
        self.client = client
        self.instead: dict[Any, Any] = {}
        self.bearer: dict[str, str] = {}

    def send(self, request: Mapping[str, Any], content: bytes | None = None) -> tuple[int, Any]:
        """Send a recorded request with the sandbox's own ids; returns status and body."""
        path = self._real(request["path"])
        foreign = not path.startswith("/")
        answer = self.client.request(
            request["method"],
            path if foreign else self.base_url + path,
            json=self._real(request.get("json")) if content is None else None,
            content=content,
            headers=request.get("headers", {}) if foreign else self.bearer,
        )
        return answer.status_code, (answer.json() if answer.content else None)

    def learn(self, recorded: object, real: object) -> None:
        """Exchange from now on what was recorded for what is real."""
        self.instead[recorded] = real

    def control(self, what: str, body: Mapping[str, Any]) -> None:
        """Tell the sandbox something."""
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()

    def _real(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._real(inner) for name, inner in value.items()}
            case list():
                return [self._real(inner) for inner in value]
            case str():
                for recorded, real in self.instead.items():
                    value = value.replace(str(recorded), str(real))
                return value
            case _:
                return self.instead.get(value, value)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    """A sandbox of its own."""
    with start(["perfect"], job_s=4.0, rate_per_min={"perfect": 0}) as started:
        yield started["perfect"]


@pytest.fixture
def desk(running: RunningSandbox) -> Iterator[Desk]:
    """A client that has signed in by the recorded request."""
    with httpx.Client(timeout=30) as client:
        desk = Desk(running, client)
        desk.control("account", {"credits": 100_000})
        pair = PAIRS["perfect-sign-in"]
        now_ms = int(client.get(f"{running.base_url}/_sandbox/clock").json()["now"] * 1000)
        desk.learn(pair["authorize"]["client_id"], desk.held["client_id"])
        token = build_id_token(desk.held["client_id"], desk.held["client_secret"], now_ms)
        desk.learn("(varies)", token)
        step = pair["steps"][0]
        status, body = desk.send(step["request"])
        assert status == 200
        assert_alike(body, step["answer"]["body"])
        desk.bearer = {"Authorization": f"Bearer {body['result']['access_token']}"}
        yield desk


def assert_alike(found: Any, recorded: Any, place: str = "answer") -> None:
    """The same names and types, all the way down; null stands for any type."""
    if found is None or recorded is None:
        return
    assert type(found) is type(recorded), place
    if isinstance(recorded, dict):
        assert found.keys() == recorded.keys(), place
        for name in recorded:
            assert_alike(found[name], recorded[name], f"{place}.{name}")
    if isinstance(recorded, list):
        assert bool(found) == bool(recorded), place
        for item in found:
            assert_alike(item, recorded[0], f"{place}[]")


def learn_styles(desk: Desk, slug: str) -> None:
    """Put real ids of this feature in place of the recorded ones."""
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style-group/{slug}"}
    group = desk.send(listing)[1]["result"]["groups"][0]["id"]
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style/{slug}?style_group_id={group}"}
    style = desk.send(listing)[1]["result"]["styles"][0]["id"]
    recorded = PAIRS["perfect-styles"]["means"]["groups"][0]
    desk.learn(recorded["id"], group)
    desk.learn(recorded["styles"][0]["id"], style)


def upload(desk: Desk, operation: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """The recorded registrations and uploads, with a picture that the feature takes."""
    for step in steps:
        request, recorded = step["request"], step["answer"]["body"]
        if "content" not in request:
            status, body = desk.send(request)
            assert status == 200
            assert_alike(body, recorded)
            told, real = recorded["result"]["files"][0], body["result"]["files"][0]
            desk.learn(told["file_id"], real["file_id"])
            desk.learn(told["requests"][0]["url"], real["requests"][0]["url"])
            assert real["requests"][0]["method"] == told["requests"][0]["method"]
            assert real["requests"][0]["headers"] == told["requests"][0]["headers"]
            continue
        _, width, height = PICTURES.get(operation, ("", 48, 32))
        kind = "PNG" if request["content"].endswith(".png") else "JPEG"
        mode = "L" if ".mask." in request["content"] else "RGB"
        assert desk.send(request, photo(kind, width, height, mode))[0] == 200


def submit(desk: Desk, name: str) -> str:
    """The recorded paid call with all that comes before it; the task's id."""
    pair = PAID[name]
    if "style_ids" in json.dumps(pair["request"]):
        learn_styles(desk, pair["model"])
    upload(desk, pair["operation"], pair["steps"])
    status, body = desk.send(pair["request"])
    assert status == pair["answer"]["status"]
    assert_alike(body, pair["answer"]["body"])
    task_id: str = body["result"]["task_id"]
    return task_id


def ask(desk: Desk, slug: str, task_id: str) -> tuple[int, Any]:
    """The recorded question about a task."""
    path = f"/s2s/v1.0/task/{slug}?{httpx.QueryParams({'task_id': task_id})}"
    return desk.send({"method": "GET", "path": path})


def ended(desk: Desk, slug: str, task_id: str) -> Any:
    """The last answer about a task."""
    for _ in range(3):
        _, body = ask(desk, slug, task_id)
        if body["result"]["status"] != "running":
            return body
        desk.control("clock", {"advance_s": STEP_S})
    raise AssertionError("the task does not end")


@pytest.mark.parametrize("name", PAID)
def test_a_recorded_call_is_accepted_as_recorded(desk: Desk, name: str) -> None:
    """Registration, upload and run, each answered with the recorded names and types."""
    assert submit(desk, name)


def test_the_recorded_catalogue_is_answered_as_recorded(desk: Desk) -> None:
    """Both lists; the second page under the token that the first one gave."""
    pair = PAIRS["perfect-styles"]
    groups, _, styles, _ = pair["steps"]
    _, body = desk.send(groups["request"])
    assert_alike(body, groups["answer"]["body"])
    desk.learn(pair["means"]["groups"][0]["id"], body["result"]["groups"][0]["id"])
    status, body = desk.send(styles["request"])
    assert status == 200
    assert_alike(body, styles["answer"]["body"])
    token = body["result"]["next_token"]
    again = f"{styles['request']['path']}&starting_token={token}"
    status, more = desk.send({"method": "GET", "path": again})
    assert status == 200
    assert_alike(more, styles["answer"]["body"])
    assert more["result"]["styles"] != body["result"]["styles"]


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("perfect-remove-background", "perfect-task-success"),
        ("perfect-colorize", "perfect-task-success-of-several"),
        ("perfect-aging", "perfect-task-success-aging"),
    ],
)
def test_a_task_runs_and_ends_as_recorded(desk: Desk, call: str, state: str) -> None:
    """Running first, then the result with everything that stands beside it."""
    slug = PAID[call]["model"]
    task_id = submit(desk, call)
    _, running = ask(desk, slug, task_id)
    assert {"polling_interval", "status"} <= running["result"].keys()
    assert_alike(
        running["result"]["polling_interval"],
        PAIRS["perfect-task-running"]["answer"]["body"]["result"]["polling_interval"],
    )
    end = ended(desk, slug, task_id)["result"]
    recorded = PAIRS[state]["answer"]["body"]["result"]
    assert end["status"] == recorded["status"]
    assert_alike({name: end[name] for name in recorded}, recorded)


def test_an_engine_error_is_told_as_recorded(desk: Desk) -> None:
    """HTTP says yes; the status says no."""
    pair = PAIRS["perfect-task-error"]
    told = pair["answer"]["body"]["result"]
    rule = {"match": {"method": "POST", "path": "/s2s/v1.0/task/*"}}
    desk.control("faults", {**rule, "do": {"job": "fail", "body": told["error"]}})
    task_id = submit(desk, "perfect-remove-background")
    end = ended(desk, "sod", task_id)["result"]
    assert (end["status"], end["error"]) == (told["status"], told["error"])


def test_a_lost_task_is_refused_as_recorded(desk: Desk) -> None:
    """Word for word: the code is what decides."""
    task_id = submit(desk, "perfect-remove-background")
    desk.control("clock", {"advance_s": 11})
    recorded = PAIRS["perfect-task-lost"]["answer"]
    assert ask(desk, "sod", task_id) == (recorded["status"], recorded["body"])


def _changed(name: str, **payload: Any) -> Mapping[str, Any]:
    """A recorded paid request with another payload."""
    request = PAID[name]["request"]
    document = {**request["json"], "payload": {**request["json"]["payload"], **payload}}
    return {**request, "json": document}


@pytest.mark.parametrize(
    ("recorded", "call", "payload"),
    [
        ("perfect-400", "perfect-upscale", {"actions": []}),
        (
            "perfect-400-style",
            "perfect-generate",
            {"params": {"prompt": "x", "style_group_id": 18213963761051864, "style_ids": [7]}},
        ),
        (
            "perfect-400-style-group",
            "perfect-generate",
            {"params": {"prompt": "x", "style_group_id": 7, "style_ids": [22205685004925400]}},
        ),
    ],
)
def test_a_wrong_call_is_refused_as_recorded(
    desk: Desk, recorded: str, call: str, payload: Mapping[str, Any]
) -> None:
    """Status and code as recorded; the text has its name and type."""
    pair = PAIRS[recorded]["answer"]
    learn_styles(desk, "text-to-image")
    if "params" in payload:
        payload = {"actions": [{"id": 0, **payload}]}
    status, body = desk.send(_changed(call, **payload))
    assert (status, body["error_code"]) == (pair["status"], pair["body"]["error_code"])
    assert_alike(body, pair["body"])


def test_an_empty_purse_is_refused_as_recorded(desk: Desk) -> None:
    """Before anything is begun."""
    pair = PAID["perfect-remove-background"]
    upload(desk, pair["operation"], pair["steps"])
    desk.control("account", {"credits": 0})
    recorded = PAIRS["perfect-400-credits"]["answer"]
    request = {**pair["request"], "json": {**pair["request"]["json"], "request_id": 5}}
    status, body = desk.send(request)
    assert (status, body["error_code"]) == (400, recorded["body"]["error_code"])
    assert_alike(body, recorded["body"])


def test_a_wrong_token_is_refused_as_recorded(desk: Desk) -> None:
    """Word for word."""
    desk.bearer = {"Authorization": "Bearer of-no-one"}
    recorded = PAIRS["perfect-401"]["answer"]
    assert ask(desk, "sod", "any") == (recorded["status"], recorded["body"])


def test_too_many_requests_are_refused_as_recorded(desk: Desk) -> None:
    """Word for word."""
    desk.control("account", {"rate_per_min": 1})
    answers = [ask(desk, "sod", "any") for _ in range(3)]
    desk.control("account", {"rate_per_min": 0})
    recorded = PAIRS["perfect-429"]["answer"]
    assert answers[-1] == (recorded["status"], recorded["body"])
