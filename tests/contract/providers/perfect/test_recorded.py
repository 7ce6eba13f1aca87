"""The recorded requests to Perfect, sent unchanged to its sandbox: it responds as recorded.

Values may differ, names and types may not.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from darkroom.providers.perfect.auth import build_id_token
from tests.contract.providers.provider_cases import PERFECT_IMAGES, PERFECT_STEP_S
from tests.contract.providers.replay import ReplayClient, assert_same_shape, replaying
from tests.contract.providers.sample_files import image
from tests.providers.recorded_pairs import read_pairs

PAIRS = read_pairs("perfect")
PAID = {name: pair for name, pair in PAIRS.items() if "operation" in pair}


@pytest.fixture(scope="module")
def _client() -> Iterator[ReplayClient]:
    with replaying("perfect", job_s=4.0, rate_per_min={"perfect": 0}) as client:
        yield client


@pytest.fixture
def client(_client: ReplayClient) -> ReplayClient:
    """A client that has signed in by the recorded request."""
    client, pair = _client, PAIRS["sign-in"]
    client.control("account", {"credits": 100_000})
    now_ms = int(client.client.get(f"{client.base_url}/_sandbox/clock").json()["now"] * 1000)
    client_id, secret = client.credentials["client_id"], client.credentials["client_secret"]
    client.learn(pair["authorize"]["client_id"], client_id)
    client.learn("(varies)", build_id_token(client_id, secret, now_ms))
    step = pair["steps"][0]
    client.headers = {}
    status, body = client.send(step["request"])
    assert status == 200
    assert_alike(body, step["answer"]["body"])
    client.headers = {"Authorization": f"Bearer {body['result']['access_token']}"}
    return client


def assert_alike(found: Any, recorded: Any) -> None:
    """The same names and types, at all levels."""
    assert_same_shape(found, recorded, exact=True)


def learn_styles(client: ReplayClient, slug: str) -> None:
    """Exchange the recorded ids for real ones of this feature."""
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style-group/{slug}"}
    group = client.send(listing)[1]["result"]["groups"][0]["id"]
    listing = {"method": "GET", "path": f"/s2s/v1.0/task/style/{slug}?style_group_id={group}"}
    style = client.send(listing)[1]["result"]["styles"][0]["id"]
    recorded = PAIRS["styles"]["means"]["groups"][0]
    client.learn(recorded["id"], group)
    client.learn(recorded["styles"][0]["id"], style)


def upload(client: ReplayClient, operation: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """Make the recorded registrations and uploads, with an image that the feature accepts."""
    for step in steps:
        request, recorded = step["request"], step["answer"]["body"]
        if "content" not in request:
            status, body = client.send(request)
            assert status == 200
            assert_alike(body, recorded)
            old_file, real = recorded["result"]["files"][0], body["result"]["files"][0]
            client.learn(old_file["file_id"], real["file_id"])
            client.learn(old_file["requests"][0]["url"], real["requests"][0]["url"])
            assert real["requests"][0]["method"] == old_file["requests"][0]["method"]
            assert real["requests"][0]["headers"] == old_file["requests"][0]["headers"]
            continue
        _, width, height = PERFECT_IMAGES.get(operation, ("", 48, 32))
        kind = "PNG" if request["content"].endswith(".png") else "JPEG"
        mode = "L" if ".mask." in request["content"] else "RGB"
        assert client.send(request, image(mode, kind, (width, height)))[0] == 200


def submit(client: ReplayClient, name: str) -> str:
    """Make the recorded paid call after its uploads; returns the task's id."""
    pair = PAID[name]
    if "style_ids" in json.dumps(pair["request"]):
        learn_styles(client, pair["model"])
    upload(client, pair["operation"], pair["steps"])
    status, body = client.send(pair["request"])
    assert status == pair["answer"]["status"]
    assert_alike(body, pair["answer"]["body"])
    task_id: str = body["result"]["task_id"]
    return task_id


def ask(client: ReplayClient, slug: str, task_id: str) -> tuple[int, Any]:
    """Make the recorded poll of a task."""
    path = f"/s2s/v1.0/task/{slug}?{httpx.QueryParams({'task_id': task_id})}"
    return client.send({"method": "GET", "path": path})


def ended(client: ReplayClient, slug: str, task_id: str) -> Any:
    """The last response about a task."""
    for _ in range(3):
        _, body = ask(client, slug, task_id)
        if body["result"]["status"] != "running":
            return body
        client.control("clock", {"advance_s": PERFECT_STEP_S})
    raise AssertionError("the task does not end")


@pytest.mark.parametrize("name", PAID)
def test_recorded_call_is_accepted(client: ReplayClient, name: str) -> None:
    """Registration, upload and run, each with the recorded names and types."""
    assert submit(client, name)


def test_style_catalogue_is_as_recorded(client: ReplayClient) -> None:
    """Both lists; the second page under the token of the first."""
    pair = PAIRS["styles"]
    groups, _, styles, _ = pair["steps"]
    _, body = client.send(groups["request"])
    assert_alike(body, groups["answer"]["body"])
    client.learn(pair["means"]["groups"][0]["id"], body["result"]["groups"][0]["id"])
    status, body = client.send(styles["request"])
    assert status == 200
    assert_alike(body, styles["answer"]["body"])
    token = body["result"]["next_token"]
    again = f"{styles['request']['path']}&starting_token={token}"
    status, more = client.send({"method": "GET", "path": again})
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
def test_task_runs_and_ends_as_recorded(client: ReplayClient, call: str, state: str) -> None:
    """Running first, then the result with all its data."""
    slug = PAID[call]["model"]
    task_id = submit(client, call)
    _, running = ask(client, slug, task_id)
    assert {"polling_interval", "status"} <= running["result"].keys()
    assert_alike(
        running["result"]["polling_interval"],
        PAIRS["task-running"]["answer"]["body"]["result"]["polling_interval"],
    )
    end = ended(client, slug, task_id)["result"]
    recorded = PAIRS[state]["answer"]["body"]["result"]
    assert end["status"] == recorded["status"]
    assert_alike({name: end[name] for name in recorded}, recorded)


def test_engine_error_is_as_recorded(client: ReplayClient) -> None:
    """HTTP reports success, the task's status an error."""
    pair = PAIRS["task-error"]
    expected = pair["answer"]["body"]["result"]
    rule = {"match": {"method": "POST", "path": "/s2s/v1.0/task/*"}}
    client.control("faults", {**rule, "do": {"job": "fail", "body": expected["error"]}})
    task_id = submit(client, "remove-background")
    end = ended(client, "sod", task_id)["result"]
    assert (end["status"], end["error"]) == (expected["status"], expected["error"])


def test_lost_task_is_refused_as_recorded(client: ReplayClient) -> None:
    """Word for word: the code decides."""
    task_id = submit(client, "remove-background")
    client.control("clock", {"advance_s": 11})
    recorded = PAIRS["task-lost"]["answer"]
    assert ask(client, "sod", task_id) == (recorded["status"], recorded["body"])


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
    client: ReplayClient, recorded: str, call: str, payload: Mapping[str, Any]
) -> None:
    """Status and code as recorded; the text has its name and type."""
    pair = PAIRS[recorded]["answer"]
    learn_styles(client, "text-to-image")
    if "params" in payload:
        payload = {"actions": [{"id": 0, **payload}]}
    status, body = client.send(_changed(call, **payload))
    assert (status, body["error_code"]) == (pair["status"], pair["body"]["error_code"])
    assert_alike(body, pair["body"])


def test_lack_of_credits_is_refused_as_recorded(client: ReplayClient) -> None:
    """Before anything begins."""
    pair = PAID["remove-background"]
    upload(client, pair["operation"], pair["steps"])
    client.control("account", {"credits": 0})
    recorded = PAIRS["400-credits"]["answer"]
    request = {**pair["request"], "json": {**pair["request"]["json"], "request_id": 5}}
    status, body = client.send(request)
    assert (status, body["error_code"]) == (400, recorded["body"]["error_code"])
    assert_alike(body, recorded["body"])


def test_wrong_token_is_refused_as_recorded(client: ReplayClient) -> None:
    """Word for word."""
    client.headers = {"Authorization": "Bearer of-no-one"}
    recorded = PAIRS["401"]["answer"]
    assert ask(client, "sod", "any") == (recorded["status"], recorded["body"])


def test_too_many_requests_are_refused_as_recorded(client: ReplayClient) -> None:
    """Word for word."""
    client.control("account", {"rate_per_min": 1})
    responses = [ask(client, "sod", "any") for _ in range(3)]
    client.control("account", {"rate_per_min": 0})
    recorded = PAIRS["429"]["answer"]
    assert responses[-1] == (recorded["status"], recorded["body"])
