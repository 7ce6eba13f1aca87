"""Jobs and results over real HTTP: free calls, which may always be made again."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked, Busy, DarkroomError, ResultGone, Throttled
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.domain.routes import Route
from tests.contract.providers.bench import Bench, build_bench
from tests.contract.providers.needs import JOB_S

NO_RESULT = "a finished job without a result"


def job_route(bench: Bench) -> Route:
    """A route whose work becomes a job."""
    return bench.route(*bench.needs.with_jobs)


def submitted(bench: Bench) -> Accepted:
    """A job that was just made."""
    out = bench.submit(bench.work(job_route(bench)))
    assert isinstance(out, Accepted)
    return out


def finished(bench: Bench) -> Finished:
    """The end of a fresh job or call."""
    out = bench.submit(bench.work(bench.usual))
    end = bench.finish(bench.usual, out) if isinstance(out, Accepted) else out
    assert isinstance(end, Finished)
    return end


def test_a_job_is_pending_until_it_is_finished(bench: Bench) -> None:
    """Asking early gives `Pending`; asking when its time has passed gives the result."""
    end = bench.finish(job_route(bench), submitted(bench))
    assert isinstance(end, Finished)
    assert end.results[0].kind == "image"


def test_a_finished_job_can_be_asked_again(bench: Bench) -> None:
    """A lost answer costs nothing."""
    job = submitted(bench)
    first = bench.finish(job_route(bench), job)
    assert bench.driver.poll(job_route(bench), job.job_id) == first


def test_a_failed_job_says_whether_it_cost_something(bench: Bench) -> None:
    """As the route declares; where it is refunded, the ledger shows it."""
    bench.sandbox.faults({"match": bench.needs.paid, "do": {"job": "fail"}})
    before = len(bench.sandbox.ledger())
    end = bench.finish(job_route(bench), submitted(bench))
    assert isinstance(end, JobFailed)
    assert end.code != "job-lost"
    assert end.charged == job_route(bench).charged_on_failure
    moved = [entry["kind"] for entry in bench.sandbox.ledger()[before:]]
    assert end.charged != "no" or moved.count("charge") == moved.count("refund")


def test_a_job_that_never_ends_stays_pending(bench: Bench) -> None:
    """Its deadline is the task's business."""
    bench.sandbox.faults({"match": bench.needs.paid, "do": {"job": "hang"}})
    job = submitted(bench)
    assert isinstance(bench.wait(job_route(bench), job, JOB_S), Pending)


def test_an_unknown_word_is_pending(bench: Bench) -> None:
    """A status that no document names is not guessed at, but it is told."""
    job = submitted(bench)
    fault = {"status": 200, "body": bench.needs.unknown_word}
    bench.sandbox.faults({"match": bench.needs.poll, "do": fault})
    said = bench.driver.poll(job_route(bench), job.job_id)
    assert isinstance(said, Pending)
    assert said.note.lower() == "dreaming"


def test_an_unknown_job_is_lost(bench: Bench) -> None:
    """That is an answer to the question; each provider's rules say whether it was paid."""
    end = bench.driver.poll(job_route(bench), "00000000-0000-4000-8000-000000000000")
    assert end == bench.needs.lost


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 500, "body": {}}, Busy),
        ({"status": 503, "body": {}}, DarkroomError),
        ({"malformed": True}, Busy),
        ({"status": 200, "body": []}, Busy),
        ({"status": 200, "body": NO_RESULT}, Busy),
        ({"drop": "before"}, Busy),
        ({"truncate": 5}, Busy),
        ({"status": 429, "headers": {"Retry-After": "3"}, "body": {}}, Throttled),
        ({"status": 401, "body": {"error": "no"}}, AccountBlocked),
        ({"status": 402, "body": {"error": "no"}}, AccountBlocked),
        ({"status": 308, "body": {}}, Throttled),
    ],
    ids=[
        *("500", "503", "malformed", "list", "no-result", "drop", "truncated", "429", "401"),
        *("402", "308"),
    ],
)
def test_a_poll_that_goes_wrong_can_be_repeated(
    bench: Bench, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """No slip of a free call ends the job, not even a key that is refused for a while."""
    job = submitted(bench)
    if fault.get("body") == NO_RESULT:
        fault = {**fault, "body": bench.needs.no_result}
    times = bench.renewals if fault.get("status") == HTTPStatus.UNAUTHORIZED else 1
    bench.sandbox.faults({"match": bench.needs.poll, "do": fault, "times": times})
    with pytest.raises(kind) as caught:
        bench.driver.poll(job_route(bench), job.job_id)
    assert caught.value.repeatable
    assert isinstance(bench.finish(job_route(bench), job), Finished)


def test_a_provider_out_of_reach_keeps_a_poller_waiting(bench: Bench) -> None:
    """Nobody listens there: busy, to be asked again."""
    away = build_bench(bench.sandbox, bench.wire, base_url="http://127.0.0.1:9")
    with pytest.raises(Busy):
        away.driver.poll(job_route(bench), "any")


def test_a_task_can_be_cancelled_at_snapapi(snapapi: Bench) -> None:
    """The provider stops it, and the job says so."""
    route = job_route(snapapi)
    job = submitted(snapapi)
    assert snapapi.driver.cancel(route, job.job_id) is True
    end = snapapi.driver.poll(route, job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-cancelled"


def test_there_is_no_cancelling_where_there_is_no_such_call(apiframe: Bench) -> None:
    """Apiframe documents none, so nothing is sent."""
    assert apiframe.driver.cancel(job_route(apiframe), submitted(apiframe).job_id) is False


def test_a_cancellation_that_is_refused_is_none(snapapi: Bench) -> None:
    """The job runs on, and nobody is told otherwise."""
    fault = {"status": 404, "body": {"error": {"message": "no such task"}}}
    snapapi.sandbox.faults({"match": {"method": "DELETE", "path": "/v1/*"}, "do": fault})
    assert snapapi.driver.cancel(job_route(snapapi), submitted(snapapi).job_id) is False


def test_a_cancellation_that_gets_lost_may_be_repeated(snapapi: Bench) -> None:
    """Whether it arrived is not known, and asking again does no harm."""
    job = submitted(snapapi)
    rule = {"match": {"method": "DELETE", "path": "/v1/*"}, "do": {"drop": "before"}}
    snapapi.sandbox.faults(rule)
    with pytest.raises(Busy):
        snapapi.driver.cancel(job_route(snapapi), job.job_id)
    assert snapapi.driver.cancel(job_route(snapapi), job.job_id) is True


def test_a_result_that_is_gone_is_told_from_one_that_fails(bench: Bench) -> None:
    """Gone is for ever; what may pass is busy."""
    bench.sandbox.faults({"match": bench.needs.paid, "do": {"result": "gone"}})
    url = finished(bench).results[0].url
    assert url is not None
    with pytest.raises(ResultGone), bench.driver.fetch(url, 10_000_000):
        pass


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429}, {"drop": "before"}, {"truncate": 20}],
    ids=["503", "429", "drop", "truncated"],
)
def test_a_result_that_fails_can_be_fetched_again(bench: Bench, fault: dict[str, Any]) -> None:
    """The first download fails, the second brings the whole picture."""
    url = finished(bench).results[0].url
    assert url is not None
    path = urlsplit(url).path
    bench.sandbox.faults({"match": {"method": "GET", "path": path}, "do": fault})
    with pytest.raises(Busy), bench.driver.fetch(url, 10_000_000):
        pass
    with bench.driver.fetch(url, 10_000_000) as fetched:
        assert fetched.size > 0


def test_a_result_over_the_limit_is_not_copied(bench: Bench) -> None:
    """The declared length is enough to stop."""
    url = finished(bench).results[0].url
    assert url is not None
    with pytest.raises(DarkroomError) as caught, bench.driver.fetch(url, 10):
        pass
    assert caught.value.failure.code == "result-too-large"
