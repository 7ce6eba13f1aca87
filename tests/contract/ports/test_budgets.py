"""What every budget promises: its accounts change with the tasks, and never hold too much."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.attempt import Attempt, Charged
from darkroom.domain.budgets import Reservation
from darkroom.domain.errors import Conflict, OverBudget
from darkroom.domain.task import Task
from darkroom.ports import Budgets, Tasks
from tests.contract.ports.conftest import BudgetHarness
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

ACCOUNT = '["environment", "credits", "alpha", "2026-03-01"]'
LINE = '@budget["photos/_darkroom.json", "usd", ""]'


def _new(tasks: Tasks, number: int) -> Task:
    task = sample_task(number, "queued")
    tasks.create(task, previous=None, owner=None)
    return task


def _paying(task: Task, amount: int, limit: int = 10) -> Task:
    reserved = (Reservation(ACCOUNT, amount, 1_000_000, limit),)
    attempt = Attempt(1, "alpha", "a-1", START, START + timedelta(seconds=90), reserved=reserved)
    return task.with_state("submitting", START, attempts=(attempt,))


def _pay(tasks: Tasks, task: Task, amount: int, limit: int = 10) -> Task:
    return tasks.replace(task, _paying(task, amount, limit))


def test_account_that_nobody_used_holds_nothing(budget_harness: BudgetHarness) -> None:
    """Its whole limit is free."""
    assert budget_harness.budgets.held(ACCOUNT) == 0


def test_intent_reserves_in_the_same_write(budget_harness: BudgetHarness) -> None:
    """Up to the limit, and not beyond: then neither task nor account changes."""
    tasks, budgets = budget_harness.tasks, budget_harness.budgets
    _pay(tasks, _new(tasks, 1), 7)
    second = _new(tasks, 2)
    with pytest.raises(OverBudget) as full:
        _pay(tasks, second, 4)

    assert (full.value.account, full.value.limit) == (ACCOUNT, 10)
    assert tasks.get(second.task_id) == second
    assert budgets.held(ACCOUNT) == 7
    _pay(tasks, second, 3)
    assert budgets.held(ACCOUNT) == 10


def test_amount_above_the_limit_never_fits(budget_harness: BudgetHarness) -> None:
    """Not even into an account that holds nothing."""
    tasks = budget_harness.tasks
    with pytest.raises(OverBudget):
        _pay(tasks, _new(tasks, 1), 11)
    assert budget_harness.budgets.held(ACCOUNT) == 0


def test_write_that_loses_its_race_changes_no_account(budget_harness: BudgetHarness) -> None:
    """Whether the account has room or not, it is a conflict."""
    tasks = budget_harness.tasks
    stale = _new(tasks, 1)
    tasks.replace(stale, replace(stale, waits=1))
    for amount in (1, 11):
        with pytest.raises(Conflict):
            _pay(tasks, stale, amount)
    assert budget_harness.budgets.held(ACCOUNT) == 0


def test_charge_takes_the_place_of_what_was_reserved(budget_harness: BudgetHarness) -> None:
    """Less, more than the limit, or nothing: what was paid is recorded."""
    tasks, budgets = budget_harness.tasks, budget_harness.budgets
    cases: list[tuple[Charged, float | None, int]] = [
        ("yes", 0.000002, 2),
        ("yes", 0.000012, 12),
        ("no", None, 0),
        ("unknown", None, 5),
    ]
    for number, (charged, cost, held) in enumerate(cases):
        before = budgets.held(ACCOUNT)
        task = _pay(tasks, _new(tasks, number), 5, limit=100)
        done = replace(task.last_attempt, outcome="accepted", charged=charged, credits=cost)
        tasks.replace(task, task.with_state("running", START, attempts=(done,)))
        assert budgets.held(ACCOUNT) - before == held


def test_many_that_saw_it_empty_stop_at_the_limit(budget_harness: BudgetHarness) -> None:
    """Fifty calls of 3 where 100 are left: 33 are made."""
    tasks = budget_harness.tasks
    waiting = [_new(tasks, number) for number in range(50)]

    def fits(task: Task) -> bool:
        try:
            _pay(tasks, task, 3, limit=100)
        except OverBudget:
            return False
        return True

    assert sum(map(fits, waiting)) == 33
    assert budget_harness.budgets.held(ACCOUNT) == 99


def test_lines_in_which_tasks_are_held_are_noted_until_they_are_forgotten(
    budget_harness: BudgetHarness,
) -> None:
    """One that was noted again in the meantime stays."""
    budgets: Budgets = budget_harness.budgets
    assert list(budgets.holding()) == []
    budgets.note_holding(LINE, START)
    budgets.note_holding("other", START)
    budgets.note_holding(LINE, START + timedelta(minutes=5))
    assert sorted(budgets.holding()) == sorted([LINE, "other"])

    budgets.forget_holding(LINE, START + timedelta(minutes=4))
    budgets.forget_holding("other", START + timedelta(minutes=4))
    budgets.forget_holding("never noted", START)
    assert list(budgets.holding()) == [LINE]
