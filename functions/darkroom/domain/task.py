"""A task: what one trigger started, as a frozen value, and the transitions it may make.

                 ┌────────────── uncharged failure, or retry later ─────────────────┐
                 ▼                                                                  │
 waiting ──▶ queued ──▶ submitting ──▶ running ──▶ delivering ──▶ succeeded         │
                            │  └───────────────────────▲  │ ▲ result gone: ask again │
                            │        (synchronous)        └─┘                       │
                            └──────────────────────────────────────────────────────┘
 a queued task may be held (see `holds`), and is queued again when nothing holds it
 every unfinished state may end `failed` or `cancelled`; `submitting` and `running` may end
 `unknown`; a task that ended badly may have a new run that continues from where it was

Nothing here reads a clock, a network or a store; times come in as arguments (UTC, aware).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.holds import Hold
from darkroom.domain.media import Kind
from darkroom.domain.order import Order, SpecFacts, Trigger
from darkroom.domain.output_names import ResultsName
from darkroom.domain.quality import Quality
from darkroom.domain.turns import Place

State = Literal[
    "waiting",
    "held",
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
    "waiting": frozenset({"queued", "held", "failed", "cancelled"}),
    "held": frozenset({"queued", "failed", "cancelled"}),
    "queued": frozenset({"submitting", "held", "succeeded", "failed", "cancelled"}),
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
"""Which state may follow which. Any other transition is a bug and raises."""

RESUMABLE: Mapping[State, frozenset[State]] = dict.fromkeys(
    ("failed", "cancelled", "unknown"),
    frozenset({"queued", "submitting", "running", "delivering"}),
)
"""Where a new run may begin after a bad end."""

SETTLED: frozenset[State] = frozenset({"failed", "cancelled"})
"""How an unknown task may end after all, without a new run."""

FINISHED: frozenset[State] = frozenset(s for s, following in TRANSITIONS.items() if not following)
UNSUBMITTED: frozenset[State] = frozenset({"waiting", "held", "queued"})
"""States in which no paid call can have been made for the current attempt."""
STUCK_AFTER = timedelta(minutes=30)
"""How long after its last write a task is checked by SWEEP: longer than any function runs."""


def run_name(task_id: str, run: int) -> str:
    """The name of a run's execution."""
    return f"{task_id}-{run}"


def parse_run_name(name: str) -> tuple[str, int]:
    """The task's id and its run: the inverse of `run_name`."""
    task_id, _, run = name.rpartition("-")
    return task_id, int(run)


@dataclass(frozen=True)
class Result:
    """A result in the output bucket. Size in bytes.

    `quality` is what its pixels show; None for a result that is no picture.
    """

    key: str
    kind: Kind
    content_type: str
    size: int
    sha256: str
    quality: Quality | None = None


@dataclass(frozen=True)
class Ending:
    """How the task will end, decided by a step and carried out by FAIL."""

    status: EndStatus
    failure: Failure


@dataclass(frozen=True)
class Task:
    """What one trigger started.

    Attributes:
        task_id: 32 hex digits; a digest of the trigger alone.
        run: counts executions of its workflow, from 1.
        since_run: the first run since its trigger or its last retry by a user; later runs replaced
            lost ones.
        revision: counts writes; every write expects the one before it.
        output: the results' key without its extension, in the output bucket.
        manifest_key: where its manifest is or will be.
        results_name: the results' key without its extension, where the spec places them elsewhere;
            see `output_names`. Empty: beside the manifest.
        wait_reason: why it waits now, for users.
        waits: how often in a row it had to wait in its state.
        deadline: when it gives up waiting: for its inputs, for its submission, or for its job.
        wants: the input keys of a task that was created waiting; each one's arrival releases it.
        supersedes: the older task of the same spec, if there was one.
        unreached: how often in a row its provider was unreachable.
        gone: how often in a row its result could not be fetched.
        look_at: when its files are checked again without an event: S3 withholds one, or near misses
            of an absent one are looked for.
        queued_at: since when it waits for a turn, its earlier turns included.
        place: its place in a provider's line; it has no run at work while it waits there.
        parked: how many runs since `since_run` ended without a turn.
        asked: what its spec says, while it has no order.
        batch: the name of the batch of messages that it belongs to.
        deadline_s: how long it may wait for its files and its call, if its message says it.
        hold: why it is held, or will be once it has its files.
        reused_from: the task whose results were copied in place of a paid call.
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
    look_at: datetime | None = None
    queued_at: datetime | None = None
    place: Place | None = None
    parked: int = 0
    results_name: ResultsName = ()
    asked: SpecFacts | None = None
    batch: str | None = None
    deadline_s: int | None = None
    hold: Hold | None = None
    reused_from: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the task is in a final state."""
        return self.state in FINISHED

    @property
    def replaces(self) -> bool:
        """Whether a new task replaces its spec's older one.

        The late event of an old version does not, nor does a message: messages have no order.
        """
        superseded = self.ending is not None and self.ending.status == "cancelled"
        return self.trigger.kind != "message" and not superseded

    @property
    def resolved_order(self) -> Order:
        """The resolved spec; only a task that was refused outright has none."""
        if self.order is None:
            raise ValueError(f"task {self.task_id} was refused before its spec was resolved")
        return self.order

    @property
    def operation(self) -> str | None:
        """What its spec asks for, also if the spec was refused; None if it cannot be read."""
        spec = self.order or self.asked
        return spec.operation if spec else None

    @property
    def provider(self) -> str | None:
        """The provider that it called last, or would call first; None if it is not known."""
        if self.attempts:
            return self.last_attempt.provider
        if self.order is not None:
            return next(iter(self.order.providers), None)
        return self.asked.provider if self.asked else None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of its spec, also if the spec was refused."""
        spec = self.order or self.asked
        return spec.metadata if spec else {}

    def deadline_for_inputs(self, seconds: int) -> datetime:
        """When it gives up waiting for its files: its sender's deadline, else after `seconds`."""
        return self.created_at + timedelta(seconds=self.deadline_s or seconds)

    def no_later(self, deadline: datetime) -> datetime:
        """A deadline for its call, or the sender's if that is earlier."""
        if self.deadline_s is None:
            return deadline
        return min(deadline, self.created_at + timedelta(seconds=self.deadline_s))

    @property
    def last_attempt(self) -> Attempt:
        """The latest attempt of a task that has made one."""
        if not self.attempts:
            raise ValueError(f"task {self.task_id} has made no attempt")
        return self.attempts[-1]

    @property
    def awaits_inputs(self) -> bool:
        """Whether it waits for its files, and has no ending yet."""
        return self.state == "waiting" and self.ending is None

    @property
    def held(self) -> bool:
        """Whether nothing is paid for it until something changes, and it has no ending yet."""
        return self.state == "held" and self.ending is None

    @property
    def awaits_default(self) -> bool:
        """Whether it waits for the correction of a folder default, and has no order before."""
        return self.awaits_inputs and self.order is None

    @property
    def in_doubt(self) -> bool:
        """Whether the outcome of its paid call is not known yet."""
        return self.state == "submitting" and self.last_attempt.outcome == "open"

    @property
    def at_work(self) -> bool:
        """Whether a paid call was made whose outcome or result is still expected."""
        return bool(self.attempts) and self.last_attempt.outcome in ("open", "accepted")

    @property
    def due(self) -> datetime:
        """When SWEEP checks it, if it is not written before."""
        if self.awaits_inputs:
            return min(self.deadline, self.look_at or self.deadline)
        if self.held or self.place is not None:  # SWEEP checks the line as a whole
            return self.deadline
        return self.updated_at + STUCK_AFTER

    def with_state(self, state: State, now: datetime, **changes: Any) -> "Task":  # noqa: ANN401 - fields of Task
        """The task in its next state; it leaves its line, unless it stays queued.

        Raises:
            ValueError: when `TRANSITIONS` has no such transition; that is a bug, not a race.
        """
        if state != self.state and state not in TRANSITIONS[self.state]:
            raise ValueError(f"task {self.task_id} cannot go from {self.state} to {state}")
        changes.setdefault("place", self.place if state == self.state else None)
        return replace(self, state=state, updated_at=now, **changes)

    def with_new_run(self, state: State, now: datetime, **changes: Any) -> "Task":  # noqa: ANN401 - the same
        """The task at the start of a new run, after one that ended badly.

        Raises:
            ValueError: when `RESUMABLE` has no such transition.
        """
        if state not in RESUMABLE.get(self.state, ()):
            raise ValueError(f"task {self.task_id} cannot go on from {self.state} as {state}")
        return replace(
            self,
            state=state,
            updated_at=now,
            run=self.run + 1,
            since_run=self.run + 1,
            ending=None,
            wait_reason=None,
            waits=0,
            unreached=0,
            gone=0,
            parked=0,
            **{"place": None, "queued_at": None, "hold": None, **changes},
        )

    def with_late_ending(self, ending: Ending, attempt: Attempt) -> "Task":
        """An unknown task once it is known how it ended, or once nobody wants to know any more.

        It keeps the time of its end, so that its costs stay in their day.

        Raises:
            ValueError: it is not unknown, or `SETTLED` has no such end.
        """
        if self.state != "unknown" or ending.status not in SETTLED:
            raise ValueError(f"task {self.task_id} cannot go from {self.state} to {ending.status}")
        attempts = self.with_attempt(attempt)
        return replace(self, state=ending.status, ending=ending, attempts=attempts)

    def with_attempt(self, attempt: Attempt) -> tuple[Attempt, ...]:
        """The attempts with `attempt` in the place of the one with its number, or added.

        A throttled attempt was not accepted: the next one replaces it, so that a task that is
        throttled for a day does not grow.
        """
        kept = self.attempts
        if kept and (kept[-1].number == attempt.number or kept[-1].outcome == "throttled"):
            kept = kept[:-1]
        return (*kept, attempt)
