"""A task: what one trigger asked for, as a frozen value, and the transitions it may make.

                 ┌────────────── uncharged failure, or come back later ─────────────┐
                 ▼                                                                  │
 waiting ──▶ queued ──▶ submitting ──▶ running ──▶ delivering ──▶ succeeded         │
                            │  └───────────────────────▲  │ ▲ result gone: ask again │
                            │        (synchronous)        └─┘                       │
                            └──────────────────────────────────────────────────────┘
 every unfinished state may end `failed` or `cancelled`; `submitting` and `running` may end
 `unknown`;
 what ended badly may begin a new run where its last one left off

Nothing here reads a clock, a network or a store; times come in as arguments (UTC, aware).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.media import Kind
from darkroom.domain.order import Order, Trigger
from darkroom.domain.rate_limits import Lane

State = Literal[
    "waiting",
    "queued",
    "submitting",
    "running",
    "delivering",
    "succeeded",
    "failed",
    "cancelled",
    "unknown",
]
EndStatus = Literal["failed", "cancelled", "unknown"]

TRANSITIONS: Mapping[State, frozenset[State]] = {
    "waiting": frozenset({"queued", "failed", "cancelled"}),
    "queued": frozenset({"submitting", "failed", "cancelled"}),
    "submitting": frozenset(
        {"queued", "submitting", "running", "delivering", "failed", "cancelled", "unknown"}
    ),
    "running": frozenset({"queued", "delivering", "failed", "cancelled", "unknown"}),
    "delivering": frozenset({"running", "succeeded", "failed", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
    "unknown": frozenset(),
}
"""Which state may follow which. A write that is in no row is a bug and raises."""

RESUMED: Mapping[State, frozenset[State]] = dict.fromkeys(
    ("failed", "cancelled", "unknown"),
    frozenset({"queued", "submitting", "running", "delivering"}),
)
"""Where a new run may begin after a bad end."""

FINISHED: frozenset[State] = frozenset(s for s, following in TRANSITIONS.items() if not following)
UNSUBMITTED: frozenset[State] = frozenset({"waiting", "queued"})
"""States in which no paid call can have been made for the current attempt."""
STILL = timedelta(minutes=30)
"""How long a task may stand without a write before somebody looks whether its run is alive: longer
than any door lives."""


@dataclass(frozen=True)
class Result:
    """A result in the output bucket. Size in bytes."""

    key: str
    kind: Kind
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Slot:
    """A place in a provider's pace: when the task may call it, on which lane."""

    provider: str
    lane: Lane
    at: datetime


@dataclass(frozen=True)
class Ending:
    """How the task will end, decided by a door and carried out by FAIL."""

    status: EndStatus
    failure: Failure


@dataclass(frozen=True)
class Task:
    """What one trigger asked for.

    Attributes:
        task_id: 32 hex digits; a digest of the trigger alone.
        run: counts executions of its workflow, from 1.
        since_run: the run in which its trigger or a person set it going; later ones took the
            place of lost ones.
        revision: counts writes; every write expects the one before it.
        output: the results' key without its extension, in the output bucket.
        manifest_key: where its manifest is or will be.
        wait_reason: why it stands still right now, for people.
        waits: how often in a row it could not go on where it stands.
        deadline: when it gives up: waiting on its inputs, queued on being submitted, running on
            its job.
        wants: the input keys of a task that was made waiting; each one's arrival is looked at.
        supersedes: the older task of the same spec, if there was one.
        unreached: how often in a row its provider could not be reached.
        gone: how often in a row its result could not be fetched.
        slot: the place in the pace that it waits for.
        look_at: when its files are looked at again, which S3 shows and does not give.
    """

    task_id: str
    trigger: Trigger
    output: str
    manifest_key: str
    created_at: datetime
    updated_at: datetime
    deadline: datetime
    state: State
    source: str | None = None
    order: Order | None = None
    run: int = 1
    since_run: int = 1
    revision: int = 0
    attempts: tuple[Attempt, ...] = ()
    results: tuple[Result, ...] = ()
    ending: Ending | None = None
    wants: tuple[str, ...] = ()
    supersedes: str | None = None
    wait_reason: str | None = None
    waits: int = 0
    unreached: int = 0
    gone: int = 0
    slot: Slot | None = None
    look_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether the task has come to its one outcome."""
        return self.state in FINISHED

    @property
    def replaces(self) -> bool:
        """Whether a new task takes the place of its spec's older one.

        The late event of an old version does not, nor does a message: messages have no order.
        """
        stale = self.ending is not None and self.ending.status == "cancelled"
        return self.trigger.kind == "upload" and not stale

    @property
    def asked(self) -> Order:
        """The resolved spec; only a task that was refused outright has none."""
        if self.order is None:
            raise ValueError(f"task {self.task_id} was refused before its spec was resolved")
        return self.order

    @property
    def paying(self) -> Attempt:
        """The latest attempt of a task that has made one."""
        if not self.attempts:
            raise ValueError(f"task {self.task_id} has made no attempt")
        return self.attempts[-1]

    @property
    def awaits_inputs(self) -> bool:
        """Whether it waits for its files, and nobody has given it up."""
        return self.state == "waiting" and self.ending is None

    @property
    def in_doubt(self) -> bool:
        """Whether a paid call was begun of which nothing is known yet."""
        return self.state == "submitting" and self.paying.outcome == "open"

    @property
    def at_work(self) -> bool:
        """Whether a paid call was begun, and what came of it is still to be had."""
        return bool(self.attempts) and self.paying.outcome in ("open", "accepted")

    @property
    def due(self) -> datetime:
        """When it is to be looked at, if nothing has been written to it by then."""
        if self.awaits_inputs:
            return min(self.deadline, self.look_at or self.deadline)
        return max(self.updated_at, self.slot.at if self.slot else self.updated_at) + STILL

    def moved(self, state: State, now: datetime, **changes: Any) -> "Task":  # noqa: ANN401 - fields of Task
        """The task in its next state.

        Raises:
            ValueError: when `TRANSITIONS` has no such step; that is a bug, not a race.
        """
        if state != self.state and state not in TRANSITIONS[self.state]:
            raise ValueError(f"task {self.task_id} cannot go from {self.state} to {state}")
        return replace(self, state=state, updated_at=now, **changes)

    def resumed(self, state: State, now: datetime, **changes: Any) -> "Task":  # noqa: ANN401 - the same
        """The task at the beginning of a new run, after one that ended badly.

        Raises:
            ValueError: when `RESUMED` has no such step.
        """
        if state not in RESUMED.get(self.state, ()):
            raise ValueError(f"task {self.task_id} cannot go on from {self.state} as {state}")
        return replace(
            self,
            state=state,
            updated_at=now,
            run=self.run + 1,
            since_run=self.run + 1,
            ending=None,
            slot=None,
            wait_reason=None,
            waits=0,
            unreached=0,
            gone=0,
            **changes,
        )

    def with_attempt(self, attempt: Attempt) -> tuple[Attempt, ...]:
        """The attempts with `attempt` in the place of the one with its number, or added.

        A throttled attempt was no call that anyone accepted: the next one takes its place, so a
        task that is told "later" for a day does not grow.
        """
        kept = self.attempts
        if kept and (kept[-1].number == attempt.number or kept[-1].outcome == "throttled"):
            kept = kept[:-1]
        return (*kept, attempt)
