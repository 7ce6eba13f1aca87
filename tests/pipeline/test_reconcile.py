"""RECONCILE reads histories page by page, and settles what they know of unknown charges."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt
from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.errors import Busy, Failure
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.reconciliation import Comparison
from darkroom.domain.task import Ending, State, Task
from darkroom.domain.vendor_history import HistoryPage, HistoryRow, VendorState
from darkroom.pipeline.money import reconcile as reconcile_module
from darkroom.pipeline.money.reconcile import MAX_PAGES, Reconciled, read_history, reconcile
from darkroom.pipeline.retry import retry
from darkroom.pipeline.settle_charges import Settled, may_settle, settle_charges
from tests.fakes.clock import START
from tests.fakes.routes import JOB_KEY, JOB_LOOKED_UP, JOB_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state, refusal

SINCE = START - timedelta(days=30)


def _row(
    job_id: str, credits_: float | None = 3.0, state: VendorState = "charged", at_s: float = 0
) -> HistoryRow:
    return HistoryRow(job_id, job_id, at_s or START.timestamp() + 1, credits_, state)


def _pages(*pages: Sequence[HistoryRow]) -> list[HistoryPage]:
    last = len(pages) - 1
    return [
        HistoryPage(tuple(rows), "" if number == last else str(number + 1))
        for number, rows in enumerate(pages)
    ]


def _compare(harness: PipelineHarness, provider: str, *rows: HistoryRow) -> Comparison:
    harness.providers.histories[provider] = _pages(rows)
    harness.clock.advance(3600)
    [found] = reconcile(harness.ports, SINCE, {provider: provider.title()})
    assert found.comparison is not None
    return found.comparison


def _settle(harness: PipelineHarness, comparison: Comparison) -> list[Settled]:
    return list(settle_charges(harness.ports, comparison))


def _failed_and_unknown(budget: float = 0) -> PipelineHarness:
    """A task whose job has failed; nobody knows whether it was charged."""
    rules = MoneyRules(budgets=(Budget(ENVIRONMENT, credits=budget),)) if budget else MoneyRules()
    harness = PipelineHarness(money=rules)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    harness.providers.script("poll", JobFailed("job-failed", "It could not be done.", "unknown"))
    harness.run()
    assert harness.task.last_attempt.charged == "unknown"
    return harness


def _forget(harness: PipelineHarness, **attempt: Any) -> Task:
    """The task has ended as unknown: nobody knows what became of its call."""
    task = harness.task
    last = replace(task.last_attempt, outcome="unknown", charged="unknown", **attempt)
    ending = Ending("unknown", Failure("unknown-outcome", "It is not known."))
    unknown: State = "unknown"
    return harness.tasks.replace(
        task,
        replace(task, state=unknown, ending=ending, results=(), attempts=task.with_attempt(last)),
    )


def _done(operation: str = JOB_KEY) -> PipelineHarness:
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    harness.run()
    assert harness.task.state == "succeeded"
    return harness


# --- the history ----------------------------------------------------------------------------------


def test_pages_are_read_until_the_jobs_are_older() -> None:
    """What follows is not asked for."""
    harness = PipelineHarness()
    old = _row("old", at_s=SINCE.timestamp() - 9)
    harness.providers.histories["beta"] = _pages([_row("a")], [_row("b"), old], [old], [_row("c")])
    history = read_history(harness.ports, "beta", SINCE)
    assert history is not None
    assert list(history.jobs) == ["a", "b", "old"]
    assert history.complete


def test_pages_in_another_order_are_read_to_their_end() -> None:
    """No document promises the order of all vendors."""
    harness = PipelineHarness()
    times = [SINCE.timestamp() - 9, SINCE.timestamp() - 8]
    oldest = [_row(f"old-{at}", at_s=at) for at in times]
    harness.providers.histories["beta"] = _pages(oldest, [_row("a")])
    history = read_history(harness.ports, "beta", SINCE)
    assert history is not None
    assert "a" in history.jobs


def test_endless_history_is_read_in_part() -> None:
    """What is older than its last page is not compared."""
    harness = _done()
    page = HistoryPage((_row("newer", at_s=START.timestamp() + 99),), "0", unreadable=1)
    harness.providers.histories["beta"] = [replace(page, after="1"), page]
    [found] = reconcile(harness.ports, SINCE, {"beta": "Beta"})
    assert found.partial == START + timedelta(seconds=99)
    assert found.unreadable == MAX_PAGES
    assert found.comparison is not None
    assert found.comparison.not_compared == 0  # it ended just now
    assert found.comparison.under_way == 2


def test_page_that_leads_to_itself_is_the_last() -> None:
    """A vendor's cursor may not move on."""
    harness = PipelineHarness()
    harness.providers.histories["beta"] = [
        HistoryPage((_row("a"),), "1"),
        HistoryPage((_row("b"),), "1"),
    ]
    history = read_history(harness.ports, "beta", SINCE)
    assert history is not None
    assert list(history.jobs) == ["a", "b"]


def test_every_page_takes_a_call_of_the_providers_rate() -> None:
    """It waits for its turn, as a poll does, and gives up in the end."""
    harness = PipelineHarness()
    harness.providers.rules_of["beta"] = Rules(Rate(1, 60))
    harness.providers.histories["beta"] = _pages([_row("a")], [_row("b")], [_row("c")])
    before = harness.clock.now()
    assert read_history(harness.ports, "beta", SINCE)
    assert harness.clock.now() - before >= timedelta(seconds=110)
    harness.providers.rules_of["beta"] = Rules(Rate(1, 3600))
    with pytest.raises(Busy):
        read_history(harness.ports, "beta", SINCE)


def test_provider_that_cannot_be_asked_does_not_stop_the_others() -> None:
    """Each says why."""
    harness = PipelineHarness()
    harness.providers.ready = {"gamma"}
    for name in ("beta", "gamma"):
        harness.providers.histories[name] = _pages([])
    labels = {"alpha": "Alpha", "beta": "Beta", "gamma": "Gamma"}
    alpha, beta, gamma = reconcile(harness.ports, SINCE, labels)
    assert alpha.failure is not None
    assert alpha.failure.code == "no-history"
    assert alpha.failure.sentence == "Alpha documents no call that lists past charges."
    assert beta.failure is not None
    assert beta.failure.code == "not-set-up"
    assert gamma == Reconciled("gamma", Comparison("gamma", differences=[]))


def test_tasks_are_read_a_hundred_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the index shows; one that ended long before is not read."""
    monkeypatch.setattr(reconcile_module, "TASKS_AT_ONCE", 1)
    harness = PipelineHarness()
    for name in ("a", "b", "c"):
        harness.upload(f"photos/{name}.jpg")
        harness.upload_spec(JOB_KEY, f"photos/{name}.jpg.json")
    harness.run()
    asked: list[Sequence[str]] = []
    get_many = harness.tasks.get_many

    def recorded(ids: Sequence[str]) -> Sequence[Task]:
        asked.append(ids)
        return get_many(ids)

    monkeypatch.setattr(harness.tasks, "get_many", recorded)
    assert _compare(harness, "beta", *(_row(f"job-{n}") for n in (1, 2, 3))).agreed == 3
    assert [len(ids) for ids in asked] == [1, 1, 1]
    asked.clear()
    harness.clock.advance(40 * 86400)
    list(reconcile(harness.ports, harness.clock.now(), {"beta": "Beta"}))
    assert asked == []


# --- what is written back -------------------------------------------------------------------------


@pytest.mark.parametrize(("credits_", "charged"), [(0.0, "no"), (2.5, "yes")])
def test_unknown_charge_of_a_failed_job_gets_the_vendors_amount(
    credits_: float, charged: str
) -> None:
    """The manifest, the event and the budget's account follow; it stays failed."""
    harness = _failed_and_unknown(budget=100)
    [account] = harness.tasks.accounts
    assert harness.tasks.accounts[account] > 0
    comparison = _compare(
        harness, "gamma", _row("job-1", credits_, "failed" if credits_ else "refunded")
    )
    [settled] = _settle(harness, comparison)
    assert settled.failure is None
    task = harness.task
    assert (task.state, task.last_attempt.charged) == ("failed", charged)
    assert task.last_attempt.credits == credits_
    assert harness.tasks.accounts[account] == credits_ * 1_000_000
    cost = harness.manifest()["cost"]
    assert (cost["credits"], cost["settled"]) == (credits_, True)
    assert harness.events.published[-1].detail["cost"]["settled"] is True
    assert not list(harness.tasks.due(harness.clock.now() + timedelta(days=9)))
    assert may_settle(_compare(harness, "gamma", _row("job-1", credits_, "failed"))) == []


def test_unknown_task_whose_job_was_done_gets_its_result() -> None:
    """A new run polls the job; nothing is paid."""
    harness = _done()
    _forget(harness)
    [settled] = _settle(harness, _compare(harness, "beta", _row("job-1", 4.0)))
    assert settled.done == "charged 4 credits; its result is fetched"
    harness.run()
    task = harness.task
    assert (task.state, task.last_attempt.charged) == ("succeeded", "yes")
    assert task.last_attempt.credits == 4.0
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize(
    ("row", "charged"),
    [(_row("job-1", 0.0, "refunded"), "no"), (_row("job-1", 3.0, "failed"), "yes")],
)
def test_unknown_task_whose_job_failed_ends_as_failed(row: HistoryRow, charged: str) -> None:
    """It can be retried, at no cost if nothing was charged."""
    harness = _done()
    _forget(harness)
    [settled] = _settle(harness, _compare(harness, "beta", row))
    assert settled.failure is None
    task = harness.task
    assert (task.state, task.last_attempt.outcome) == ("failed", "failed")
    assert task.last_attempt.charged == charged
    manifest = harness.manifest()
    assert (manifest["status"], manifest["failure"]["code"]) == ("failed", "job-failed")
    assert manifest["cost"]["settled"]
    assert "Task Failed" in harness.event_kinds(task.task_id)
    if charged == "no":
        assert retry(harness.ports, task.task_id).state == "queued"


def test_unknown_call_without_a_job_is_looked_up_where_the_history_has_a_job_of_its_time() -> None:
    """By the provider's own way to find a call again."""
    harness = _done(JOB_LOOKED_UP)
    _forget(harness, job_id=None)
    comparison = _compare(harness, "epsilon", _row("job-1"))
    assert sorted(each.kind for each in comparison.differences) == ["ours-only", "theirs-only"]
    [settled] = _settle(harness, comparison)
    assert (settled.failure, settled.difference.job_id) == (None, "job-1")
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_unknown_call_whose_job_was_refunded_is_looked_up_too() -> None:
    """The job costs nothing, so it is no difference; the task ends as failed, uncharged."""
    harness = _done(JOB_LOOKED_UP)
    _forget(harness, job_id=None)
    comparison = _compare(harness, "epsilon", _row("job-1", 0.0, "refunded"))
    [settled] = _settle(harness, comparison)
    assert settled.done == "not charged; the task is failed"
    last = harness.task.last_attempt
    assert (last.job_id, last.charged, last.outcome) == ("job-1", "no", "failed")


@pytest.mark.parametrize("operation", [JOB_LOOKED_UP, JOB_KEY])
def test_job_that_is_not_found_settles_nothing(operation: str) -> None:
    """The time alone does not say whose job it is."""
    harness = _done(operation)
    _forget(harness, job_id=None)
    harness.providers.charged.clear()
    provider = harness.task.last_attempt.provider
    [settled] = _settle(harness, _compare(harness, provider, _row("job-1")))
    assert settled.failure is not None
    assert settled.failure.code == "job-not-found"
    assert harness.task.state == "unknown"


def test_nothing_is_looked_up_without_a_job_of_that_time() -> None:
    """It would cost calls, and find nothing."""
    harness = _done(JOB_LOOKED_UP)
    _forget(harness, job_id=None)
    late = _row("job-1", at_s=START.timestamp() + 1800)
    assert may_settle(_compare(harness, "epsilon", late)) == []


def test_job_of_another_attempt_settles_nothing() -> None:
    """Each job belongs to the first that claimed it."""
    harness = _failed_and_unknown()
    task = harness.task
    changed = replace(task.last_attempt, job_id="job-9")
    harness.tasks.replace(task, replace(task, attempts=task.with_attempt(changed)))
    harness.tasks.claim_job("gamma", "job-9", "another task", 1)
    [settled] = _settle(harness, _compare(harness, "gamma", _row("job-9")))
    assert settled.failure is not None
    assert settled.failure.code == "job-claimed"
    assert harness.task.last_attempt.charged == "unknown"


def test_task_that_is_under_way_again_is_left_alone() -> None:
    """Somebody retried it after the comparison."""
    harness = _failed_and_unknown()
    comparison = _compare(harness, "gamma", _row("job-1", 0.0, "refunded"))
    retry(harness.ports, harness.task.task_id, pay_again=True)
    before = harness.task
    [settled] = _settle(harness, comparison)
    assert settled.failure is not None
    assert settled.failure.code == "changed-since"
    assert harness.task == before


def test_settling_twice_changes_nothing_more() -> None:
    """The second one finds that it is known."""
    harness = _failed_and_unknown()
    comparison = _compare(harness, "gamma", _row("job-1", 0.0, "refunded"))
    _settle(harness, comparison)
    before = harness.task
    [again] = _settle(harness, comparison)
    assert again.failure is not None
    assert harness.task == before


def test_earlier_attempt_of_a_task_is_settled_alone() -> None:
    """Its last one stays as it is; so does the task's state."""
    harness = _done()
    task = harness.task
    earlier: Attempt = replace(
        task.last_attempt, number=1, job_id="job-0", outcome="unknown", charged="unknown"
    )
    last = replace(task.last_attempt, number=2)
    harness.tasks.replace(task, replace(task, attempts=(earlier, last)))
    [settled] = _settle(
        harness, _compare(harness, "beta", _row("job-0", 0.0, "refunded"), _row("job-1"))
    )
    assert settled.done == "not charged; the task is succeeded"
    assert [a.charged for a in harness.task.attempts] == ["no", "yes"]
    assert harness.manifest()["cost"]["settled"]


def test_process_that_dies_after_the_write_is_followed_by_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The manifest and the event come with the next sweep."""
    harness = _failed_and_unknown()
    comparison = _compare(harness, "gamma", _row("job-1", 0.0, "refunded"))
    harness.events.published.clear()
    with monkeypatch.context() as patch:
        patch.setattr(harness.outputs, "put_over", _die)
        with pytest.raises(KeyboardInterrupt):
            _settle(harness, comparison)
    assert not harness.manifest()["cost"]["settled"]
    harness.sweep()
    assert harness.manifest()["cost"]["settled"]
    assert [event.kind for event in harness.events.published] == ["Task Failed"]


def _die(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_clear_refusal_is_not_compared() -> None:
    """It made no job."""
    harness = in_state("queued")
    harness.providers.script("submit", *[refusal()] * 2)
    harness.run()
    assert _compare(harness, "beta") == Comparison("beta", differences=[])
