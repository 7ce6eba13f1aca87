"""A fault policy that fails one call of a scenario, and nothing else."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

FRACTION: Final = 0.371
"""Where every figure lies between its bounds; any value would do."""


class SingleFault:
    """Fails one call in one way, apart from the scenario's own faults.

    Args:
        at: which call, from 1; 0 for none.
        way: the kind of fault.
        first_faults: call -> the faults of its first calls; part of the scenario.
        fraction: where every figure lies between its bounds, 0 to 1.
        always: kinds of events that happen whenever they may.
    """

    def __init__(
        self,
        at: int = 0,
        way: str = "",
        first_faults: Mapping[str, Sequence[str]] | None = None,
        fraction: float = FRACTION,
        always: Collection[str] = (),
    ) -> None:
        self.fired: Counter[str] = Counter()
        self.calls: list[str] = []
        self._at, self._way = at, way
        self._first_faults = {call: list(kinds) for call, kinds in (first_faults or {}).items()}
        self._fraction = fraction
        self._always = always

    def pick_fault(self, call: str) -> str | None:
        """The fault, if this is the call."""
        self.calls.append(call)
        script = self._first_faults.get(call)
        scripted = script.pop(0) if script else None
        if len(self.calls) != self._at:
            return scripted
        self.fired[self._way] += 1
        return self._way

    def chance(self, kind: str) -> bool:
        """Only the scenario's own events happen."""
        return kind in self._always

    def between(self, least: float, most: float) -> float:
        """Always the same fraction."""
        return least + (most - least) * self._fraction
