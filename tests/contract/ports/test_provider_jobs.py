"""What all providers behind one face promise of what was paid: jobs, their ends, and results."""

import hashlib

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Busy, DarkroomError, ResultGone
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from tests.contract.ports.provider_harnesses import (
    ProvidersHarness,
    Way,
    submitted,
)

PLENTY = 10_000_000

every_job = pytest.mark.parametrize("way", ["job", "keyed job"])


def test_a_call_that_is_answered_at_once_brings_its_result(harness: ProvidersHarness) -> None:
    """It is charged once, and what it names can be fetched."""
    before = harness.charges()
    out = submitted(harness, "at once")

    assert isinstance(out, Finished)
    assert harness.charges() == before + 1
    _assert_fetchable(harness, out)


@every_job
def test_a_job_is_accepted_then_pending_then_finished(harness: ProvidersHarness, way: Way) -> None:
    """Asking is free, and may be done again after the end."""
    before = harness.charges()
    job = submitted(harness, way)
    assert isinstance(job, Accepted)
    for _ in range(2):
        assert isinstance(harness.providers.poll(harness.route(way), job.job_id), Pending)

    harness.let_jobs_end()
    for _ in range(2):
        end = harness.providers.poll(harness.route(way), job.job_id)
        assert isinstance(end, Finished)
        _assert_fetchable(harness, end)
    assert harness.charges() == before + 1


@every_job
def test_a_failed_job_stays_failed(harness: ProvidersHarness, way: Way) -> None:
    """It says whether it cost something, as the route declares."""
    harness.trouble(way, "job fails")
    job = submitted(harness, way)
    assert isinstance(job, Accepted)
    harness.let_jobs_end()

    end = harness.providers.poll(harness.route(way), job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-failed"
    assert end.charged == harness.route(way).charged_on_failure
    assert harness.providers.poll(harness.route(way), job.job_id) == end


@every_job
def test_a_job_that_nobody_knows_is_lost(harness: ProvidersHarness, way: Way) -> None:
    """That is an answer; what it cost is not known."""
    end = harness.providers.poll(harness.route(way), "00000000-0000-4000-8000-000000000000")
    assert isinstance(end, JobFailed)
    assert (end.code, end.charged) == ("job-lost", "unknown")


def test_a_job_can_be_stopped_where_there_is_such_a_call(harness: ProvidersHarness) -> None:
    """Afterwards the job itself says so."""
    route = harness.route("job")
    job = submitted(harness, "job")
    assert isinstance(job, Accepted)

    assert harness.providers.cancel(route, job.job_id) is True
    harness.let_jobs_end()
    end = harness.providers.poll(route, job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-cancelled"


def test_a_job_runs_on_where_there_is_no_call_to_stop_it(harness: ProvidersHarness) -> None:
    """Asynchronous or not: the answer is no, and the job ends well."""
    route = harness.route("keyed job")
    job = submitted(harness, "keyed job")
    assert isinstance(job, Accepted)

    assert harness.providers.cancel(route, job.job_id) is False
    harness.let_jobs_end()
    assert isinstance(harness.providers.poll(route, job.job_id), Finished)


def test_what_is_over_or_never_was_cannot_be_stopped(harness: ProvidersHarness) -> None:
    """A finished job keeps its result; an unknown one is no error; a call at once has no job."""
    route = harness.route("job")
    job = submitted(harness, "job")
    assert isinstance(job, Accepted)
    harness.let_jobs_end()
    harness.providers.poll(route, job.job_id)

    assert harness.providers.cancel(route, job.job_id) is False
    assert isinstance(harness.providers.poll(route, job.job_id), Finished)
    assert harness.providers.cancel(route, "no-such-job") is False
    assert harness.providers.cancel(harness.route("at once"), "no-such-job") is False


@pytest.mark.parametrize("way", ["at once", "keyed job"])
def test_a_result_that_is_no_longer_kept_is_gone(harness: ProvidersHarness, way: Way) -> None:
    """Fetchable at first; later the same address leads nowhere, and says so."""
    url = _url(harness, way)
    with harness.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size > 0
    harness.let_results_expire()

    with pytest.raises(ResultGone), harness.providers.fetch(url, PLENTY):
        pass


def test_a_part_of_a_result_is_none(harness: ProvidersHarness) -> None:
    """It may pass: the next time the whole is fetched."""
    url = _url(harness, "at once")
    with harness.providers.fetch(url, PLENTY) as fetched:
        size = fetched.size
    harness.cut_next_result(url, size // 2)

    with pytest.raises(Busy), harness.providers.fetch(url, PLENTY):
        pass
    with harness.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size == size


def test_a_result_may_be_as_large_as_is_allowed_and_no_larger(harness: ProvidersHarness) -> None:
    """To the byte."""
    url = _url(harness, "at once")
    with harness.providers.fetch(url, PLENTY) as fetched:
        size = fetched.size
    with harness.providers.fetch(url, size) as fetched:
        assert len(fetched.body.read()) == size

    with pytest.raises(DarkroomError) as caught, harness.providers.fetch(url, size - 1):
        pass
    assert caught.value.failure.code == "result-too-large"
    assert not caught.value.repeatable


def _url(harness: ProvidersHarness, way: Way) -> str:
    """Where the result of a fresh piece of work lies."""
    out = submitted(harness, way)
    if isinstance(out, Accepted):
        harness.let_jobs_end()
        end = harness.providers.poll(harness.route(way), out.job_id)
        assert isinstance(end, Finished)
        out = end
    url = out.results[0].url
    assert url is not None
    return url


def _assert_fetchable(harness: ProvidersHarness, out: Finished) -> None:
    """What is fetched starts at its first byte and is what is said of it."""
    url = out.results[0].url
    assert url is not None
    with harness.providers.fetch(url, PLENTY) as fetched:
        assert fetched.body.tell() == 0
        body = fetched.body.read()
        assert (fetched.size, fetched.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert fetched.media is not None
        assert fetched.media.kind == out.results[0].kind == "image"
