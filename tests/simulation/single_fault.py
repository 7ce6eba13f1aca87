"""A mischief that strikes one call of a story, and does nothing else of its own."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

PLACE: Final = 0.371
"""Where between two bounds every figure of these worlds lies; any would do."""


class SingleFault:
    """A mischief that strikes one call, in one way, and does nothing else of its own.

    Args:
        at: which call.
        way: how.
        first: what befalls the first calls of a name; part of the story.
        place: where between two bounds every figure lies.
        happens: what happens whenever it may.
    """

    def __init__(
        self,
        at: int = 0,
        way: str = "",
        first: Mapping[str, Sequence[str]] | None = None,
        place: float = PLACE,
        happens: Collection[str] = (),
    ) -> None:
        self.fired: Counter[str] = Counter()
        self.count = 0
        self.struck = ""
        self._at, self._way = at, way
        self._first = {call: list(kinds) for call, kinds in (first or {}).items()}
        self._place = place
        self._happens = happens

    def strike(self, call: str) -> str | None:
        """The way, if this is the call."""
        self.count += 1
        script = self._first.get(call)
        scripted = script.pop(0) if script else None
        if self.count != self._at:
            return scripted
        self.struck = call
        self.fired[self._way] += 1
        return self._way

    def chance(self, kind: str) -> bool:
        """Nothing else happens but what the story says."""
        return kind in self._happens

    def between(self, least: float, most: float) -> float:
        """Always the same place."""
        return least + (most - least) * self._place
