"""The budgets, in memory: their accounts are those of the task store."""

from collections.abc import Sequence
from datetime import datetime

from tests.fakes.tasks import InMemoryTasks


class InMemoryBudgets:
    """Fulfils `darkroom.ports.Budgets`."""

    def __init__(self, tasks: InMemoryTasks) -> None:
        self._tasks = tasks
        self._noted_at: dict[str, datetime] = {}

    def held(self, account: str) -> int:
        """What is reserved and spent of an account."""
        return self._tasks.accounts[account]

    def note_holding(self, line: str, now: datetime) -> None:
        """Tasks may be held in this line from now on."""
        self._noted_at[line] = now

    def holding(self) -> Sequence[str]:
        """The lines in which tasks may be held."""
        return sorted(self._noted_at)

    def forget_holding(self, line: str, before: datetime) -> None:
        """The line is empty, unless it was noted since."""
        if line in self._noted_at and self._noted_at[line] < before:
            del self._noted_at[line]
