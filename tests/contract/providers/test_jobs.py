"""Jobs and results over real HTTP: free calls, which may always be made again."""

from typing import Any

import pytest

from darkroom.errors import Busy, DarkroomError, ResultGone, Throttled
from darkroom.ports import Accepted, JobFailed, Pending
from darkroom.routes import Route
from darkroom.task import Finished
from tests.contract.providers.bench import JOB_S, Bench, build_bench

POLL = {"method": "GET", "path": "/v?/*"}
PAID = {"method": "POST", "path": "/v?/images/*"}
WITH_JOBS = {"snapapi": ("edit", "flux-kontext"), "apiframe": ("upscale", "clarity")}


def job_route(bench: Bench) -> Route:
    """A route whose work becomes a job."""
    return bench.route(*WITH_JOBS[bench.sandbox.name])


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
    bench.sandbox.faults({"match": PAID, "do": {"job": "fail"}})
    job = submitted(bench)
    before = len(bench.sandbox.ledger())
    end = bench.finish(job_route(bench), job)
    assert isinstance(end, JobFailed)
    assert end.code == "job-failed"
    assert end.charged == job_route(bench).charged_on_failure
    refunds = [entry["kind"] for entry in bench.sandbox.ledger()[before - 1 :]].count("refund")
    assert end.charged != "no" or refunds == 1


def test_a_job_that_never_ends_stays_pending(bench: Bench) -> None:
    """Its deadline is the task's business."""
    bench.sandbox.faults({"match": PAID, "do": {"job": "hang"}})
    job = submitted(bench)
    bench.sandbox.advance(JOB_S)
    assert isinstance(bench.driver.poll(job_route(bench), job.job_id), Pending)


def test_an_unknown_word_is_pending(bench: Bench) -> None:
    """A status that no document names is not guessed at."""
    job = submitted(bench)
    body = {"status": "DREAMING", "progress": "some"}
    bench.sandbox.faults({"match": POLL, "do": {"status": 200, "body": body}})
    assert bench.driver.poll(job_route(bench), job.job_id) == Pending(None)


def test_an_unknown_job_is_lost(bench: Bench) -> None:
    """A 404 is an answer to the question; whether it was paid is not known."""
    end = bench.driver.poll(job_route(bench), "00000000-0000-4000-8000-000000000000")
    assert end == JobFailed("job-lost", f"{_label(bench)} no longer knows the job.", "unknown")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 500, "body": {}}, Busy),
        ({"status": 503, "body": {}}, DarkroomError),
        ({"malformed": True}, Busy),
        ({"status": 200, "body": []}, Busy),
        ({"status": 200, "body": {"status": "COMPLETED", "result": {}}}, Busy),
        ({"drop": "before"}, Busy),
        ({"truncate": 5}, Busy),
        ({"status": 429, "headers": {"Retry-After": "3"}, "body": {}}, Throttled),
        ({"status": 401, "body": {"error": "no"}}, Throttled),
    ],
    ids=["500", "503", "malformed", "list", "no-result", "drop", "truncated", "429", "401"],
)
def test_a_poll_that_goes_wrong_can_be_repeated(
    bench: Bench, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """No slip of a free call ends the job, not even a key that is refused for a while."""
    job = submitted(bench)
    bench.sandbox.faults({"match": POLL, "do": fault})
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
    bench.sandbox.faults({"match": PAID, "do": {"result": "gone"}})
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
    path = "/" + url.split("/", 3)[3]
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


def _label(bench: Bench) -> str:
    return {"snapapi": "SnapAPI", "apiframe": "Apiframe"}[bench.sandbox.name]
