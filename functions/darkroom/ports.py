"""What the pipeline needs from outside, as protocols; the core knows nothing of who fulfils them.

Each port has two implementations that pass one contract suite: the real one (`darkroom.aws`,
`darkroom.providers`) and a fake in memory (`tests/fakes`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol

from darkroom.domain.attempt import Finished
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import (
    Accepted,
    Download,
    JobFailed,
    JobRequest,
    Pending,
    Prepared,
)
from darkroom.domain.rate_limits import Bucket, CircuitState, Lane, Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.task import Task

RunStatus = Literal["running", "ended", "none"]
Next = Literal["submit", "poll", "deliver", "fail", "done"]


@dataclass(frozen=True)
class Step:
    """A door's answer to the workflow: where to go next, after how many whole seconds."""

    next: Next
    wait_s: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The answer as the workflow reads it."""
        return {"next": self.next, "wait_s": self.wait_s}


class Providers(Protocol):
    """All providers behind one face: what they can do, and the calls.

    Every call raises `Refused`, `Throttled`, `NotSent`, `Unclear`, `Busy` or `ResultGone`.
    """

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""

    def rules(self, provider: str) -> Rules:
        """What its account bears."""

    def set_up(self, provider: str) -> bool:
        """Whether there are credentials for it."""

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""

    def account(self, provider: str) -> str:
        """A digest of the credentials in use; "" where there are none. No key is in it.

        Other credentials have another one; they may be a new key of the same account. Raises
        `OwnTrouble` where they cannot be read for the moment.
        """

    def check(self, work: JobRequest) -> None:
        """Look at the files without calling anyone. Raises `InputRefused`."""

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Prepare (free calls), hand the paid call to `intend`, then make it once.

        Raises what `intend` raises, before anything is paid.
        """

    def repeat(self, work: JobRequest, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`."""

    def look_up(self, work: JobRequest, since: datetime, look: int) -> Accepted | None:
        """Find the job of a doubtful paid call; None when the provider knows of none (yet).

        Only for routes of class `look-up`; free. `since` is when the call began; `look` is how
        many looks for it were begun before, 0 for the first: one need not ask about every job.
        """

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job stands; free."""

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job; False where it has no such call."""

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Download]:
        """Download a result, in constant memory; what was packed on its way is unpacked.

        Raises:
            ResultGone: whoever keeps it says that it is not there (403, 404, 410...); that may be
                because it is not there yet.
            Busy: it could not be had for the moment, or not all of it came: by the answer's own
                head, by its length, or by the end that its format has.
            DarkroomError: it is too large (`result-too-large`), or lies where nothing is fetched
                from (`result-address-refused`).
        """


# --- where things are kept -----------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """An object as HEAD shows it. Size in bytes; `version_id` is the ETag without versioning.

    Attributes:
        withheld: why S3 shows it and does not give it, and what to do; "" where it gives it.
        coming: whether it is withheld and on its way, as out of an archive.
    """

    key: str
    version_id: str
    etag: str
    size: int
    withheld: str = ""
    coming: bool = False


class Inputs(Protocol):
    """The input bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def find(self, key: str) -> Found | None:
        """The object's current version, or None.

        Raises:
            InputRefused: it can never be read (`input-unreadable`).
            InputWithheld: a right is lacking that somebody has to give (`input-forbidden`).
        """

    def read(self, key: str, version_id: str, limit: int) -> bytes | None:
        """The whole object; None when that version is gone.

        Raises `InputRefused` (`spec-too-large`) above `limit` bytes, what `find` raises, and
        `InputWithheld` for what lies in an archive.
        """

    def open(self, key: str, version_id: str) -> AbstractContextManager[BinaryIO]:
        """The object's bytes in a seekable file.

        Raises `InputRefused` when it is gone, and `InputWithheld` as `read` does.
        """

    @property
    def public(self) -> bool:
        """Whether a `link` works for someone who is not on this machine."""

    def link(self, key: str, version_id: str, lifetime_s: int) -> str:
        """A signed address of that one object, for reading it, for so many seconds."""


class Outputs(Protocol):
    """The output bucket."""

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """Write an object; the same key again makes a new version."""

    def put_over(
        self, key: str, body: BinaryIO | bytes, content_type: str, etag: str | None
    ) -> None:
        """Write an object where one with this ETag is, or where None is.

        Raises:
            Conflict: something else is there; perhaps this very write, if its answer was lost.
        """

    def find(self, key: str) -> str | None:
        """The ETag of the object that is there, or None."""

    def get(self, key: str) -> bytes | None:
        """A small object, or None."""


class Tasks(Protocol):
    """The task store. Reads are consistent; every write is conditional."""

    def get(self, task_id: str) -> Task | None:
        """The task, or None."""

    def create(self, task: Task, *, previous: str | None, owner: str | None) -> None:
        """Write a new task, its wanted keys, and its claims, all or nothing.

        Args:
            task: revision 0; each of its `wants` gets an entry that `wanting` finds.
            previous: the task that `latest` named for the trigger's key; a new one that
                `replaces` takes its place.
            owner: the task that `owner` named for `task.output`; the new one replaces it.

        Raises:
            Conflict: the task exists, or `latest` or `owner` changed meanwhile.
        """

    def replace(self, old: Task, new: Task) -> Task:
        """Write `new` where `old` is still what is stored.

        Returns:
            `new` with its revision.

        Raises:
            Conflict: someone else wrote first.
        """

    def latest(self, key: str) -> str | None:
        """The newest task of the spec with this key."""

    def owner(self, output: str) -> str | None:
        """The newest task that owns this output name."""

    def claim_job(self, provider: str, job_id: str, task_id: str, attempt: int) -> bool:
        """Whether the provider's job belongs to this attempt: the first that claims it has it.

        Claimed again by the same attempt it is still its own.
        """

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """Make the task the owner of one more output name; whether it is, now or already.

        `over` is the task that `owner` named, whose place it takes; None where it named nobody.
        """

    def wanting(self, key: str, prefix: str = "", most: int | None = None) -> Sequence[str]:
        """Tasks that wait for this input key, by their ids: those that begin so, `most` of them."""

    def forget_wants(self, task: Task) -> None:
        """Drop the task's entries; called once its run has been started, never before."""

    def due(self, now: datetime) -> Iterable[str]:
        """Tasks that are to be looked at: whose `due` has passed, and who were not dismissed."""

    def postpone(self, task: Task, until: datetime) -> None:
        """The task is in order and need not be looked at before; nothing if it has changed."""

    def put_off(self, task_id: str, until: datetime) -> None:
        """The task, which perhaps cannot even be read, is not due before; nothing if it is not due.

        For one that could not be looked after, so that the others come before it.
        """

    def dismiss(self, task: Task) -> None:
        """The finished task need not be looked at any more; nothing if it has changed."""

    def in_folder(self, folder: str, limit: int) -> Sequence[Task]:
        """Tasks of one folder, newest first."""

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """Failed and unknown tasks, newest first."""


class Limiter(Protocol):
    """What is remembered of each provider's pace. Times are seconds since 1970.

    Every call is atomic. One whose answer was lost may be made again: a lane then loses a slot,
    a lease is the task's already, and a standing has been changed.
    """

    def reserve(
        self,
        provider: str,
        lane: Lane,
        bucket: Bucket,
        now: float,
        calls: int = 1,
        lender: Lane | None = None,
    ) -> float:
        """Take the next slot of a lane for so many calls; returns when they may begin.

        Where the lane is full and `lender` is another one that is idle, the slot is one of that.
        Raises `Busy` when too many others did so at the same moment.
        """

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """Count the task's job as open until then, unless `most` others are already.

        A lease that has run out counts no longer; a task has one at most.
        """

    def release(self, provider: str, task_id: str) -> None:
        """The task's job is no longer open; it need not have been."""

    def circuit(self, provider: str) -> CircuitState:
        """How the provider has answered lately."""

    def change(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Remember `new` where `old` is still what is known; whether it was."""


class Workflows(Protocol):
    """The runs."""

    def start(self, task_id: str, run: int) -> None:
        """Start the run; a run that exists already is left alone."""

    def status(self, task_id: str, run: int) -> RunStatus:
        """How the run stands; `none` also when it ended so long ago that nothing is known of it."""


class Events(Protocol):
    """The event bus."""

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Put one event. Raises `Busy` when the bus did not take it."""


class DeadLetters(Protocol):
    """Where messages go that cannot even be named."""

    def put(self, body: str, reason: str, message_id: str) -> None:
        """Keep the message with the reason and the id on it that its sender was given."""


class Errands(Protocol):
    """What intake leaves to itself: messages of the intake queue."""

    def send(self, bodies: Sequence[str]) -> None:
        """Send them all; after an error some may have been sent."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """UTC, aware."""

    def sleep(self, seconds: float) -> None:
        """Let so much time pass; only for jobs that must not be left alone."""


@dataclass(frozen=True)
class Ports:
    """Everything a use case may touch."""

    tasks: Tasks
    inputs: Inputs
    outputs: Outputs
    workflows: Workflows
    events: Events
    dead_letters: DeadLetters
    providers: Providers
    clock: Clock
    limiter: Limiter
    errands: Errands
    limits: Limits = field(default_factory=Limits)
