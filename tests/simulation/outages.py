"""Outages: one of our own services refuses every call for seconds, minutes or hours.

A single failing call is an ordinary fault. During an outage `FaultInjector.outages` names the calls
that are refused. Outages may overlap, and some begin at the worst moment: just after a paid call
was answered.
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
    """A kind of outage.

    Attributes:
        calls: the refused calls.
        min_s: its shortest duration.
        max_s: its longest duration.
    """

    calls: tuple[str, ...]
    min_s: float
    max_s: float


TABLE: Final = _calls("tasks.", "limiter.", "lines.", "durations.", "charges.")
BUCKET: Final = _calls("outputs.")
WRITES: Final = ("outputs.put", "outputs.put_over")

RANDOM_OUTAGES: Final[Mapping[str, Outage]] = {
    "table-down": Outage(TABLE, 10, 1200),
    "bucket-down": Outage(BUCKET, 10, 1200),
    "outputs-down": Outage(WRITES, 1800, 9000),
    "inputs-down": Outage(_calls("inputs."), 10, 1200),
    "bus-down": Outage(_calls("events."), 10, 1200),
    "starts-down": Outage(_calls("workflows."), 10, 1200),
}
"""Those that may begin at any time, once in a simulation."""
AFTER_PAYMENT: Final[Mapping[str, Outage]] = {
    "table-down-after-pay": Outage(TABLE, 1, 60),
    "table-down-long-after-pay": Outage(TABLE, 60, 600),
    "bucket-down-after-pay": Outage(BUCKET, 1, 60),
    "bucket-down-long-after-pay": Outage(BUCKET, 60, 600),
}
"""Those that may begin when a paid call has just been answered."""
OUTAGES: Final[Mapping[str, Outage]] = {**RANDOM_OUTAGES, **AFTER_PAYMENT}
REFUSALS: Final = ("refused-by-us", "busy-of-ours")
"""What a refused call raises; one of them for the whole outage."""


@dataclass
class Outages:
    """The outages in progress.

    Attributes:
        active: kind -> how many outages of it are in progress.
    """

    injector: FaultInjector
    tasks: PlainTasks
    active: Counter[str] = field(default_factory=Counter)

    def schedule(self, within_s: float) -> None:
        """Let some begin within `within_s` seconds."""
        for kind in RANDOM_OUTAGES:
            if self.injector.fault_policy.chance(kind):
                begin = functools.partial(self.begin, kind)
                self.injector.scheduler.after(
                    self.injector.fault_policy.between(0, within_s), begin
                )
        if self.injector.fault_policy.chance("item-unreadable"):
            self.injector.scheduler.after(
                self.injector.fault_policy.between(0, within_s), self._make_item_unreadable
            )

    def after_payment(self) -> None:
        """A paid call has just been answered."""
        for kind in AFTER_PAYMENT:
            if self.injector.fault_policy.chance(kind):
                self.begin(kind)

    def begin(self, kind: str, lasts_s: float | None = None) -> None:
        """Begin an outage of this kind; it lasts `lasts_s`, by default a random time."""
        outage = OUTAGES[kind]
        if lasts_s is None:
            lasts_s = self.injector.fault_policy.between(outage.min_s, outage.max_s)
        error = REFUSALS[self.injector.fault_policy.between(0, 1) < 0.5]
        self.active[kind] += 1
        self.injector.note(f"{kind} for {lasts_s:.0f} s")
        for call in outage.calls:
            self.injector.outages.setdefault(call, []).append(error)
        self.injector.scheduler.after(lasts_s, functools.partial(self._end, kind, error))

    def _make_item_unreadable(self) -> None:
        """Make one task unreadable for a while, as if a newer version had written it."""
        fault_policy, stored = self.injector.fault_policy, list(self.tasks.stored)
        if not stored:
            return
        task_id = stored[int(fault_policy.between(0, len(stored)))]
        self.injector.note(f"{task_id} cannot be read")
        self.tasks.unreadable.add(task_id)
        lasts_s = fault_policy.between(60, 10_000)
        self.injector.scheduler.after(lasts_s, lambda: self.tasks.unreadable.discard(task_id))

    def _end(self, kind: str, error: str) -> None:
        self.active[kind] -= 1
        self.injector.note(f"{kind} is over")
        for call in OUTAGES[kind].calls:
            left = self.injector.outages[call]
            left.remove(error)
            if not left:
                del self.injector.outages[call]
                self.injector.outage_since.pop(call, None)
