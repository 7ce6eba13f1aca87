"""What all providers behind one face promise of what was paid: jobs, their ends, and results."""

import hashlib

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Busy, DarkroomError, ResultGone
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from tests.contract.ports.provider_benches import (
    ProvidersBench,
    Way,
    submitted,
)

PLENTY = 10_000_000

every_job = pytest.mark.parametrize("way", ["job", "keyed job"])


def test_a_call_that_is_answered_at_once_brings_its_result(bench: ProvidersBench) -> None:
    """It is charged once, and what it names can be fetched."""
    before = bench.charges()
    out = submitted(bench, "at once")

    assert isinstance(out, Finished)
    assert bench.charges() == before + 1
    _assert_fetchable(bench, out)


@every_job
def test_a_job_is_accepted_then_pending_then_finished(bench: ProvidersBench, way: Way) -> None:
    """Asking is free, and may be done again after the end."""
    before = bench.charges()
    job = submitted(bench, way)
    assert isinstance(job, Accepted)
    for _ in range(2):
        assert isinstance(bench.providers.poll(bench.route(way), job.job_id), Pending)

    bench.let_jobs_end()
    for _ in range(2):
        end = bench.providers.poll(bench.route(way), job.job_id)
        assert isinstance(end, Finished)
        _assert_fetchable(bench, end)
    assert bench.charges() == before + 1


@every_job
def test_a_failed_job_stays_failed(bench: ProvidersBench, way: Way) -> None:
    """It says whether it cost something, as the route declares."""
    bench.trouble(way, "job fails")
    job = submitted(bench, way)
    assert isinstance(job, Accepted)
    bench.let_jobs_end()

    end = bench.providers.poll(bench.route(way), job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-failed"
    assert end.charged == bench.route(way).charged_on_failure
    assert bench.providers.poll(bench.route(way), job.job_id) == end


@every_job
def test_a_job_that_nobody_knows_is_lost(bench: ProvidersBench, way: Way) -> None:
    """That is an answer; what it cost is not known."""
    end = bench.providers.poll(bench.route(way), "00000000-0000-4000-8000-000000000000")
    assert isinstance(end, JobFailed)
    assert (end.code, end.charged) == ("job-lost", "unknown")


def test_a_job_can_be_stopped_where_there_is_such_a_call(bench: ProvidersBench) -> None:
    """Afterwards the job itself says so."""
    route = bench.route("job")
    job = submitted(bench, "job")
    assert isinstance(job, Accepted)

    assert bench.providers.cancel(route, job.job_id) is True
    bench.let_jobs_end()
    end = bench.providers.poll(route, job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-cancelled"


def test_a_job_runs_on_where_there_is_no_call_to_stop_it(bench: ProvidersBench) -> None:
    """Asynchronous or not: the answer is no, and the job ends well."""
    route = bench.route("keyed job")
    job = submitted(bench, "keyed job")
    assert isinstance(job, Accepted)

    assert bench.providers.cancel(route, job.job_id) is False
    bench.let_jobs_end()
    assert isinstance(bench.providers.poll(route, job.job_id), Finished)


def test_what_is_over_or_never_was_cannot_be_stopped(bench: ProvidersBench) -> None:
    """A finished job keeps its result; an unknown one is no error; a call at once has no job."""
    route = bench.route("job")
    job = submitted(bench, "job")
    assert isinstance(job, Accepted)
    bench.let_jobs_end()
    bench.providers.poll(route, job.job_id)

    assert bench.providers.cancel(route, job.job_id) is False
    assert isinstance(bench.providers.poll(route, job.job_id), Finished)
    assert bench.providers.cancel(route, "no-such-job") is False
    assert bench.providers.cancel(bench.route("at once"), "no-such-job") is False


@pytest.mark.parametrize("way", ["at once", "keyed job"])
def test_a_result_that_is_no_longer_kept_is_gone(bench: ProvidersBench, way: Way) -> None:
    """Fetchable at first; later the same address leads nowhere, and says so."""
    url = _url(bench, way)
    with bench.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size > 0
    bench.let_results_expire()

    with pytest.raises(ResultGone), bench.providers.fetch(url, PLENTY):
        pass


def test_a_part_of_a_result_is_none(bench: ProvidersBench) -> None:
    """It may pass: the next time the whole is fetched."""
    url = _url(bench, "at once")
    with bench.providers.fetch(url, PLENTY) as fetched:
        size = fetched.size
    bench.cut_next_result(url, size // 2)

    with pytest.raises(Busy), bench.providers.fetch(url, PLENTY):
        pass
    with bench.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size == size


def test_a_result_may_be_as_large_as_is_allowed_and_no_larger(bench: ProvidersBench) -> None:
    """To the byte."""
    url = _url(bench, "at once")
    with bench.providers.fetch(url, PLENTY) as fetched:
        size = fetched.size
    with bench.providers.fetch(url, size) as fetched:
        assert len(fetched.body.read()) == size

    with pytest.raises(DarkroomError) as caught, bench.providers.fetch(url, size - 1):
        pass
    assert caught.value.failure.code == "result-too-large"
    assert not caught.value.repeatable


def _url(bench: ProvidersBench, way: Way) -> str:
    """Where the result of a fresh piece of work lies."""
    out = submitted(bench, way)
    if isinstance(out, Accepted):
        bench.let_jobs_end()
        end = bench.providers.poll(bench.route(way), out.job_id)
        assert isinstance(end, Finished)
        out = end
    url = out.results[0].url
    assert url is not None
    return url


def _assert_fetchable(bench: ProvidersBench, out: Finished) -> None:
    """What is fetched starts at its first byte and is what is said of it."""
    url = out.results[0].url
    assert url is not None
    with bench.providers.fetch(url, PLENTY) as fetched:
        assert fetched.body.tell() == 0
        body = fetched.body.read()
        assert (fetched.size, fetched.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert fetched.media is not None
        assert fetched.media.kind == out.results[0].kind == "image"
