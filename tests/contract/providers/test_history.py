"""The account's own history of jobs, against each provider's sandbox."""

from datetime import UTC, datetime

import pytest

from darkroom.domain.errors import AccountBlocked, Busy
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.vendor_history import VendorJob, jobs_of
from tests.contract.providers.conftest import AnyHarness
from tests.contract.providers.fake_harness import FakeHarness
from tests.contract.providers.harness import ProviderHarness

WITHOUT = "snapapi"
"""Documents no such call."""
ASKING = {
    "apiframe": "/v2/jobs",
    "perfect": "/s2s/v1.0/client/credit/history",
    "goapi": "/api/open/tasks/histories",
}
"""Provider -> the path of its call."""
LISTS_FAILED = ("apiframe", "goapi")
"""The other lists charges, and charges a job that succeeds."""
asked = pytest.mark.parametrize("harness", ASKING, indirect=True)


def _now(harness: ProviderHarness) -> float:
    return harness.sandbox.world.clock.now()


def _read(harness: ProviderHarness, since_s: float) -> dict[str, VendorJob]:
    """The jobs since then, page by page."""
    rows, after = [], ""
    for _ in range(50):
        since = datetime.fromtimestamp(since_s, UTC)
        page = harness.driver.history(harness.sandbox.name, since, after)
        assert page is not None
        assert page.unreadable == 0
        rows += [row for row in page.rows if (row.at_s or 0) >= since_s]
        after = page.after
        if not after:
            break
    return jobs_of(rows)


def _job(harness: ProviderHarness) -> tuple[str, float]:
    """A job that has ended, and since when it may be in the history."""
    since = _now(harness) - 1
    out = harness.submit(harness.work(harness.job_route))
    assert isinstance(out, Accepted)
    harness.finish(harness.job_route, out)
    return out.job_id, since


@asked
def test_job_is_listed_with_what_the_ledger_has_charged(harness: ProviderHarness) -> None:
    """Asking costs nothing."""
    job_id, since = _job(harness)
    [*_, entry] = harness.sandbox.ledger()
    charges = harness.charges()
    job = _read(harness, since)[job_id]
    assert (job.state, job.credits) == ("charged", entry["credits"])
    assert job.at_s is not None
    assert since <= job.at_s <= _now(harness)
    assert job.what
    assert harness.charges() == charges


@asked
@pytest.mark.parametrize("refund", [True, False])
def test_failed_job_is_listed_as_refunded_or_kept(
    harness: ProviderHarness, *, refund: bool
) -> None:
    """Where failed jobs are listed at all."""
    rule = {"match": harness.case.paid, "do": {"job": "fail", "refund": refund}}
    harness.sandbox.faults(rule)
    job_id, since = _job(harness)
    jobs = _read(harness, since)
    if harness.sandbox.name not in LISTS_FAILED:
        assert job_id not in jobs
        return
    assert jobs[job_id].state == ("refunded" if refund else "failed")
    assert bool(jobs[job_id].credits) is not refund


def test_provider_without_a_history_says_so(provider: AnyHarness) -> None:
    """Also without a key; the others need one."""
    name = provider.default_route.provider
    provider.forget_key()
    if name == WITHOUT or isinstance(provider, FakeHarness):
        assert provider.providers.history(name, datetime.now(UTC)) is None
        return
    with pytest.raises(AccountBlocked) as caught:
        provider.providers.history(name, datetime.now(UTC))
    assert caught.value.failure.code == "not-set-up"


@asked
@pytest.mark.parametrize("effect", [{"malformed": True}, {"truncate": 9}, {"status": 500}])
def test_answer_that_cannot_be_read_is_no_history(
    harness: ProviderHarness, effect: dict[str, object]
) -> None:
    """Ask again later: nothing is taken for absent because of it."""
    harness.sandbox.faults({"match": {"path": ASKING[harness.sandbox.name]}, "do": effect})
    with pytest.raises(Busy):
        harness.driver.history(harness.sandbox.name, datetime.now(UTC))
