"""Jobs and results: free calls, which can always be repeated.

Tests with `harness` are about HTTP and run on the driver over every sandbox; those with another
fixture run on the fake too.
"""

import hashlib
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked, Busy, DarkroomError, ResultGone, Throttled
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from tests.contract.providers.conftest import AnyHarness
from tests.contract.providers.harness import ProviderHarness, build_harness
from tests.contract.providers.provider_cases import JOB_S

NO_RESULT = "a finished job without a result"
UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"
PLENTY = 10_000_000


with_jobs = pytest.mark.parametrize(
    "provider",
    ["fake job", "fake keyed job", "snapapi", "apiframe", "perfect", "goapi"],
    indirect=True,
)
cancellable = pytest.mark.parametrize("provider", ["fake job", "snapapi"], indirect=True)


def submit_job(provider: AnyHarness) -> Accepted:
    """A new job."""
    out = provider.submit(provider.work(provider.job_route))
    assert isinstance(out, Accepted)
    return out


def url_of_a_result(provider: AnyHarness) -> str:
    """The URL of a fresh result."""
    url = provider.complete(provider.work(provider.default_route)).results[0].url
    assert url is not None
    return url


# --- jobs ----------------------------------------------------------------------------------------


@with_jobs
def test_job_is_pending_until_it_is_finished(provider: AnyHarness) -> None:
    """Polls are free and can be repeated, also after the end; the job is charged once."""
    before = provider.charges()
    route, job = provider.job_route, submit_job(provider)
    assert isinstance(provider.providers.poll(route, job.job_id), Pending)
    end = provider.finish(route, job)
    assert isinstance(end, Finished)
    assert end.results[0].kind == "image"

    again = provider.providers.poll(route, job.job_id)
    assert isinstance(again, Finished)
    assert [ref.kind for ref in again.results] == [ref.kind for ref in end.results]
    assert provider.charges() == before + 1


def test_finished_job_has_the_same_result_again(harness: ProviderHarness) -> None:
    """A lost response of a poll loses nothing. A signed URL may be signed again."""
    job = submit_job(harness)
    first = harness.finish(harness.job_route, job)
    again = harness.driver.poll(harness.job_route, job.job_id)
    assert isinstance(first, Finished)
    assert isinstance(again, Finished)

    def results(answer: Finished) -> list[tuple[str, str]]:
        return [(ref.kind, urlsplit(ref.url or "").path) for ref in answer.results]

    assert results(again) == results(first)
    assert (again.credits, again.facts) == (first.credits, first.facts)


@with_jobs
def test_failed_job_stays_failed(provider: AnyHarness) -> None:
    """It says whether it is charged, as the route declares."""
    provider.fault("job fails")
    route, job = provider.job_route, submit_job(provider)
    end = provider.finish(route, job)
    assert isinstance(end, JobFailed)
    assert end.code not in {"job-lost", "job-cancelled"}
    assert end.charged == route.charged_on_failure
    assert provider.providers.poll(route, job.job_id) == end


def test_failed_job_is_refunded_if_it_says_so(harness: ProviderHarness) -> None:
    """The sandbox's ledger shows it."""
    before = len(harness.sandbox.ledger())
    harness.fault("job fails")
    end = harness.finish(harness.job_route, submit_job(harness))
    assert isinstance(end, JobFailed)
    moved = [entry["kind"] for entry in harness.sandbox.ledger()[before:]]
    assert end.charged != "no" or moved.count("charge") == moved.count("refund")


@with_jobs
def test_unknown_job_is_lost(provider: AnyHarness) -> None:
    """Whether it was charged depends on the provider's rules."""
    end = provider.providers.poll(provider.job_route, UNKNOWN_JOB)
    assert isinstance(end, JobFailed)
    if isinstance(provider, ProviderHarness):
        assert end == provider.case.lost
    else:
        assert (end.code, end.charged) == ("job-lost", "unknown")


def test_job_that_never_ends_stays_pending(harness: ProviderHarness) -> None:
    """The task's own deadline ends it."""
    harness.sandbox.faults({"match": harness.case.paid, "do": {"job": "hang"}})
    job = submit_job(harness)
    assert isinstance(harness.wait(harness.job_route, job, JOB_S), Pending)


def test_unknown_status_word_is_pending(harness: ProviderHarness) -> None:
    """An undocumented status is noted on the task."""
    job = submit_job(harness)
    fault = {"status": 200, "body": harness.case.unknown_word}
    harness.sandbox.faults({"match": harness.case.poll, "do": fault})
    outcome = harness.driver.poll(harness.job_route, job.job_id)
    assert isinstance(outcome, Pending)
    assert outcome.note.lower() == "dreaming"


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
def test_failed_poll_can_be_repeated(
    harness: ProviderHarness, fault: dict[str, Any], kind: type[DarkroomError]
) -> None:
    """No error of a free call ends the job, not even a key that is refused for a while."""
    job = submit_job(harness)
    if fault.get("body") == NO_RESULT:
        fault = {**fault, "body": harness.case.no_result}
    times = harness.renewals if fault.get("status") == HTTPStatus.UNAUTHORIZED else 1
    harness.sandbox.faults({"match": harness.case.poll, "do": fault, "times": times})
    with pytest.raises(kind) as caught:
        harness.driver.poll(harness.job_route, job.job_id)
    assert caught.value.repeatable
    assert isinstance(harness.finish(harness.job_route, job), Finished)


def test_poll_of_an_unreachable_provider_is_busy(harness: ProviderHarness) -> None:
    """It is repeated later."""
    away = build_harness(
        harness.sandbox, harness.transport, instead={"base_url": "http://127.0.0.1:9"}
    )
    with pytest.raises(Busy):
        away.driver.poll(harness.job_route, "any")


# --- cancelling ----------------------------------------------------------------------------------


@cancellable
def test_job_can_be_cancelled(provider: AnyHarness) -> None:
    """Afterwards the job says so."""
    route, job = provider.job_route, submit_job(provider)
    assert provider.providers.cancel(route, job.job_id) is True
    end = provider.providers.poll(route, job.job_id)
    assert isinstance(end, JobFailed)
    assert end.code == "job-cancelled"


@pytest.mark.parametrize("provider", ["fake keyed job", "apiframe"], indirect=True)
def test_job_goes_on_without_a_call_to_cancel_it(provider: AnyHarness) -> None:
    """`cancel` returns False."""
    route, job = provider.job_route, submit_job(provider)
    assert provider.providers.cancel(route, job.job_id) is False
    assert isinstance(provider.finish(route, job), Finished)


@cancellable
def test_finished_or_unknown_job_cannot_be_cancelled(provider: AnyHarness) -> None:
    """A finished job keeps its result; an unknown one is no error; a direct result has no job."""
    route, job = provider.job_route, submit_job(provider)
    provider.finish(route, job)
    assert provider.providers.cancel(route, job.job_id) is False
    assert isinstance(provider.providers.poll(route, job.job_id), Finished)
    assert provider.providers.cancel(route, "no-such-job") is False
    synchronous = next(one for one in provider.providers.routes() if not one.asynchronous)
    assert provider.providers.cancel(synchronous, "no-such-job") is False


def test_refused_cancellation_returns_false(snapapi: ProviderHarness) -> None:
    """The job goes on."""
    fault = {"status": 404, "body": {"error": {"message": "no such task"}}}
    snapapi.sandbox.faults({"match": {"method": "DELETE", "path": "/v1/*"}, "do": fault})
    assert snapapi.driver.cancel(snapapi.job_route, submit_job(snapapi).job_id) is False


def test_lost_cancellation_can_be_repeated(snapapi: ProviderHarness) -> None:
    """Whether it arrived is unknown, and asking again does no harm."""
    job = submit_job(snapapi)
    rule = {"match": {"method": "DELETE", "path": "/v1/*"}, "do": {"drop": "before"}}
    snapapi.sandbox.faults(rule)
    with pytest.raises(Busy):
        snapapi.driver.cancel(snapapi.job_route, job.job_id)
    assert snapapi.driver.cancel(snapapi.job_route, job.job_id) is True


# --- results -------------------------------------------------------------------------------------


def test_result_can_be_fetched_up_to_the_exact_limit(provider: AnyHarness) -> None:
    """From its first byte, with size, digest and format; one byte over the limit is refused."""
    url = url_of_a_result(provider)
    with provider.providers.fetch(url, PLENTY) as fetched:
        assert fetched.body.tell() == 0
        body = fetched.body.read()
        assert (fetched.size, fetched.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert fetched.media is not None
        assert fetched.media.kind == "image"
    with provider.providers.fetch(url, len(body)) as fetched:
        assert fetched.size == len(body)

    with pytest.raises(DarkroomError) as caught, provider.providers.fetch(url, len(body) - 1):
        pass
    assert caught.value.failure.code == "result-too-large"
    assert not caught.value.repeatable


def test_expired_result_is_gone(provider: AnyHarness) -> None:
    """It could be fetched before."""
    url = url_of_a_result(provider)
    with provider.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size > 0
    provider.expire_results()
    with pytest.raises(ResultGone), provider.providers.fetch(url, PLENTY):
        pass


def test_partial_result_is_busy(provider: AnyHarness) -> None:
    """The next download may be complete."""
    url = url_of_a_result(provider)
    with provider.providers.fetch(url, PLENTY) as fetched:
        size = fetched.size
    provider.cut_result(url, size // 2)
    with pytest.raises(Busy), provider.providers.fetch(url, PLENTY):
        pass
    with provider.providers.fetch(url, PLENTY) as fetched:
        assert fetched.size == size


def test_failed_download_can_be_repeated(harness: ProviderHarness) -> None:
    """The first download fails, the second returns the result."""
    url = url_of_a_result(harness)
    match = {"method": "GET", "path": urlsplit(url).path}
    for fault in ({"status": 503}, {"status": 429}, {"drop": "before"}):
        harness.sandbox.faults({"match": match, "do": fault})
        with pytest.raises(Busy), harness.driver.fetch(url, PLENTY):
            pytest.fail(f"{fault}")
        with harness.driver.fetch(url, PLENTY) as fetched:
            assert fetched.size > 0
