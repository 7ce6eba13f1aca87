"""What is left of the budgets that a batch counts against, for its screens."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import DarkroomError
from darkroom.pipeline.orders.budget_states import find_budgets, read_budget_states

if TYPE_CHECKING:
    from darkroom.domain.budgets import Budget
    from darkroom.domain.task_summary import TaskSummary
    from darkroom.ports import Ports

REFRESH_S: Final = 10.0
"""How long figures are shown before they are read again."""


class BudgetLines:
    """A line for each account of the budgets; nothing where there is no budget.

    The `_darkroom.json` of the folder that all tasks are in, and those above it, are read once.
    Where this user may not read what is needed, there are no lines.

    Args:
        open_ports: called when the first task is there.
        clock: seconds that only grow.
    """

    def __init__(
        self, open_ports: "Callable[[], Ports]", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_ports, self._clock = open_ports, clock
        self._ports: Ports | None = None
        self._budgets: Sequence[Budget] = ()
        self._read_at = -REFRESH_S
        self._lines: Sequence[str] = ()

    def of(self, summaries: "Sequence[TaskSummary]", *, fresh: bool = False) -> Sequence[str]:
        """The lines for these tasks; at most `REFRESH_S` old, or `fresh`."""
        now = self._clock()
        if summaries and (fresh or now - self._read_at >= REFRESH_S):
            self._read_at = now
            try:
                self._lines = self._read(summaries)
            except (DarkroomError, ClientError, BotoCoreError):
                self._lines = ()
        return self._lines

    def _read(self, summaries: "Sequence[TaskSummary]") -> Sequence[str]:
        if self._ports is None:
            self._ports = self._open_ports()
            self._budgets = find_budgets(self._ports, _common_folder(summaries))
        providers = {name for each in summaries for name in (*each.spent, each.provider) if name}
        return [state.text for state in read_budget_states(self._ports, self._budgets, providers)]


def _common_folder(summaries: "Iterable[TaskSummary]") -> str:
    """The folder that all of them are in, with its slash; "" for the bucket's root."""
    # Of any number of characters; a folder ends at its slash.
    common = os.path.commonprefix([each.key for each in summaries])  # noqa: RUF071 - as meant here
    folder, slash, _ = common.rpartition("/")
    return folder + slash
