"""Outages: something of ours refuses for seconds, minutes or hours, then works again.

A single call that fails is a fault like others; what refuses every call for a while is here.
During an outage `FaultInjector.shut` names the calls that it refuses. Several may overlap, and some
begin at the worst moment: just after a paid call was answered.
"""

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.fault_injection import FaultInjector
from tests.simulation.fault_kinds import CALLS
from tests.simulation.stores import PlainTasks


def _calls(*ports: str) -> tuple[str, ...]:
    return tuple(call for call in CALLS if call.startswith(ports))


@dataclass(frozen=True)
class Outage:
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

WORLDLY: Final[Mapping[str, Outage]] = {
    "table-shut": Outage(TABLE, 10, 1200),
    "bucket-shut": Outage(BUCKET, 10, 1200),
    "outputs-shut": Outage(WRITES, 1800, 9000),
    "inputs-shut": Outage(_calls("inputs."), 10, 1200),
    "bus-shut": Outage(_calls("events."), 10, 1200),
    "starts-shut": Outage(_calls("workflows."), 10, 1200),
}
"""Those that may come over a world, once each."""
AFTER_PAYMENT: Final[Mapping[str, Outage]] = {
    "table-shut-after-pay": Outage(TABLE, 1, 60),
    "table-shut-long-after-pay": Outage(TABLE, 60, 600),
    "bucket-shut-after-pay": Outage(BUCKET, 1, 60),
    "bucket-shut-long-after-pay": Outage(BUCKET, 60, 600),
}
"""Those that may begin when a paid call has just been answered."""
SPELLS: Final[Mapping[str, Outage]] = {**WORLDLY, **AFTER_PAYMENT}
REFUSALS: Final = ("refused-by-us", "busy-of-ours")
"""What a refused call raises during one spell."""


@dataclass
class Outages:
    """What refuses right now.

    Attributes:
        lasting: kind -> how many such spells last now.
    """

    injector: FaultInjector
    tasks: PlainTasks
    lasting: Counter[str] = field(default_factory=Counter)

    def come(self, within_s: float) -> None:
        """Let some come over the world, beginning within so many seconds."""
        for kind in WORLDLY:
            if self.injector.fault_policy.chance(kind):
                begin = functools.partial(self.begin, kind)
                self.injector.scheduler.after(
                    self.injector.fault_policy.between(0, within_s), begin
                )
        if self.injector.fault_policy.chance("item-unreadable"):
            self.injector.scheduler.after(
                self.injector.fault_policy.between(0, within_s), self._spoil
            )

    def paid(self) -> None:
        """A paid call has just been answered."""
        for kind in AFTER_PAYMENT:
            if self.injector.fault_policy.chance(kind):
                self.begin(kind)

    def begin(self, kind: str, lasts_s: float | None = None) -> None:
        """Begin one of this kind; it lasts as long as the dice say, if nobody else does."""
        outage = SPELLS[kind]
        if lasts_s is None:
            lasts_s = self.injector.fault_policy.between(outage.least_s, outage.most_s)
        error = REFUSALS[self.injector.fault_policy.between(0, 1) < 0.5]
        self.lasting[kind] += 1
        self.injector.note(f"{kind} for {lasts_s:.0f} s")
        for call in outage.calls:
            self.injector.shut.setdefault(call, []).append(error)
        self.injector.scheduler.after(lasts_s, functools.partial(self._end, kind, error))

    def _spoil(self) -> None:
        """Make one task unreadable for a while, as a newer version's write would."""
        fault_policy, stored = self.injector.fault_policy, list(self.tasks.stored)
        if not stored:
            return
        task_id = stored[int(fault_policy.between(0, len(stored)))]
        self.injector.note(f"{task_id} cannot be read")
        self.tasks.unreadable.add(task_id)
        lasts_s = fault_policy.between(60, 10_000)
        self.injector.scheduler.after(lasts_s, lambda: self.tasks.unreadable.discard(task_id))

    def _end(self, kind: str, error: str) -> None:
        self.lasting[kind] -= 1
        self.injector.note(f"{kind} is over")
        for call in SPELLS[kind].calls:
            left = self.injector.shut[call]
            left.remove(error)
            if not left:
                del self.injector.shut[call]
                self.injector.shut_since.pop(call, None)
