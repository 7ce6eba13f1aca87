"""What is left of budgets is read now and then while a batch is followed, and at its end."""

from typing import Any, cast

from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.errors import Busy
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.task_summary import TaskSummary
from darkroom.ports import Ports
from infra.cli.batch.budget_lines import BudgetLines
from tests.cli.factories import START
from tests.pipeline.harness import PipelineHarness

TASKS = [TaskSummary("1" * 32, "a/b/1.jpg.json", "succeeded", START, spent={"snapapi": 6.0})]


class Held:
    """The accounts; each read counts."""

    amount = 0
    reads = 0

    def held(self, _account: str) -> int:
        """The same for every account; a negative one stands for a table that is busy."""
        self.reads += 1
        if self.amount < 0:
            raise Busy("table-busy", "It is busy.")
        return self.amount


def lines_of(*budgets: Budget) -> tuple[BudgetLines, Held, list[float]]:
    """Lines, the accounts behind them, and the clock."""
    held, clock = Held(), [0.0]
    ports: Any = PipelineHarness(money=MoneyRules(budgets=budgets)).ports
    ports = cast("Ports", type("P", (), {**vars(ports), "budgets": held}))
    return BudgetLines(lambda: ports, lambda: clock[0]), held, clock


def test_figures_are_read_every_ten_seconds_and_at_the_end() -> None:
    """Not with every reading of the tasks."""
    lines, held, clock = lines_of(Budget(ENVIRONMENT, credits=50.0))
    assert lines.of([]) == ()
    whole = "the budget of this environment of 50 credits a day at snapapi"
    assert lines.of(TASKS) == [f"{whole}: 0 spent or reserved, 50 left"]
    held.amount = 6_000_000
    clock[0] = 9.0
    assert lines.of(TASKS) == [f"{whole}: 0 spent or reserved, 50 left"]
    assert held.reads == 1
    assert lines.of(TASKS, fresh=True) == [f"{whole}: 6 spent or reserved, 44 left"]
    held.amount = 60_000_000
    clock[0] = 20.0
    assert lines.of(TASKS) == [f"{whole}: 60 spent or reserved, 0 left"]


def test_nothing_is_shown_without_a_budget_or_where_it_cannot_be_read() -> None:
    """And what cannot be read disturbs nothing."""
    lines, held, _ = lines_of()
    assert lines.of(TASKS) == []
    assert held.reads == 0
    lines, held, _ = lines_of(Budget(ENVIRONMENT, usd=5.0))
    held.amount = -1
    assert lines.of(TASKS) == ()
