"""What the pipeline needs from outside, as protocols, in the order of `Ports`.

The pipeline does not know the implementations. Each port has two that pass one contract suite: the
real one (`darkroom.aws`, `darkroom.providers`) and a fake in memory (`tests/fakes`). `Pictures`
has a fake that decodes nothing: what it sees is scripted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol

from darkroom.domain.attempt import Finished
from darkroom.domain.batch import Batch, BatchId
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import InputRefused, InputWithheld
from darkroom.domain.job_times import JobTimes
from darkroom.domain.limits import Limits
from darkroom.domain.measurements import Measurement
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.prices import Balance, Charge, ProviderCharges
from darkroom.domain.provider_jobs import (
    Accepted,
    Download,
    JobFailed,
    JobRequest,
    Pending,
    Prepared,
)
from darkroom.domain.quality import Look, Measured
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary
from darkroom.domain.turns import Place, Turns, Waiter
from darkroom.domain.vendor_history import HistoryPage

RunStatus = Literal["running", "ended", "none"]
Next = Literal["submit", "poll", "deliver", "fail", "done"]


@dataclass(frozen=True)
class Step:
    """The result of a workflow step: which step is next, after how many whole seconds."""

    next: Next
    wait_s: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The answer as the workflow reads it."""
        return {"next": self.next, "wait_s": self.wait_s}


class Tasks(Protocol):
    """The task store. Reads are consistent; every write is conditional."""

    def get(self, task_id: str) -> Task | None:
        """The task, or None."""

    def create(
        self,
        task: Task,
        *,
        previous: str | None,
        owner: str | None,
        results_owner: str | None = None,
    ) -> None:
        """Write a new task, its wanted keys, its place in line, and its claims, all or nothing.

        A message's `request_id` becomes its own; it must have been nobody's.

        Args:
            task: revision 0; each of its `wants` gets an entry that `wanting` finds.
            previous: the task that `latest` returned for the trigger's key; a new one that
                `replaces` takes its place.
            owner: the task that `owner` returned for `task.output`; the new one replaces it.
            results_owner: the same for the first of its `results_name`, if it has one.

        Raises:
            Conflict: the task exists, or `latest`, an `owner` or `of_request` have changed.
        """

    def replace(self, old: Task, new: Task) -> Task:
        """Write `new` where `old` is still what is stored, and its place in line, if that changes.

        Keys that are new among its `wants` get their entries in the same transaction, and the
        accounts of budgets change with its attempts (`domain.budget_moves`).

        Returns:
            `new` with its revision.

        Raises:
            Conflict: another process wrote first.
            OverBudget: an account would hold more than it may; nothing was written.
        """

    def latest(self, key: str) -> str | None:
        """The newest task of the spec with this key."""

    def of_request(self, request_id: str) -> str | None:
        """The task that a message with this `request_id` has made."""

    def owner(self, output: str) -> str | None:
        """The newest task that owns this output name."""

    def note_done(self, work: str, task_id: str) -> None:
        """The task has done this work (`Order.work_digest`), in place of any that did it before."""

    def done_by(self, work: str) -> str | None:
        """The last task that has done this work."""

    def claim_job(self, provider: str, job_id: str, task_id: str, attempt: int) -> bool:
        """Whether the provider's job belongs to this attempt: to the first that claims it.

        Safe to repeat.
        """

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """Make the task the owner of one more output name; whether it is the owner.

        `over` is the task that `owner` returned, which it replaces; None if there was none.
        """

    def wanting(self, key: str, prefix: str = "", most: int | None = None) -> Sequence[str]:
        """Ids of at most `most` tasks that wait for this input key and begin with `prefix`."""

    def forget_wants(self, task: Task) -> None:
        """Delete the task's wants; called after its run was started, never before."""

    def due(self, now: datetime) -> Iterable[str]:
        """Ids of tasks to check: those whose `due` has passed and that were not dismissed."""

    def postpone(self, task: Task, until: datetime) -> None:
        """Set when the task is due again; nothing if it has changed."""

    def put_off(self, task_id: str, until: datetime) -> None:
        """Make a due task due later without reading it; nothing if it is not due.

        For a task whose check raised an error, so that the others come before it.
        """

    def dismiss(self, task: Task) -> None:
        """The finished task is never due again; nothing if it has changed."""

    def get_many(self, task_ids: Iterable[str]) -> Sequence[Task]:
        """The tasks with these ids, in this order; without those that do not exist.

        Raises:
            Busy: the store gives only some of them now.
        """

    def below(self, prefix: str) -> Iterable[TaskSummary]:
        """Every task whose key begins with `prefix`, in no order; "" is every task.

        For users: eventually consistent, as it were some moments ago.
        """

    def in_batch(self, name: str) -> Iterable[TaskSummary]:
        """Every task of messages that name this batch, in no order; as `below`."""

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """Failed and unknown tasks, newest first."""


@dataclass(frozen=True)
class Found:
    """An object as HEAD shows it. Size in bytes; `version_id` is the ETag without versioning.

    Attributes:
        withheld: why S3 lists it but does not return it, and what to do; "" where it returns it.
        coming: whether it is withheld and being restored from an archive.
        modified_at: when it was uploaded, UTC; None where that is not known.
        wish: what its uploader wants: "hold" until a person approves it, "approved" if it may not
            be held as one of too many; "" for nothing.
    """

    key: str
    version_id: str
    etag: str
    size: int
    withheld: str = ""
    coming: bool = False
    modified_at: datetime | None = None
    wish: str = ""


@dataclass(frozen=True)
class Current:
    """An object's current version and its bytes."""

    version_id: str
    body: bytes


class Inputs(Protocol):
    """The input bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def find(self, key: str) -> Found | None:
        """The object's current version, or None.

        Raises:
            InputRefused: it can never be read (`input-unreadable`).
            InputWithheld: a permission is missing (`input-forbidden`).
        """

    def read(self, key: str, version_id: str, limit: int) -> bytes | None:
        """The whole object; None when that version is gone.

        Raises `InputRefused` (`spec-too-large`) above `limit` bytes, what `find` raises, and
        `InputWithheld` for an archived object.
        """

    def read_each(
        self, keys: Sequence[str], limit: int
    ) -> Sequence[Current | InputRefused | InputWithheld | None]:
        """The whole objects as they are now, all at the same time; None where there is none.

        An object that was written before the call is seen. What `read` would raise is an answer
        here.
        """

    def list_keys(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        """At most `most` (up to 1,000) keys with this prefix that come after `after`, in order.

        The order is that of the keys' bytes in UTF-8.
        """

    def list_recent(self, prefix: str, since: datetime) -> Iterable[str]:
        """The keys with this prefix that were written since then; lists the whole prefix."""

    def open(self, key: str, version_id: str) -> AbstractContextManager[BinaryIO]:
        """The object's bytes in a seekable file.

        Raises `InputRefused` when it is gone, and `InputWithheld` as `read` does.
        """

    @property
    def public(self) -> bool:
        """Whether a `link` works for others than this machine."""

    def link(self, key: str, version_id: str, lifetime_s: int) -> str:
        """A presigned URL for reading that one object, valid for `lifetime_s` seconds."""


class Outputs(Protocol):
    """The output bucket."""

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """Write an object; the same key again makes a new version."""

    def put_over(
        self,
        key: str,
        body: BinaryIO | bytes,
        content_type: str,
        etag: str | None,
        writer: str = "",
    ) -> None:
        """Write an object over the one with this ETag; with None only where there is no object.

        `writer` is kept with the object, for `writer`.

        Raises:
            Conflict: another object is there; perhaps from this very write, if its answer was lost.
        """

    def find(self, key: str) -> str | None:
        """The ETag of the object, or None."""

    def writer(self, key: str) -> str:
        """Who wrote the object: "" where there is none, or where its writer was not given."""

    def get(self, key: str) -> bytes | None:
        """A small object, or None."""

    def list_etags(self, prefix: str, after: str, most: int) -> Sequence[tuple[str, str]]:
        """Key and ETag of at most `most` (up to 1,000) objects, in the order of `list_keys`.

        Of those whose keys begin with `prefix` and come after `after`. The ETag has no quotes.
        """


class Workflows(Protocol):
    """The runs: executions of the workflow."""

    def start(self, task_id: str, run: int) -> None:
        """Start the run; a run that exists already is left alone."""

    def status(self, task_id: str, run: int) -> RunStatus:
        """The run's status; `none` also when it ended so long ago that its record is gone."""


class Events(Protocol):
    """The event bus."""

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Put one event. Raises `Busy` when the bus did not take it."""


class DeadLetters(Protocol):
    """The dead-letter queue: messages that cannot become a task."""

    def put(self, body: str, reason: str, message_id: str) -> None:
        """Keep the message with the reason and the id that its sender was given."""


class Providers(Protocol):
    """All providers behind one interface: what they can do, and the calls.

    Every call raises `Refused`, `Throttled`, `NotSent`, `Unclear`, `Busy` or `ResultGone`.
    """

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""

    def rules(self, provider: str) -> Rules:
        """The limits of its account."""

    def set_up(self, provider: str) -> bool:
        """Whether there are credentials for it."""

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""

    def account(self, provider: str) -> str:
        """A digest of the credentials in use; "" where there are none. It contains no key.

        Other credentials have another digest; they may be a new key of the same account. Raises
        `OwnTrouble` when they cannot be read now.
        """

    def called_account(self, provider: str) -> str:
        """The digest of the credentials that this process last called the provider with.

        A secret may be replaced while a call is under way; then `account` is already the new one.
        """

    def check(self, job_request: JobRequest) -> None:
        """Check the files without calling the provider. Raises `InputRefused`."""

    def submit(
        self, job_request: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        """Prepare (free calls), pass the paid call to `intend`, which stores it, then make it once.

        Raises what `intend` raises, before anything is paid.
        """

    def repeat(self, job_request: JobRequest, request: str) -> Accepted | Finished:
        """Send exactly the same paid request again; only for routes of class `key`."""

    def look_up(self, job_request: JobRequest, since: datetime, look: int) -> Accepted | None:
        """Find the job of an unclear paid call; None when the provider lists none (yet).

        Only for routes of class `look-up`; free. `since` is when the call began; `look` is the
        number of look-ups before this one: a single one need not check every job.
        """

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """The job's status, or its results; free."""

    def balance(self, provider: str) -> Balance | None:
        """What is in its account; None where it has no such call. Free.

        Raises also `AccountBlocked` where it is not set up or its key is refused.
        """

    def history(self, provider: str, since: datetime, after: str = "") -> HistoryPage | None:
        """A page of its account's own history of jobs, newest first; None where it has none.

        Free, but a call at the provider. Jobs from before `since` may be left out. `after` is that
        of the page before. Raises also `AccountBlocked`, as `balance` does.
        """

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job; False where it has no such call."""

    def fetch(
        self, url: str, max_bytes: int, max_s: float | None = None
    ) -> AbstractContextManager[Download]:
        """Download a result, in constant memory; a content encoding is decoded.

        Args:
            url: as the provider gave it.
            max_bytes: size limit.
            max_s: seconds for everything; None for as long as a download ever may take.

        Raises:
            ResultGone: the server answers that it is absent (403, 404, 410...), perhaps because it
                does not exist yet.
            Busy: it is not available now, or it is incomplete: by the response's headers, by its
                length, or by its file format.
            DarkroomError: it is too large (`result-too-large`), or its URL is not allowed
                (`result-address-refused`).
        """


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """UTC, aware."""

    def sleep(self, seconds: float) -> None:
        """Wait in this process; only where the workflow's wait would be too long or cost more."""


class Lines(Protocol):
    """The line of each provider, and what is given out there. Reads are consistent.

    A task is in a line exactly while it has a `place`: `Tasks.create` and `Tasks.replace` write
    both together.
    """

    def turns(self, provider: str) -> Turns:
        """What is given out at the provider."""

    def compare_and_set(self, provider: str, old: Turns, new: Turns) -> bool:
        """Store `new` with the next version if `old` is still stored; whether it was."""

    def first(self, provider: str, most: int) -> Sequence[Waiter]:
        """At most `most` of the first in line, in its order, without those who missed a turn."""

    def missed(self, provider: str) -> Sequence[Waiter]:
        """Those who missed a turn, in the line's order."""

    def mark(self, task_id: str, place: Place, *, missed: bool) -> None:
        """Note whether a waiter has missed a turn; nothing if it has left the line."""

    def ahead(self, task_id: str, place: Place) -> int:
        """How many are before the task in its line."""

    def length(self, provider: str) -> int:
        """How many are in line, those who missed a turn included."""


class Budgets(Protocol):
    """What is held of each budget, and the lines in which budgets hold tasks back.

    `Tasks.replace` changes what an account holds (`domain.budget_moves`). Reads are consistent.
    """

    def held(self, account: str) -> int:
        """What is reserved and spent of an account, in millionths; 0 for an unknown one."""

    def note_holding(self, line: str, now: datetime) -> None:
        """Tasks may be held in this line from now on; written before each is."""

    def holding(self) -> Sequence[str]:
        """The lines in which tasks may be held."""

    def forget_holding(self, line: str, before: datetime) -> None:
        """The line is empty; nothing if it was noted since `before`."""


class NewTasks(Protocol):
    """How many new tasks each folder has had lately."""

    def count(self, folder: str, now: datetime) -> int:
        """Count one more; returns how many there were in the last five to ten minutes, it included.

        A caller that is repeated counts again.
        """


class Limiter(Protocol):
    """The circuit of each provider, and the leases of probes. Times are seconds since 1970.

    Every call is atomic. A call whose answer was lost may be repeated: then a lease is the task's
    already, and a circuit has been changed.
    """

    def lease(self, name: str, task_id: str, until: float, most: int, now: float) -> bool:
        """Take a lease until then, unless `most` others have one already.

        An expired lease does not count; a task has at most one.
        """

    def release(self, name: str, task_id: str) -> None:
        """The task gives up its lease; safe if it has none."""

    def circuit(self, provider: str) -> CircuitState:
        """The state of the provider's circuit."""

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Store `new` if `old` is still the stored state; whether it was (compare and set)."""


class Durations(Protocol):
    """How long the jobs of each route took: a digest for each, from which waits are learned.

    A process reads a digest at most once a minute; until then it has the same answer, with what it
    has written itself. Nothing depends on it: every caller can do without an answer.
    """

    def known(self, route: Route) -> JobTimes:
        """The digest of the route's jobs; an empty one before the first."""

    def compare_and_set(self, route: Route, old: JobTimes, new: JobTimes) -> bool:
        """Store `new`, which holds one job more, if `old` is still stored; whether it was.

        Where it was not, `known` reads again.
        """


class Charges(Protocol):
    """What providers have charged lately, by what they reported: from it prices are learned.

    A process reads the charges of a provider at most once a minute; until then it has the same
    answer, with what it has written itself. Nothing depends on it: every caller can do without.
    """

    def known(self, provider: str) -> ProviderCharges:
        """The last charges of the provider's routes; without any before the first."""

    def record(self, route: Route, terms: str, charge: Charge) -> bool:
        """Remember a charge of the route; whether it was written.

        Not where it adds nothing (see `ProviderCharges.after`), nor where another process wrote
        first: then `known` reads again.
        """


class NoCharges:
    """`Charges` where none are kept."""

    def known(self, provider: str) -> ProviderCharges:
        """None."""
        del provider
        return ProviderCharges()

    def record(self, route: Route, terms: str, charge: Charge) -> bool:
        """Forget it."""
        del route, terms, charge
        return False


class Metrics(Protocol):
    """What an environment measures of itself; see `domain.measurements`."""

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """Write them; costs no request, and never raises: nothing depends on a metric."""


class NoMetrics:
    """`Metrics` where nobody collects them, as on a user's machine."""

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """Forget them."""
        del measurements


class Errands(Protocol):
    """Messages that intake sends to itself, through the intake queue."""

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> None:
        """Send them all; after an error some may have been sent.

        They arrive after `delay_s` seconds, at most 900.
        """


class NotMeasured(Exception):
    """There are no figures for a picture; the message is a sentence that says why."""


class Pictures(Protocol):
    """Looks at the pixels of pictures; the only port that decodes them.

    A decoder may hang, use all memory, or crash. So every call is limited in time and memory, and a
    crash of the decoder is `NotMeasured`, too. Nothing depends on it: every caller can do without.
    """

    def measure(self, result: BinaryIO, source: BinaryIO | None, max_s: float) -> Measured:
        """Look at a result and its source; both are at any position, then and before.

        Raises `NotMeasured` where the result cannot be decoded within `max_s` seconds; a source
        that cannot be decoded counts as None.
        """

    def look(self, picture: BinaryIO, max_s: float) -> Look:
        """Look at one picture. Raises `NotMeasured` as `measure` does."""


class NoPictures:
    """`Pictures` where nothing can decode them."""

    def measure(self, result: BinaryIO, source: BinaryIO | None, max_s: float) -> Measured:
        """Raises `NotMeasured`."""
        del source
        self.look(result, max_s)
        raise AssertionError("it has looked at a picture")

    def look(self, picture: BinaryIO, max_s: float) -> Look:
        """Raises `NotMeasured`."""
        del picture, max_s
        raise NotMeasured("There is no image library here.")


class Batches(Protocol):
    """The batches, one item each. Reads by id are consistent; every write is conditional."""

    def get_many(self, ids: Iterable[BatchId]) -> Sequence[Batch]:
        """Those of at most 100 that exist, in no order."""

    def write(self, old: Batch | None, new: Batch) -> Batch:
        """Write `new` where `old` (None: nothing) is still what is stored.

        Returns:
            `new` with its version.

        Raises:
            Conflict: another process wrote first.
        """

    def due(self, now: datetime, most: int) -> Sequence[BatchId]:
        """At most `most` batches whose `look_at` has passed, soonest first.

        Eventually consistent: one of them may have been looked at by now.
        """


@dataclass(frozen=True)
class Ports:
    """Everything outside that a use case may use."""

    tasks: Tasks
    inputs: Inputs
    outputs: Outputs
    workflows: Workflows
    events: Events
    dead_letters: DeadLetters
    providers: Providers
    clock: Clock
    lines: Lines
    limiter: Limiter
    durations: Durations
    errands: Errands
    batches: Batches
    budgets: Budgets
    new_tasks: NewTasks
    money: MoneyRules = field(default_factory=MoneyRules)
    limits: Limits = field(default_factory=Limits)
    pictures: Pictures = field(default_factory=NoPictures)
    charges: Charges = field(default_factory=NoCharges)
    metrics: Metrics = field(default_factory=NoMetrics)
