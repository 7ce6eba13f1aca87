"""GoAPI through the real driver against its sandbox: look-ups, base URLs, uploads."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    DarkroomError,
    NotSent,
    ProviderRefused,
    Throttled,
    Unclear,
)
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.providers.adapter import Request
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.goapi.adapter import GoApi
from tests.contract.providers.harness import ProviderHarness, Sandbox, build_harness, open_sandbox
from tests.contract.providers.provider_cases import JOB_S

CREATE = {"method": "POST", "path": "/api/v1/task"}
UPLOAD = {"method": "POST", "path": "/api/ephemeral_resource"}
MB = 1024 * 1024
OTHER = {
    "model": "Qubico/image-toolkit",
    "task_type": "background-remove",
    "input": {"image": "data:,no image"},
}
"""A task of the usual kind, made by somebody else; there is no image in it, so it fails."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for these tests alone, because they move its clock."""
    with open_sandbox("goapi") as sandbox:
        yield sandbox


@pytest.fixture
def harness(sandbox: Sandbox, transport: DeadlineTransport) -> Iterator[ProviderHarness]:
    """GoAPI with its sandbox."""
    sandbox.clear()
    yield build_harness(sandbox, transport, GoApi())
    sandbox.clear()


def now(sandbox: Sandbox) -> datetime:
    """The sandbox's time."""
    response = sandbox.client.get(f"{sandbox.base_url}/_sandbox/clock")
    return datetime.fromtimestamp(response.json()["now"], UTC)


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"malformed": True}, {"truncate": 9}])
def test_look_up_finds_the_task_of_a_lost_response(
    harness: ProviderHarness, fault: dict[str, Any]
) -> None:
    """Among others of its kind, by the attempt in its webhook URL; its result can be fetched."""
    since = now(harness.sandbox)
    harness.submit(harness.work(harness.default_route))
    harness.sandbox.faults({"match": CREATE, "do": fault})
    work = harness.work(harness.default_route)
    with pytest.raises(Unclear):
        harness.submit(work)
    harness.submit(harness.work(harness.default_route))
    before = harness.charges()
    harness.sandbox.advance(JOB_S)

    found = harness.driver.look_up(work, since, 0)

    assert found is not None
    assert harness.charges() == before
    assert isinstance(harness.driver.poll(harness.default_route, found.job_id), Finished)
    task = harness.sandbox.client.get(
        f"{harness.sandbox.base_url}/api/v1/task/{found.job_id}",
        headers={"x-api-key": harness.sandbox.credentials["api_key"]},
    ).json()["data"]
    webhook_url = task["config"]["webhook_config"]["endpoint"]
    assert webhook_url.endswith(f"?attempt={work.task_id}-{work.attempt}")


def test_look_up_does_not_find_a_task_that_was_never_created(harness: ProviderHarness) -> None:
    """Neither other tasks of the same kind nor another attempt of the same task match."""
    since = now(harness.sandbox)
    work = harness.work(harness.default_route)
    harness.submit(JobRequest(work.task_id, 2, work.route, work.params, work.inputs))
    harness.sandbox.faults({"match": CREATE, "do": {"drop": "before"}})
    with pytest.raises(Unclear):
        harness.submit(work)
    harness.sandbox.advance(JOB_S)
    assert harness.driver.look_up(work, since, 0) is None


def test_look_up_finds_the_task_among_two_hundred_of_the_same_minute(
    harness: ProviderHarness,
) -> None:
    """At once if it was created at the time of the call, by a later look-up if much later."""
    sandbox, work = harness.sandbox, harness.work(harness.default_route)
    headers = {"x-api-key": sandbox.credentials["api_key"]}
    start = since = now(sandbox)
    for number in range(200):
        if number % 10 == 0:
            sandbox.advance(3)
        if number == 190:
            since = now(sandbox)
            sandbox.faults({"match": CREATE, "do": {"drop": "after"}})
            with pytest.raises(Unclear):
                harness.submit(work)
            mine = json.loads(harness.intended[-1])["json"]
        other = dict(
            OTHER, config={"webhook_config": {"endpoint": f"https://others.invalid/{number}"}}
        )
        sandbox.client.post(f"{sandbox.base_url}/api/v1/task", json=other, headers=headers)
    assert (mine["model"], mine["task_type"]) == (OTHER["model"], OTHER["task_type"])
    sandbox.advance(JOB_S)

    found = harness.driver.look_up(work, since, 0)
    assert found is not None

    late = [harness.driver.look_up(work, start, look) for look in range(10)]
    assert late[0] is None
    assert found in late


def test_look_up_under_a_wrong_key_proves_nothing(harness: ProviderHarness) -> None:
    """It is repeated once the key is right; no task counts as never created."""
    wrong = build_harness(
        harness.sandbox, harness.transport, GoApi(), instead={"api_key": "wrong-key-0123456789"}
    )
    with pytest.raises(Throttled):
        wrong.driver.look_up(harness.work(harness.default_route), now(harness.sandbox), 0)


@pytest.mark.parametrize(
    "gone",
    ["http://127.0.0.1:9", "http://nowhere.invalid"],
    ids=["refused", "unnamed"],
)
def test_next_base_url_is_used_when_the_first_is_unreachable(
    sandbox: Sandbox, transport: DeadlineTransport, gone: str
) -> None:
    """Nothing was sent to the first, so nothing is paid twice."""
    sandbox.clear()

    class Moved(GoApi):
        base_urls = (gone, sandbox.base_url, "http://127.0.0.1:9")
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    harness = build_harness(sandbox, transport, Moved(), instead={"base_url": ""})
    before = harness.charges()
    job = harness.submit(harness.work(harness.default_route))
    assert isinstance(job, Accepted)
    assert isinstance(harness.finish(harness.default_route, job), Finished)
    assert harness.charges() == before + 1


def test_next_base_url_is_not_used_once_a_request_was_sent(
    sandbox: Sandbox, transport: DeadlineTransport
) -> None:
    """A lost response is unclear and stays so: the call is not made elsewhere."""
    sandbox.clear()

    class Twice(GoApi):
        base_urls = (sandbox.base_url, sandbox.base_url)
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    harness = build_harness(sandbox, transport, Twice(), instead={"base_url": ""})
    before = harness.charges()
    sandbox.faults({"match": CREATE, "do": {"drop": "after"}})
    with pytest.raises(Unclear):
        harness.submit(harness.work(harness.default_route))
    assert harness.charges() == before + 1


def test_call_without_a_reachable_base_url_is_not_paid(
    sandbox: Sandbox, transport: DeadlineTransport
) -> None:
    """All three are tried."""

    class Away(GoApi):
        base_urls = ("http://127.0.0.1:9",) * 3
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    harness = build_harness(sandbox, transport, Away(), instead={"base_url": ""})
    with pytest.raises(NotSent):
        harness.submit(harness.work(harness.default_route))


def test_plan_without_uploads_gets_a_presigned_url(harness: ProviderHarness) -> None:
    """The paid request names the input bucket, which the provider can read."""
    rule = {"status": 403, "body": {"code": 403, "message": "Insufficient plan level"}}
    harness.sandbox.faults({"match": UPLOAD, "do": rule})
    harness.submit(harness.work(harness.default_route))
    request = Request.from_text(harness.intended[-1])
    assert request.json is not None
    assert request.json["input"]["image"].startswith("https://inputs.test/")
    assert request.json["input"]["image"].endswith("&seconds=21600")


def test_file_without_a_transport_is_refused_before_payment(
    sandbox: Sandbox, transport: DeadlineTransport
) -> None:
    """The bucket is local, the provider is not, and the plan has no uploads."""
    sandbox.clear()

    class Far(GoApi):
        base_urls = ("http://goapi.invalid", sandbox.base_url)
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    harness = build_harness(sandbox, transport, Far(), instead={"base_url": ""})
    rule = {"status": 403, "body": {"code": 403, "message": "Insufficient plan level"}}
    sandbox.faults({"match": UPLOAD, "do": rule})
    with pytest.raises(ProviderRefused) as caught:
        harness.submit(harness.work(harness.default_route))
    assert caught.value.failure.code == "no-transport"
    assert "Insufficient plan level" in caught.value.failure.sentence
    assert harness.intended == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, ProviderRefused),
        ("402", AccountBlocked),
        (429, Throttled),
        (500, Unclear),
        (0, Unclear),
        (-1, Unclear),
    ],
)
def test_error_code_in_a_2xx_response_counts(
    harness: ProviderHarness, code: object, kind: type[DarkroomError]
) -> None:
    """HTTP and code must both report success."""
    body = {"code": code, "message": "no", "data": None}
    harness.sandbox.faults({"match": CREATE, "do": {"status": 200, "body": body}})
    with pytest.raises(kind):
        harness.submit(harness.work(harness.default_route))


def test_error_code_of_a_poll_does_not_end_the_job(harness: ProviderHarness) -> None:
    """A free call is repeated, whatever the error."""
    job = harness.submit(harness.work(harness.default_route))
    assert isinstance(job, Accepted)
    match = {"method": "GET", "path": "/api/v1/task/*"}
    for code, kind in ((400, Throttled), (500, Busy)):
        body = {"code": code, "message": "no", "data": None}
        harness.sandbox.faults({"match": match, "do": {"status": 200, "body": body}})
        with pytest.raises(kind):
            harness.driver.poll(harness.default_route, job.job_id)
    assert isinstance(harness.finish(harness.default_route, job), Finished)


def test_refused_task_quotes_its_cause(harness: ProviderHarness) -> None:
    """The sandbox's error response has the form of a task."""
    route = harness.route("task", "midjourney:upscale")
    params = route.params.model_validate({"origin_task_id": "nobody", "index": "9"})
    with pytest.raises(ProviderRefused) as caught:
        harness.submit(JobRequest("ab" * 16, 1, route, params, {}))
    assert caught.value.failure.code == "provider-refused"
    assert ":" in caught.value.failure.sentence


def test_waiting_task_can_be_cancelled(harness: ProviderHarness) -> None:
    """Later the cancellation fails, and `cancel` returns False."""
    harness.sandbox.faults({"match": CREATE, "do": {"job": "stall"}})
    waiting = harness.submit(harness.work(harness.default_route))
    assert isinstance(waiting, Accepted)
    assert harness.driver.cancel(harness.default_route, waiting.job_id) is True
    end = harness.driver.poll(harness.default_route, waiting.job_id)
    assert isinstance(end, JobFailed)
    assert end.code in {"job-cancelled", "job-failed"}

    done = harness.submit(harness.work(harness.default_route))
    assert isinstance(done, Accepted)
    harness.finish(harness.default_route, done)
    assert harness.driver.cancel(harness.default_route, done.job_id) is False


def test_cancellation_with_an_error_code_is_refused(harness: ProviderHarness) -> None:
    """The code says that the job goes on."""
    job = harness.submit(harness.work(harness.default_route))
    assert isinstance(job, Accepted)
    match = {"method": "DELETE", "path": "/api/v1/task/*"}
    harness.sandbox.faults({"match": match, "do": {"status": 200, "body": {"code": 400}}})
    assert harness.driver.cancel(harness.default_route, job.job_id) is False


def test_toolkit_v2_creates_and_polls_by_post(harness: ProviderHarness) -> None:
    """An unknown task is lost there too."""
    route = harness.route("segment", "image-toolkit-v2")
    job = harness.submit(harness.work(route))
    assert isinstance(job, Accepted)
    assert isinstance(harness.driver.poll(route, job.job_id), Pending)
    harness.sandbox.advance(JOB_S)
    end = harness.driver.poll(route, job.job_id)
    assert isinstance(end, Finished)
    assert {result.kind for result in end.results} == {"image"}


def test_video_of_a_hundred_megabytes_is_copied_in_constant_memory(
    harness: ProviderHarness,
) -> None:
    """It is copied in chunks."""
    harness.sandbox.faults({"match": CREATE, "do": {"pad_bytes": 100 * MB}})
    route = harness.route("generate-video", "sora2")
    job = harness.submit(harness.work(route))
    assert isinstance(job, Accepted)
    end = harness.finish(route, job)
    assert isinstance(end, Finished)
    url = end.results[0].url
    assert url is not None

    tracemalloc.start()
    try:
        with harness.driver.fetch(url, 200 * MB) as fetched:
            assert fetched.size > 100 * MB
            assert fetched.media is not None
            assert fetched.media.kind == "video"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MB
