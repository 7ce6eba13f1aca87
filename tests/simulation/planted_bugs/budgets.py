"""Planted bugs about budgets, and the tasks that these hold back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from darkroom.domain import budget_moves, budgets
from darkroom.domain.attempt import Attempt
from darkroom.domain.budget_moves import Move
from darkroom.domain.budget_moves import moves as original_moves
from darkroom.domain.budgets import Budget, Reservation
from darkroom.domain.task import Task
from darkroom.pipeline.money import budgets as current_budgets
from darkroom.pipeline.money import check, held
from darkroom.pipeline.money.held import hold_for_budget as original_hold
from darkroom.ports import Ports, Step
from tests.fakes import tasks as fake_tasks
from tests.simulation.planted_bugs.plant import Bug, Swap

SCENARIO: Final = "default, key, a budget for one call a day"


def _nothing_is_reserved() -> list[Swap]:
    def reserve(*_given: object) -> tuple[Reservation, ...]:
        return ()

    return [(check, "reserve", reserve)]


def _room_is_not_looked_for() -> list[Swap]:
    """And the write that states the intent does not look either."""

    def without_room(*_given: object) -> None:
        return None

    def moves(old: Sequence[Attempt], new: Sequence[Attempt]) -> Sequence[Move]:
        return [replace(move, limit=None) for move in original_moves(old, new)]

    return [(check, "without_room", without_room), (fake_tasks, "moves", moves)]


def _counted_as(change: Any) -> list[Swap]:
    original = budget_moves._counted

    def counted(attempt: Attempt, reserved: Reservation) -> int:
        return int(change(attempt, reserved, original(attempt, reserved)))

    return [(budget_moves, "_counted", counted)]


def _a_paid_call_counts_nothing() -> list[Swap]:
    return _counted_as(lambda attempt, _one, right: right if attempt.outcome == "open" else 0)


def _what_was_reserved_stays_reserved() -> list[Swap]:
    return _counted_as(lambda _attempt, one, _right: one.amount)


def _a_refused_call_counts() -> list[Swap]:
    return _counted_as(lambda _attempt, one, right: right or one.amount)


def _held_tasks_are_forgotten() -> list[Swap]:
    def nothing(*_given: object) -> int:
        return 0

    return [(held, "_release_line", nothing)]


def _the_line_is_not_noted() -> list[Swap]:
    def hold(ports: Ports, *given: Any) -> Step:
        unnoted = replace(ports, budgets=_Silent(ports.budgets))
        return original_hold(unnoted, *given)

    return [(check, "hold_for_budget", hold)]


class _Silent:
    """Budgets that note nothing."""

    def __init__(self, budgets_: Any) -> None:
        self._budgets = budgets_

    def note_holding(self, *_given: object) -> None:
        """Forget it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._budgets, name)


def _a_day_never_ends() -> list[Swap]:
    original = budgets.account_name

    def account_name(budget: Budget, *given: Any) -> str:
        return original(replace(budget, per="ever"), *given)

    return [(budgets, "account_name", account_name)]


def _a_day_is_an_hour() -> list[Swap]:
    original = budgets.account_name

    def account_name(budget: Budget, unit: Any, provider: str, now: Any) -> str:
        return original(budget, unit, provider + str(now.hour), now)

    return [(budgets, "account_name", account_name)]


def _a_changed_file_is_not_read() -> list[Swap]:
    def current(_self: object, pinned: Budget) -> Budget:
        return replace(pinned, credits=(pinned.credits or 0) * 10)

    return [(current_budgets.CurrentBudgets, "_current", current)]


def _a_held_task_is_never_queued_again() -> list[Swap]:
    def queued(_ports: Ports, task: Task) -> Task:
        return task

    return [(held, "_queued", queued)]


BUGS: Final = (
    Bug("nothing is reserved of a budget", _nothing_is_reserved, scenarios=(SCENARIO,)),
    Bug("a budget is not looked at", _room_is_not_looked_for, scenarios=(SCENARIO,)),
    Bug("a paid call counts nothing", _a_paid_call_counts_nothing, scenarios=(SCENARIO,)),
    Bug("what was reserved stays reserved", _what_was_reserved_stays_reserved),
    Bug("a refused call counts against its budget", _a_refused_call_counts),
    Bug("no sweep lets held tasks go on", _held_tasks_are_forgotten, scenarios=(SCENARIO,)),
    Bug("the line of held tasks is not noted", _the_line_is_not_noted, scenarios=(SCENARIO,)),
    Bug("the day of a budget never ends", _a_day_never_ends, scenarios=(SCENARIO,)),
    Bug("the day of a budget is an hour", _a_day_is_an_hour),
    Bug("a folder's budget is another one", _a_changed_file_is_not_read, scenarios=(SCENARIO,)),
    Bug(
        "a held task is never queued again",
        _a_held_task_is_never_queued_again,
        scenarios=(SCENARIO,),
    ),
)
