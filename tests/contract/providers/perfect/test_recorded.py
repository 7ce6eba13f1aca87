"""The recorded requests to Perfect, sent unchanged to its sandbox: it responds as recorded.

Only values that exist for one client are exchanged: ids and URLs. Values may differ, names and
types may not. So adapter and sandbox are held to the same documents.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from darkroom.providers.perfect.auth import build_id_token
from infra.sandbox.http_server import RunningSandbox, start
from tests.contract.providers.perfect.harness import image
from tests.contract.providers.provider_cases import PERFECT_IMAGES
from tests.providers.recorded_pairs import read_pairs

PAIRS = read_pairs("perfect")
PAID = {name: pair for name, pair in PAIRS.items() if "operation" in pair}
PERFECT_STEP_S = 8.0


class DriverHarness:
    """A client that knows only the recordings, and the sandbox's values in their place."""

    def __init__(self, running: RunningSandbox, client: httpx.Client) -> None:
        self.base_url = running.base_url
        self.held = running.credentials
        self.client = client
        self.instead: dict[Any, Any] = {}
        self.bearer: dict[str, str] = {}

    def send(self, request: Mapping[str, Any], content: bytes | None = None) -> tuple[int, Any]:
        """Send a recorded request with the sandbox's own ids; returns status and body."""
        path = self._real(request["path"])
        is_external = not path.startswith("/")
        response = self.client.request(
            request["method"],
            path if is_external else self.base_url + path,
            json=self._real(request.get("json")) if content is None else None,
            content=content,
            headers=request.get("headers", {}) if is_external else self.bearer,
        )
        return response.status_code, (response.json() if response.content else None)

    def learn(self, recorded: object, real: object) -> None:
        """Exchange a recorded value for the real one from now on."""
        self.instead[recorded] = real

    def control(self, what: str, body: Mapping[str, Any]) -> None:
        """Post to the sandbox's control API."""
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
    """A sandbox for these tests alone."""
    with start(["perfect"], job_s=4.0, rate_per_min={"perfect": 0}) as started:
        yield started["perfect"]


@pytest.fixture
def harness(running: RunningSandbox) -> Iterator[DriverHarness]:
    """A client that has signed in by the recorded request."""
    with httpx.Client(timeout=30) as client:
        harness = DriverHarness(running, client)
        harness.control("account", {"credits": 100_000})
        pair = PAIRS["sign-in"]
        now_ms = int(client.get(f"{running.base_url}/_sandbox/clock").json()["now"] * 1000)
        harness.learn(pair["authorize"]["client_id"], harness.held["client_id"])
        token = build_id_token(harness.held["client_id"], harness.held["client_secret"], now_ms)
        harness.learn("(varies)", token)
        step = pair["steps"][0]
        status, body = harness.send(step["request"])
        assert status == 200
        assert_alike(body, step["answer"]["body"])
        harness.bearer = {"Authorization": f"Bearer {body['result']['access_token']}"}
        yield harness


def assert_alike(found: Any, recorded: Any, place: str = "answer") -> None:
    """The same names and types, at all levels; null stands for any type."""
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


def learn_styles(harness: DriverHarness, slug: str) -> None:
    """Exchange the recorded ids for real ones of this feature."""
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style-group/{slug}"}
    group = harness.send(listing)[1]["result"]["groups"][0]["id"]
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style/{slug}?style_group_id={group}"}
    style = harness.send(listing)[1]["result"]["styles"][0]["id"]
    recorded = PAIRS["styles"]["means"]["groups"][0]
    harness.learn(recorded["id"], group)
    harness.learn(recorded["styles"][0]["id"], style)


def upload(harness: DriverHarness, operation: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """Make the recorded registrations and uploads, with an image that the feature accepts."""
    for step in steps:
        request, recorded = step["request"], step["answer"]["body"]
        if "content" not in request:
            status, body = harness.send(request)
            assert status == 200
            assert_alike(body, recorded)
            old_file, real = recorded["result"]["files"][0], body["result"]["files"][0]
            harness.learn(old_file["file_id"], real["file_id"])
            harness.learn(old_file["requests"][0]["url"], real["requests"][0]["url"])
            assert real["requests"][0]["method"] == old_file["requests"][0]["method"]
            assert real["requests"][0]["headers"] == old_file["requests"][0]["headers"]
            continue
        _, width, height = PERFECT_IMAGES.get(operation, ("", 48, 32))
        kind = "PNG" if request["content"].endswith(".png") else "JPEG"
        mode = "L" if ".mask." in request["content"] else "RGB"
        assert harness.send(request, image(kind, width, height, mode))[0] == 200


def submit(harness: DriverHarness, name: str) -> str:
    """Make the recorded paid call after its uploads; returns the task's id."""
    pair = PAID[name]
    if "style_ids" in json.dumps(pair["request"]):
        learn_styles(harness, pair["model"])
    upload(harness, pair["operation"], pair["steps"])
    status, body = harness.send(pair["request"])
    assert status == pair["answer"]["status"]
    assert_alike(body, pair["answer"]["body"])
    task_id: str = body["result"]["task_id"]
    return task_id


def ask(harness: DriverHarness, slug: str, task_id: str) -> tuple[int, Any]:
    """Make the recorded poll of a task."""
    path = f"/s2s/v1.0/task/{slug}?{httpx.QueryParams({'task_id': task_id})}"
    return harness.send({"method": "GET", "path": path})


def ended(harness: DriverHarness, slug: str, task_id: str) -> Any:
    """The last response about a task."""
    for _ in range(3):
        _, body = ask(harness, slug, task_id)
        if body["result"]["status"] != "running":
            return body
        harness.control("clock", {"advance_s": PERFECT_STEP_S})
    raise AssertionError("the task does not end")


@pytest.mark.parametrize("name", PAID)
def test_recorded_call_is_accepted(harness: DriverHarness, name: str) -> None:
    """Registration, upload and run, each with the recorded names and types."""
    assert submit(harness, name)


def test_style_catalogue_is_as_recorded(harness: DriverHarness) -> None:
    """Both lists; the second page under the token of the first."""
    pair = PAIRS["styles"]
    groups, _, styles, _ = pair["steps"]
    _, body = harness.send(groups["request"])
    assert_alike(body, groups["answer"]["body"])
    harness.learn(pair["means"]["groups"][0]["id"], body["result"]["groups"][0]["id"])
    status, body = harness.send(styles["request"])
    assert status == 200
    assert_alike(body, styles["answer"]["body"])
    token = body["result"]["next_token"]
    again = f"{styles['request']['path']}&starting_token={token}"
    status, more = harness.send({"method": "GET", "path": again})
    assert status == 200
    assert_alike(more, styles["answer"]["body"])
    assert more["result"]["styles"] != body["result"]["styles"]


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("remove-background", "task-success"),
        ("colorize", "task-success-of-several"),
        ("aging", "task-success-aging"),
    ],
)
def test_task_runs_and_ends_as_recorded(harness: DriverHarness, call: str, state: str) -> None:
    """Running first, then the result with all its data."""
    slug = PAID[call]["model"]
    task_id = submit(harness, call)
    _, running = ask(harness, slug, task_id)
    assert {"polling_interval", "status"} <= running["result"].keys()
    assert_alike(
        running["result"]["polling_interval"],
        PAIRS["task-running"]["answer"]["body"]["result"]["polling_interval"],
    )
    end = ended(harness, slug, task_id)["result"]
    recorded = PAIRS[state]["answer"]["body"]["result"]
    assert end["status"] == recorded["status"]
    assert_alike({name: end[name] for name in recorded}, recorded)


def test_engine_error_is_as_recorded(harness: DriverHarness) -> None:
    """HTTP reports success, the task's status an error."""
    pair = PAIRS["task-error"]
    expected = pair["answer"]["body"]["result"]
    rule = {"match": {"method": "POST", "path": "/s2s/v1.0/task/*"}}
    harness.control("faults", {**rule, "do": {"job": "fail", "body": expected["error"]}})
    task_id = submit(harness, "remove-background")
    end = ended(harness, "sod", task_id)["result"]
    assert (end["status"], end["error"]) == (expected["status"], expected["error"])


def test_lost_task_is_refused_as_recorded(harness: DriverHarness) -> None:
    """Word for word: the code decides."""
    task_id = submit(harness, "remove-background")
    harness.control("clock", {"advance_s": 11})
    recorded = PAIRS["task-lost"]["answer"]
    assert ask(harness, "sod", task_id) == (recorded["status"], recorded["body"])


def _changed(name: str, **payload: Any) -> Mapping[str, Any]:
    """A recorded paid request with another payload."""
    request = PAID[name]["request"]
    document = {**request["json"], "payload": {**request["json"]["payload"], **payload}}
    return {**request, "json": document}


@pytest.mark.parametrize(
    ("recorded", "call", "payload"),
    [
        ("400", "upscale", {"actions": []}),
        (
            "400-style",
            "generate",
            {"params": {"prompt": "x", "style_group_id": 18213963761051864, "style_ids": [7]}},
        ),
        (
            "400-style-group",
            "generate",
            {"params": {"prompt": "x", "style_group_id": 7, "style_ids": [22205685004925400]}},
        ),
    ],
)
def test_invalid_call_is_refused_as_recorded(
    harness: DriverHarness, recorded: str, call: str, payload: Mapping[str, Any]
) -> None:
    """Status and code as recorded; the text has its name and type."""
    pair = PAIRS[recorded]["answer"]
    learn_styles(harness, "text-to-image")
    if "params" in payload:
        payload = {"actions": [{"id": 0, **payload}]}
    status, body = harness.send(_changed(call, **payload))
    assert (status, body["error_code"]) == (pair["status"], pair["body"]["error_code"])
    assert_alike(body, pair["body"])


def test_lack_of_credits_is_refused_as_recorded(harness: DriverHarness) -> None:
    """Before anything begins."""
    pair = PAID["remove-background"]
    upload(harness, pair["operation"], pair["steps"])
    harness.control("account", {"credits": 0})
    recorded = PAIRS["400-credits"]["answer"]
    request = {**pair["request"], "json": {**pair["request"]["json"], "request_id": 5}}
    status, body = harness.send(request)
    assert (status, body["error_code"]) == (400, recorded["body"]["error_code"])
    assert_alike(body, recorded["body"])


def test_wrong_token_is_refused_as_recorded(harness: DriverHarness) -> None:
    """Word for word."""
    harness.bearer = {"Authorization": "Bearer of-no-one"}
    recorded = PAIRS["401"]["answer"]
    assert ask(harness, "sod", "any") == (recorded["status"], recorded["body"])


def test_too_many_requests_are_refused_as_recorded(harness: DriverHarness) -> None:
    """Word for word."""
    harness.control("account", {"rate_per_min": 1})
    responses = [ask(harness, "sod", "any") for _ in range(3)]
    harness.control("account", {"rate_per_min": 0})
    recorded = PAIRS["429"]["answer"]
    assert responses[-1] == (recorded["status"], recorded["body"])
