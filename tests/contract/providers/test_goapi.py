"""GoAPI's own ways, through the real driver against its sandbox: look-ups, addresses, uploads."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
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
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.goapi.adapter import GoApi
from infra.sandbox.http_server import start
from tests.contract.providers.bench import Bench, Sandbox
from tests.contract.providers.needs import JOB_S
from tests.fakes.inputs import InMemoryInputs

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
    """A sandbox of its own, whose clock no other test moves."""
    with start(["goapi"], job_s=JOB_S) as running, httpx.Client() as client:
        goapi = running["goapi"]
        yield Sandbox("goapi", goapi.base_url, goapi.credentials, client, goapi.state)


@pytest.fixture
def bench(sandbox: Sandbox, wire: DeadlineTransport) -> Iterator[Bench]:
    """GoAPI on the bench."""
    sandbox.clear()
    yield bench_of(sandbox, wire, GoApi())
    sandbox.clear()


def bench_of(
    sandbox: Sandbox,
    wire: DeadlineTransport,
    adapter: GoApi,
    held: Mapping[str, str] | None = None,
) -> Bench:
    """A bench with this provider alone."""
    inputs = InMemoryInputs()
    credentials = {**sandbox.credentials, "base_url": sandbox.base_url} if held is None else held
    return Bench(
        sandbox,
        Driver(
            [adapter],
            lambda _: credentials,
            inputs,
            "local",
            wire=wire,
            preferences=Preferences(loopback=True),
        ),
        inputs,
        wire,
    )


def now(sandbox: Sandbox) -> datetime:
    """What time it is over there."""
    answer = sandbox.client.get(f"{sandbox.base_url}/_sandbox/clock")
    return datetime.fromtimestamp(answer.json()["now"], UTC)


def charged(bench: Bench) -> int:
    """How many charges the sandbox has written."""
    return sum(entry["kind"] == "charge" for entry in bench.sandbox.ledger())


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"malformed": True}, {"truncate": 9}])
def test_a_task_whose_answer_was_lost_is_found_again(bench: Bench, fault: dict[str, Any]) -> None:
    """Among others of its kind, by the attempt in its webhook; and its result is had."""
    since = now(bench.sandbox)
    bench.submit(bench.work(bench.usual))
    bench.sandbox.faults({"match": CREATE, "do": fault})
    work = bench.work(bench.usual)
    with pytest.raises(Unclear):
        bench.submit(work)
    bench.submit(bench.work(bench.usual))
    before = charged(bench)
    bench.sandbox.advance(JOB_S)

    found = bench.driver.look_up(work, since, 0)

    assert found is not None
    assert charged(bench) == before
    assert isinstance(bench.driver.poll(bench.usual, found.job_id), Finished)
    task = bench.sandbox.client.get(
        f"{bench.sandbox.base_url}/api/v1/task/{found.job_id}",
        headers={"x-api-key": bench.sandbox.credentials["api_key"]},
    ).json()["data"]
    endpoint = task["config"]["webhook_config"]["endpoint"]
    assert endpoint.endswith(f"?attempt={work.task_id}-{work.attempt}")


def test_a_task_that_was_never_made_is_not_found(bench: Bench) -> None:
    """Others of the same kind are not taken for it; nor is another attempt of its own."""
    since = now(bench.sandbox)
    work = bench.work(bench.usual)
    bench.submit(JobRequest(work.task_id, 2, work.route, work.params, work.inputs))
    bench.sandbox.faults({"match": CREATE, "do": {"drop": "before"}})
    with pytest.raises(Unclear):
        bench.submit(work)
    bench.sandbox.advance(JOB_S)
    assert bench.driver.look_up(work, since, 0) is None


def test_a_task_is_found_among_two_hundred_of_its_kind_made_in_the_same_minute(
    bench: Bench,
) -> None:
    """At once where the call was then; by one of the next looks where it was made much later."""
    sandbox, work = bench.sandbox, bench.work(bench.usual)
    headers = {"x-api-key": sandbox.credentials["api_key"]}
    start = since = now(sandbox)
    for number in range(200):
        if number % 10 == 0:
            sandbox.advance(3)
        if number == 190:
            since = now(sandbox)
            sandbox.faults({"match": CREATE, "do": {"drop": "after"}})
            with pytest.raises(Unclear):
                bench.submit(work)
            mine = json.loads(bench.intended[-1])["json"]
        other = dict(
            OTHER, config={"webhook_config": {"endpoint": f"https://others.invalid/{number}"}}
        )
        sandbox.client.post(f"{sandbox.base_url}/api/v1/task", json=other, headers=headers)
    assert (mine["model"], mine["task_type"]) == (OTHER["model"], OTHER["task_type"])
    sandbox.advance(JOB_S)

    found = bench.driver.look_up(work, since, 0)
    assert found is not None

    late = [bench.driver.look_up(work, start, look) for look in range(10)]
    assert late[0] is None
    assert found in late


def test_a_look_up_under_a_wrong_key_finds_nothing_out(bench: Bench) -> None:
    """It is made again once the key is right; nothing is taken for unmade."""
    held = {"api_key": "wrong-key-0123456789", "base_url": bench.sandbox.base_url}
    wrong = bench_of(bench.sandbox, bench.wire, GoApi(), held)
    with pytest.raises(Throttled):
        wrong.driver.look_up(bench.work(bench.usual), now(bench.sandbox), 0)


@pytest.mark.parametrize(
    "gone",
    ["http://127.0.0.1:9", "http://nowhere.invalid"],
    ids=["refused", "unnamed"],
)
def test_the_next_address_is_used_where_the_first_cannot_be_reached(
    sandbox: Sandbox, wire: DeadlineTransport, gone: str
) -> None:
    """Nothing was sent to the first, so nothing is paid twice."""
    sandbox.clear()

    class Moved(GoApi):
        base_urls = (gone, sandbox.base_url, "http://127.0.0.1:9")
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    bench = bench_of(sandbox, wire, Moved(), sandbox.credentials)
    before = charged(bench)
    job = bench.submit(bench.work(bench.usual))
    assert isinstance(job, Accepted)
    assert isinstance(bench.finish(bench.usual, job), Finished)
    assert charged(bench) == before + 1


def test_the_next_address_is_not_used_once_something_was_sent(
    sandbox: Sandbox, wire: DeadlineTransport
) -> None:
    """A lost answer is unclear, and stays so: the same work is not asked for elsewhere."""
    sandbox.clear()

    class Twice(GoApi):
        base_urls = (sandbox.base_url, sandbox.base_url)
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    bench = bench_of(sandbox, wire, Twice(), sandbox.credentials)
    before = charged(bench)
    sandbox.faults({"match": CREATE, "do": {"drop": "after"}})
    with pytest.raises(Unclear):
        bench.submit(bench.work(bench.usual))
    assert charged(bench) == before + 1


def test_no_address_that_answers_was_not_paid(sandbox: Sandbox, wire: DeadlineTransport) -> None:
    """All three were tried."""

    class Away(GoApi):
        base_urls = ("http://127.0.0.1:9",) * 3
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    bench = bench_of(sandbox, wire, Away(), sandbox.credentials)
    with pytest.raises(NotSent):
        bench.submit(bench.work(bench.usual))


def test_a_plan_without_uploads_hands_over_a_signed_address(bench: Bench) -> None:
    """The paid request then names the input bucket, where the provider can read it."""
    rule = {"status": 403, "body": {"code": 403, "message": "Insufficient plan level"}}
    bench.sandbox.faults({"match": UPLOAD, "do": rule})
    bench.submit(bench.work(bench.usual))
    request = Request.from_text(bench.intended[-1])
    assert request.json is not None
    assert request.json["input"]["image"].startswith("https://inputs.test/")
    assert request.json["input"]["image"].endswith("&seconds=21600")


def test_a_file_that_cannot_get_there_is_refused_before_anything_is_paid(
    sandbox: Sandbox, wire: DeadlineTransport
) -> None:
    """The provider is far, the bucket is here, and the plan has no uploads."""
    sandbox.clear()

    class Far(GoApi):
        base_urls = ("http://goapi.invalid", sandbox.base_url)
        hosts: Mapping[str, str] = {"upload": sandbox.base_url}

    bench = bench_of(sandbox, wire, Far(), sandbox.credentials)
    rule = {"status": 403, "body": {"code": 403, "message": "Insufficient plan level"}}
    sandbox.faults({"match": UPLOAD, "do": rule})
    with pytest.raises(ProviderRefused) as caught:
        bench.submit(bench.work(bench.usual))
    assert caught.value.failure.code == "no-transport"
    assert "Insufficient plan level" in caught.value.failure.sentence
    assert bench.intended == []


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
def test_a_code_that_says_no_is_heard_though_http_says_yes(
    bench: Bench, code: object, kind: type[DarkroomError]
) -> None:
    """Both must say yes."""
    body = {"code": code, "message": "no", "data": None}
    bench.sandbox.faults({"match": CREATE, "do": {"status": 200, "body": body}})
    with pytest.raises(kind):
        bench.submit(bench.work(bench.usual))


def test_a_code_that_says_no_ends_no_job(bench: Bench) -> None:
    """A free call is made again, whatever it was refused for."""
    job = bench.submit(bench.work(bench.usual))
    assert isinstance(job, Accepted)
    match = {"method": "GET", "path": "/api/v1/task/*"}
    for code, kind in ((400, Throttled), (500, Busy)):
        body = {"code": code, "message": "no", "data": None}
        bench.sandbox.faults({"match": match, "do": {"status": 200, "body": body}})
        with pytest.raises(kind):
            bench.driver.poll(bench.usual, job.job_id)
    assert isinstance(bench.finish(bench.usual, job), Finished)


def test_a_refused_task_says_what_was_wrong_with_it(bench: Bench) -> None:
    """The sandbox's own refusal is shaped like a task; its cause is quoted."""
    route = bench.route("task", "midjourney:upscale")
    params = route.params.model_validate({"origin_task_id": "nobody", "index": "9"})
    with pytest.raises(ProviderRefused) as caught:
        bench.submit(JobRequest("ab" * 16, 1, route, params, {}))
    assert caught.value.failure.code == "provider-refused"
    assert ":" in caught.value.failure.sentence


def test_a_task_is_cancelled_while_it_waits(bench: Bench) -> None:
    """Later it is too late, and nobody is told otherwise."""
    bench.sandbox.faults({"match": CREATE, "do": {"job": "stall"}})
    waiting = bench.submit(bench.work(bench.usual))
    assert isinstance(waiting, Accepted)
    assert bench.driver.cancel(bench.usual, waiting.job_id) is True
    end = bench.driver.poll(bench.usual, waiting.job_id)
    assert isinstance(end, JobFailed)
    assert end.code in {"job-cancelled", "job-failed"}

    done = bench.submit(bench.work(bench.usual))
    assert isinstance(done, Accepted)
    bench.finish(bench.usual, done)
    assert bench.driver.cancel(bench.usual, done.job_id) is False


def test_a_cancellation_that_only_http_agrees_to_is_none(bench: Bench) -> None:
    """The code says that the job runs on."""
    job = bench.submit(bench.work(bench.usual))
    assert isinstance(job, Accepted)
    match = {"method": "DELETE", "path": "/api/v1/task/*"}
    bench.sandbox.faults({"match": match, "do": {"status": 200, "body": {"code": 400}}})
    assert bench.driver.cancel(bench.usual, job.job_id) is False


def test_the_older_toolkit_has_words_of_its_own(bench: Bench) -> None:
    """Created and fetched by POST; an unknown task is lost there, too."""
    route = bench.route("segment", "image-toolkit-v2")
    job = bench.submit(bench.work(route))
    assert isinstance(job, Accepted)
    assert isinstance(bench.driver.poll(route, job.job_id), Pending)
    bench.sandbox.advance(JOB_S)
    end = bench.driver.poll(route, job.job_id)
    assert isinstance(end, Finished)
    assert {result.kind for result in end.results} == {"image"}


def test_a_video_of_a_hundred_megabytes_needs_no_memory(bench: Bench) -> None:
    """It is copied piece by piece; what the process holds does not grow with it."""
    bench.sandbox.faults({"match": CREATE, "do": {"pad_bytes": 100 * MB}})
    route = bench.route("generate-video", "sora2")
    job = bench.submit(bench.work(route))
    assert isinstance(job, Accepted)
    end = bench.finish(route, job)
    assert isinstance(end, Finished)
    url = end.results[0].url
    assert url is not None

    tracemalloc.start()
    try:
        with bench.driver.fetch(url, 200 * MB) as fetched:
            assert fetched.size > 100 * MB
            assert fetched.media is not None
            assert fetched.media.kind == "video"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MB
