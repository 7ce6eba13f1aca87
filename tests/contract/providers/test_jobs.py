"""Jobs and results over real HTTP: free calls, which may always be made again."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked, Busy, DarkroomError, ResultGone, Throttled
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.domain.routes import Route
from tests.contract.providers.harness import ProviderHarness, build_harness
from tests.contract.providers.provider_cases import JOB_S

NO_RESULT = "a finished job without a result"


def job_route(harness: ProviderHarness) -> Route:
    """A route whose work becomes a job."""
    return harness.route(*harness.case.with_jobs)


def submitted(harness: ProviderHarness) -> Accepted:
    """A job that was just made."""
    out = harness.submit(harness.work(job_route(harness)))
    assert isinstance(out, Accepted)
    return out


def finished(harness: ProviderHarness) -> Finished:
    """The end of a fresh job or call."""
    out = harness.submit(harness.work(harness.default_operation))
    end = harness.finish(harness.default_operation, out) if isinstance(out, Accepted) else out
    assert isinstance(end, Finished)
    return end


def test_a_job_is_pending_until_it_is_finished(harness: ProviderHarness) -> None:
    """Asking early gives `Pending`; asking when its time has passed gives the result."""
    end = harness.finish(job_route(harness), submitted(harness))
    assert isinstance(end, Finished)
    assert end.results[0].kind == "image"


def test_a_finished_job_can_be_asked_again(harness: ProviderHarness) -> None:
    """A lost answer costs nothing."""
    job = submitted(harness)
    first = harness.finish(job_route(harness), job)
    assert harness.driver.poll(job_route(harness), job.job_id) == first


def test_a_failed_job_says_whether_it_cost_something(harness: ProviderHarness) -> None:
    """As the route declares; where it is refunded, the ledger shows it."""
    harness.sandbox.faults({"match": harness.case.paid, "do": {"job": "fail"}})
    before = len(harness.sandbox.ledger())
    end = harness.finish(job_route(harness), submitted(harness))
    assert isinstance(end, JobFailed)
    assert end.code != "job-lost"
    assert end.charged == job_route(harness).charged_on_failure
    moved = [entry["kind"] for entry in harness.sandbox.ledger()[before:]]
    assert end.charged != "no" or moved.count("charge") == moved.count("refund")


def test_a_job_that_never_ends_stays_pending(harness: ProviderHarness) -> None:
    """Its deadline is the task's business."""
    harness.sandbox.faults({"match": harness.case.paid, "do": {"job": "hang"}})
    job = submitted(harness)
    assert isinstance(harness.wait(job_route(harness), job, JOB_S), Pending)


def test_an_unknown_word_is_pending(harness: ProviderHarness) -> None:
    """An undocumented status is noted on the task."""
    job = submitted(harness)
    fault = {"status": 200, "body": harness.case.unknown_word}
    harness.sandbox.faults({"match": harness.case.poll, "do": fault})
    said = harness.driver.poll(job_route(harness), job.job_id)
    assert isinstance(said, Pending)
    assert said.note.lower() == "dreaming"


def test_an_unknown_job_is_lost(harness: ProviderHarness) -> None:
    """That is an answer to the question; each provider's rules say whether it was paid."""
    end = harness.driver.poll(job_route(harness), "00000000-0000-4000-8000-000000000000")
    assert end == harness.case.lost


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
    harness: ProviderHarness, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """No slip of a free call ends the job, not even a key that is refused for a while."""
    job = submitted(harness)
    if fault.get("body") == NO_RESULT:
        fault = {**fault, "body": harness.case.no_result}
    times = harness.renewals if fault.get("status") == HTTPStatus.UNAUTHORIZED else 1
    harness.sandbox.faults({"match": harness.case.poll, "do": fault, "times": times})
    with pytest.raises(kind) as caught:
        harness.driver.poll(job_route(harness), job.job_id)
    assert caught.value.repeatable
    assert isinstance(harness.finish(job_route(harness), job), Finished)


def test_a_provider_out_of_reach_keeps_a_poller_waiting(harness: ProviderHarness) -> None:
    """Nobody listens there: busy, to be asked again."""
    away = build_harness(harness.sandbox, harness.transport, base_url="http://127.0.0.1:9")
    with pytest.raises(Busy):
        away.driver.poll(job_route(harness), "any")


def test_a_task_can_be_cancelled_at_snapapi(snapapi: ProviderHarness) -> None:
    """The provider stops it, and the job says so."""
    route = job_route(snapapi)
    job = submitted(snapapi)
    assert snapapi.driver.cancel(route, job.job_id) is True
    end = snapapi.driver.poll(route, job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-cancelled"


def test_there_is_no_cancelling_where_there_is_no_such_call(apiframe: ProviderHarness) -> None:
    """Apiframe documents none, so nothing is sent."""
    assert apiframe.driver.cancel(job_route(apiframe), submitted(apiframe).job_id) is False


def test_a_cancellation_that_is_refused_is_none(snapapi: ProviderHarness) -> None:
    """The job goes on, and `cancel` returns False."""
    fault = {"status": 404, "body": {"error": {"message": "no such task"}}}
    snapapi.sandbox.faults({"match": {"method": "DELETE", "path": "/v1/*"}, "do": fault})
    assert snapapi.driver.cancel(job_route(snapapi), submitted(snapapi).job_id) is False


def test_a_cancellation_that_gets_lost_may_be_repeated(snapapi: ProviderHarness) -> None:
    """Whether it arrived is not known, and asking again does no harm."""
    job = submitted(snapapi)
    rule = {"match": {"method": "DELETE", "path": "/v1/*"}, "do": {"drop": "before"}}
    snapapi.sandbox.faults(rule)
    with pytest.raises(Busy):
        snapapi.driver.cancel(job_route(snapapi), job.job_id)
    assert snapapi.driver.cancel(job_route(snapapi), job.job_id) is True


def test_a_result_that_is_gone_is_told_from_one_that_fails(harness: ProviderHarness) -> None:
    """Gone is for ever; what may pass is busy."""
    harness.sandbox.faults({"match": harness.case.paid, "do": {"result": "gone"}})
    url = finished(harness).results[0].url
    assert url is not None
    with pytest.raises(ResultGone), harness.driver.fetch(url, 10_000_000):
        pass


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429}, {"drop": "before"}, {"truncate": 20}],
    ids=["503", "429", "drop", "truncated"],
)
def test_a_result_that_fails_can_be_fetched_again(
    harness: ProviderHarness, fault: dict[str, Any]
) -> None:
    """The first download fails, the second brings the whole picture."""
    url = finished(harness).results[0].url
    assert url is not None
    path = urlsplit(url).path
    harness.sandbox.faults({"match": {"method": "GET", "path": path}, "do": fault})
    with pytest.raises(Busy), harness.driver.fetch(url, 10_000_000):
        pass
    with harness.driver.fetch(url, 10_000_000) as fetched:
        assert fetched.size > 0


def test_a_result_over_the_limit_is_not_copied(harness: ProviderHarness) -> None:
    """The declared length is enough to stop."""
    url = finished(harness).results[0].url
    assert url is not None
    with pytest.raises(DarkroomError) as caught, harness.driver.fetch(url, 10):
        pass
    assert caught.value.failure.code == "result-too-large"
