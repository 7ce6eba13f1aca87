"""Spells of trouble: something of ours refuses for seconds, minutes or hours, then works again.

A single call that fails is a fault like others; what refuses every call for a while is told here.
While a spell lasts, `Outside.shut` names the calls that it refuses. Several may last at once, and
some begin in the worst moment: just after a paid call was answered.
"""

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.faults import CALLS
from tests.simulation.outside import Outside
from tests.simulation.stores import PlainTasks


def _calls(*ports: str) -> tuple[str, ...]:
    return tuple(call for call in CALLS if call.startswith(ports))


@dataclass(frozen=True)
class Spell:
    """A kind of spell.

    Attributes:
        calls: what is refused.
        least_s: how long it lasts at least.
        most_s: and at most.
    """

    calls: tuple[str, ...]
    least_s: float
    most_s: float


TABLE: Final = _calls("tasks.", "limiter.")
BUCKET: Final = _calls("outputs.")
WRITES: Final = ("outputs.put", "outputs.put_over")

WORLDLY: Final[Mapping[str, Spell]] = {
    "table-shut": Spell(TABLE, 10, 1200),
    "bucket-shut": Spell(BUCKET, 10, 1200),
    "outputs-shut": Spell(WRITES, 1800, 9000),
    "inputs-shut": Spell(_calls("inputs."), 10, 1200),
    "bus-shut": Spell(_calls("events."), 10, 1200),
    "starts-shut": Spell(_calls("workflows."), 10, 1200),
}
"""Those that may come over a world, once each."""
AFTER_PAYMENT: Final[Mapping[str, Spell]] = {
    "table-shut-after-pay": Spell(TABLE, 1, 60),
    "table-shut-long-after-pay": Spell(TABLE, 60, 600),
    "bucket-shut-after-pay": Spell(BUCKET, 1, 60),
    "bucket-shut-long-after-pay": Spell(BUCKET, 60, 600),
}
"""Those that may begin when a paid call has just been answered."""
SPELLS: Final[Mapping[str, Spell]] = {**WORLDLY, **AFTER_PAYMENT}
REFUSALS: Final = ("refused-by-us", "busy-of-ours")
"""What a refused call raises during one spell."""


@dataclass
class Spells:
    """What refuses right now.

    Attributes:
        lasting: kind -> how many such spells last now.
    """

    outside: Outside
    tasks: PlainTasks
    lasting: Counter[str] = field(default_factory=Counter)

    def come(self, within_s: float) -> None:
        """Let some come over the world, beginning within so many seconds."""
        for kind in WORLDLY:
            if self.outside.mischief.chance(kind):
                begin = functools.partial(self.begin, kind)
                self.outside.timeline.after(self.outside.mischief.between(0, within_s), begin)
        if self.outside.mischief.chance("item-unreadable"):
            self.outside.timeline.after(self.outside.mischief.between(0, within_s), self._spoil)

    def paid(self) -> None:
        """A paid call has just been answered."""
        for kind in AFTER_PAYMENT:
            if self.outside.mischief.chance(kind):
                self.begin(kind)

    def begin(self, kind: str, lasts_s: float | None = None) -> None:
        """Begin one of this kind; it lasts as long as the dice say, if nobody else does."""
        spell = SPELLS[kind]
        if lasts_s is None:
            lasts_s = self.outside.mischief.between(spell.least_s, spell.most_s)
        error = REFUSALS[self.outside.mischief.between(0, 1) < 0.5]
        self.lasting[kind] += 1
        self.outside.note(f"{kind} for {lasts_s:.0f} s")
        for call in spell.calls:
            self.outside.shut.setdefault(call, []).append(error)
        self.outside.timeline.after(lasts_s, functools.partial(self._end, kind, error))

    def _spoil(self) -> None:
        """Make one task unreadable for a while, as a newer version's write would."""
        mischief, stored = self.outside.mischief, list(self.tasks.stored)
        if not stored:
            return
        task_id = stored[int(mischief.between(0, len(stored)))]
        self.outside.note(f"{task_id} cannot be read")
        self.tasks.unreadable.add(task_id)
        lasts_s = mischief.between(60, 10_000)
        self.outside.timeline.after(lasts_s, lambda: self.tasks.unreadable.discard(task_id))

    def _end(self, kind: str, error: str) -> None:
        self.lasting[kind] -= 1
        self.outside.note(f"{kind} is over")
        for call in SPELLS[kind].calls:
            left = self.outside.shut[call]
            left.remove(error)
            if not left:
                del self.outside.shut[call]
                self.outside.shut_since.pop(call, None)
