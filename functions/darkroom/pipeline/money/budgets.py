"""Which budgets a task's call counts against, and whether they have room for it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from darkroom.domain.budgets import Budget, Reservation, Shortage
from darkroom.domain.errors import DefaultRefused
from darkroom.domain.folder_default import budget_of
from darkroom.domain.task import Task
from darkroom.pipeline.orders.folder_defaults import read_default_file
from darkroom.ports import Ports


class CurrentBudgets:
    """The budgets as they are now; a folder's file is read once, for as long as this lives."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._folders: dict[str, Budget | None] = {}

    def of(self, task: Task) -> Sequence[Budget]:
        """The budgets that the task's next call counts against."""
        folders = (self._current(one) for one in task.resolved_order.budgets)
        return [*self._ports.money.budgets, *(one for one in folders if one is not None)]

    def _current(self, pinned: Budget) -> Budget | None:
        """A folder's budget; the one that the task has seen while its file is broken."""
        if pinned.owner not in self._folders:
            self._folders[pinned.owner] = pinned
            with suppress(DefaultRefused):
                file = read_default_file(self._ports.inputs, pinned.owner)
                self._folders[pinned.owner] = None if file is None else budget_of(file)
        return self._folders[pinned.owner]


def without_room(
    ports: Ports,
    reserved: Iterable[Reservation],
    promised: Mapping[str, int] = MappingProxyType({}),
) -> Shortage | None:
    """The first of these budgets that has no room now; None if all have.

    `promised`: account -> what others will reserve in a moment.
    """
    for one in reserved:
        held = ports.budgets.held(one.account) + promised.get(one.account, 0)
        if held + one.amount > one.limit:
            return Shortage(one.account, one.limit)
    return None
