"""The lines of all providers in memory, as the task store in memory has them."""

from collections.abc import Sequence
from dataclasses import replace

from darkroom.aws.dynamodb_items import line_key
from darkroom.domain.turns import Place, Turns, Waiter
from tests.fakes.tasks import InMemoryTasks


class InMemoryLines:
    """`darkroom.ports.Lines` in memory; `given` is every provider's `Turns`, `lines` every line."""

    def __init__(self, tasks: InMemoryTasks) -> None:
        self.given: dict[str, Turns] = {}
        self.lines = tasks.lines

    def turns(self, provider: str) -> Turns:
        """What is given out at the provider."""
        return self.given.get(provider, Turns())

    def compare_and_set(self, provider: str, old: Turns, new: Turns) -> bool:
        """Store `new` if `old` is still stored; whether it was."""
        if self.turns(provider).version != old.version:
            return False
        self.given[provider] = replace(new, version=old.version + 1)
        return True

    def first(self, provider: str, most: int) -> Sequence[Waiter]:
        """The first in line, without those who missed a turn."""
        return [waiter for waiter in self._in_order(provider) if not waiter.missed][:most]

    def missed(self, provider: str) -> Sequence[Waiter]:
        """Those who missed a turn."""
        return [waiter for waiter in self._in_order(provider) if waiter.missed]

    def mark(self, task_id: str, place: Place, *, missed: bool) -> None:
        """Note whether a waiter has missed a turn."""
        line = self.lines[place.provider]
        if task_id in line and _order(line[task_id]) == _order(Waiter(task_id, 0, place)):
            line[task_id] = replace(line[task_id], missed=missed)

    def ahead(self, task_id: str, place: Place) -> int:
        """How many are before the task in its line."""
        mine = _order(Waiter(task_id, 0, place))
        return sum(1 for one in self._in_order(place.provider) if _order(one) < mine)

    def length(self, provider: str) -> int:
        """How many are in line."""
        return len(self.lines[provider])

    def _in_order(self, provider: str) -> Sequence[Waiter]:
        return sorted(self.lines[provider].values(), key=_order)


def _order(waiter: Waiter) -> str:
    return str(line_key(waiter.task_id, waiter.place)["sk"])
