"""SETTLE CHARGES: write back what a vendor's history says of attempts that we did not know about.

| the attempt                         | the history says   | what is written                     |
|-------------------------------------|--------------------|-------------------------------------|
| charged: unknown                    | any amount         | that amount; 0 is "not charged"     |
| the same, and its task is `unknown` | the job is done    | a new run polls it, as `retry` does |
| the same                            | failed or refunded | the task ends as failed             |
| the same, and its job is not known  | a job at its time  | the provider looks it up; as above  |

Nothing is paid here, and a task that is under way is left alone. Every write is conditional; the
accounts of budgets follow in the same write. If this process dies after a write, SWEEP writes the
manifest and publishes the event again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import DarkroomError, Failure, Refused
from darkroom.domain.reconciliation import Comparison, Difference, OurCall, may_be_of
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import Ending, State, Task
from darkroom.domain.vendor_history import VendorJob
from darkroom.pipeline.admission.turns import reserve_call
from darkroom.pipeline.batches.opening import reopen_batches
from darkroom.pipeline.endings.next_steps import retry_command
from darkroom.pipeline.endings.publish import finalize, rewrite_manifest
from darkroom.pipeline.paid_call.plan import account_changed, build_job_request, route_for
from darkroom.pipeline.retry import retry
from darkroom.ports import Ports

MAX_LOOK_UPS: Final = 20
"""Calls without a job id that are looked up at most; the next time it goes on with the others."""


@dataclass(frozen=True)
class Settled:
    """What became of one difference.

    Attributes:
        difference: as it was found; `theirs` is the job, also if that was looked up.
        done: what was written, in words; "" for nothing.
        failure: why nothing was written; None if something was.
    """

    difference: Difference
    done: str = ""
    failure: Failure | None = None


def may_settle(comparison: Comparison) -> Sequence[Difference]:
    """The differences that can be settled, those first of which the history knows the job."""
    known = [each for each in comparison.differences if each.settles]
    return [*known, *_to_look_up(comparison)]


def settle_charges(ports: Ports, comparison: Comparison) -> Iterator[Settled]:
    """Write back what the history of one provider says, one task after the other.

    An error of one task does not stop the others.
    """
    jobs = {job.job_id: job for job in comparison.unclaimed}
    for each in may_settle(comparison):
        try:
            yield _settle(ports, each, jobs)
        except DarkroomError as error:
            yield Settled(each, failure=error.failure)


def _to_look_up(comparison: Comparison) -> Sequence[Difference]:
    """Calls without a job id that may have made a job that no other call has."""
    found = [
        each
        for each in comparison.differences
        if each.kind == "ours-only"
        and each.ours is not None
        and each.ours.is_doubtful
        and each.ours.attempt.charged == "unknown"
        and not each.job_id
        and any(may_be_of(each.ours, job) for job in comparison.unclaimed)
    ]
    return found[:MAX_LOOK_UPS]


def _settle(ports: Ports, found: Difference, jobs: Mapping[str, VendorJob]) -> Settled:
    call, job = found.ours, found.theirs
    if call is None:
        raise AssertionError("only the vendor has it")
    if job is None:
        job = _look_up(ports, call, jobs)
        if job is None:
            return _left(found, "job-not-found", "Its job was not found.")
        found = replace(found, kind="unknown", theirs=job, settles=True, note="")
    amount = job.credits
    if amount is None:
        return _left(found, "no-amount", "The history has no amount for it.")
    if not ports.tasks.claim_job(found.provider, job.job_id, call.task_id, call.attempt.number):
        return _left(found, "job-claimed", "Its job belongs to another attempt.")
    if call.is_doubtful and job.state == "charged" and _poll_again(ports, call, job):
        return Settled(found, f"charged {amount:,.10g} credits; its result is fetched")
    state = _write(ports, call, job, amount)
    if state is None:
        return _left(found, "changed-since", "It is under way, or was settled by somebody else.")
    charged = f"charged {amount:,.10g} credits" if amount else "not charged"
    return Settled(found, f"{charged}; the task is {state}")


def _left(found: Difference, code: str, why: str) -> Settled:
    return Settled(found, failure=Failure(code, why))


def _poll_again(ports: Ports, call: OurCall, job: VendorJob) -> bool:
    """Whether a new run polls the job; False where it cannot, and only its cost is known."""
    try:
        retry(ports, call.task_id, job_id=job.job_id, charge=job.credits)
    except Refused as refusal:
        if refusal.failure.code != "no-doubtful-call":
            raise
        return False
    return True


def _look_up(ports: Ports, call: OurCall, jobs: Mapping[str, VendorJob]) -> VendorJob | None:
    """The job of a call whose answer was lost, where the provider can tell; None where not."""
    task = ports.tasks.get(call.task_id)
    if task is None or task.state != "unknown":
        return None
    attempt = task.last_attempt
    try:
        route = route_for(ports, task, attempt)
    except LookupError:
        return None  # a deployment removed it
    if route.idempotency != "look-up" or account_changed(ports, attempt):
        return None
    if reserve_call(ports, route.provider) is not None:
        return None  # the provider's rate has no room; the next time
    job_request = build_job_request(task, route, attempt.number)
    # The number of the look-up is stored first, as SUBMIT does: each asks about other jobs.
    again = replace(attempt, replays=attempt.replays + 1)
    ports.tasks.replace(task, replace(task, attempts=task.with_attempt(again)))
    answer = ports.providers.look_up(job_request, attempt.started_at, attempt.replays)
    return None if answer is None else jobs.get(answer.job_id)


def _write(ports: Ports, call: OurCall, job: VendorJob, amount: float) -> State | None:
    """Write the vendor's amount; the task's state then, None if that may not be changed now."""

    def write() -> Task | None:
        task = ports.tasks.get(call.task_id)
        if task is None or not task.finished:
            return None
        new = _with_charge(task, call.attempt.number, job, amount)
        return None if new is None else ports.tasks.replace(task, new)

    # Its cost is part of what its batches have announced. Before the write, should this process
    # die after it; and after it, should SWEEP have looked between.
    old = ports.tasks.get(call.task_id)
    if old is not None:
        reopen_batches(ports, old)
    task = retry_on_conflict(write, f"task {call.task_id}")
    if task is None:
        return None
    reopen_batches(ports, task)
    rewrite_manifest(ports, task)
    finalize(ports, task)
    return task.state


def _with_charge(task: Task, number: int, job: VendorJob, amount: float) -> Task | None:
    """The task with what the attempt was charged; None if that is known already."""
    attempt = next((one for one in task.attempts if one.number == number), None)
    if attempt is None or attempt.charged != "unknown":
        return None
    known = replace(
        attempt, job_id=job.job_id, charged="yes" if amount else "no", credits=amount, request=None
    )
    if task.state == "unknown" and attempt is task.last_attempt and job.state != "charged":
        return _failed(task, known)
    attempts = tuple(known if one.number == number else one for one in task.attempts)
    return replace(task, attempts=attempts)


def _failed(task: Task, known: Attempt) -> Task:
    """An unknown task whose job has failed, or was refunded."""
    what = "kept its credits" if known.charged == "yes" else "did not keep its credits"
    failure = Failure(
        "job-failed",
        f"{known.provider} could not do it and {what}, as its history says.",
        f"Run {retry_command(task)} to try again."
        if known.charged == "no"
        else f"Ask {known.provider} for the credits: it is job {known.job_id}.",
    )
    failed = replace(known, outcome="failed", failure=failure)
    return task.with_late_ending(Ending("failed", failure), failed)
