"""RETRY: a new run for a task that ended badly; nothing that is paid for is paid again.

| what the task has                                   | where the new run begins              |
|-----------------------------------------------------|---------------------------------------|
| nothing that can have cost anything                 | `queued`: it is submitted again       |
| a job that may be done, or one named by `job_id`    | `running`: the job is polled          |
| a stored answer, and no job                         | `delivering`: no provider is called   |
| an unclear call that can be looked up               | `submitting`: it is looked up again   |
| anything else that may have cost something          | `queued`, and only with `pay_again`   |

So a result that could not be fetched is fetched again at no cost: from its job, or from its URL.
With `pay_again`, a result that an earlier retry could not fetch is not fetched again, and an
unclear call that was looked up for as long as is useful is not looked up again. A spec with
`on_unknown: retry` implies `pay_again`.

A task that failed for an input, unpaid, takes the newest version of its files.
"""

from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import DefaultRefused, Failure, Refused
from darkroom.domain.order import Order
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.batches.opening import reopen_batches
from darkroom.pipeline.endings.next_steps import INPUT_FAILURES, next_step_after, status_command
from darkroom.pipeline.orders.inputs import absent, empty, pin_versions, why_waiting, withheld
from darkroom.pipeline.orders.late_order import NOT_CORRECTED, with_order
from darkroom.pipeline.orders.line import place_for, start_in_turn
from darkroom.pipeline.orders.near_misses import find_or_look
from darkroom.pipeline.orders.superseded import superseded_failure
from darkroom.pipeline.paid_call.plan import next_choice, route_for
from darkroom.pipeline.paid_call.saved_answer import FETCHABLE_FAILURES, load_answer
from darkroom.pipeline.paid_call.settle_unclear import give_up_after
from darkroom.ports import Ports


def retry(
    ports: Ports,
    task_id: str,
    *,
    pay_again: bool = False,
    job_id: str | None = None,
    charge: float | None = None,
) -> Task:
    """Begin a new run of a task that failed, was cancelled, or is unknown.

    Args:
        ports: the outside.
        task_id: the task.
        pay_again: whether a new paid call may be made after one that cost something, or may have,
            and of which nothing can be fetched. Even so, a stored answer is delivered, and a job
            whose provider has not given its final status is polled.
        job_id: the job of an unclear call, if a user has found it (in the log, or on the
            provider's dashboard).
        charge: what that job cost, credits, if the provider's history says it.

    Returns:
        The task in its new run, which has been started.

    Raises:
        Refused: it cannot be retried: `no-such-task`, `already-succeeded`, `not-ended`,
            `spec-refused`, `inputs-missing`, `paid-already`, `superseded`, `spec-deleted`,
            `no-doubtful-call`, or the refusal of its inputs. The failure's next step says what
            to do instead.
        Busy: too many others change it.
    """

    def begin() -> Task:
        if job_id is not None:
            return _with_job(ports, task_id, job_id, charge)
        return _begin_run(ports, task_id, pay_again=pay_again)

    old = ports.tasks.get(task_id)
    if old is not None and old.finished:
        reopen_batches(ports, old)  # also if this process dies once the run is stored
    task = retry_on_conflict(begin, f"task {task_id}")
    reopen_batches(ports, task)  # SWEEP may have closed them between
    # If this process dies here, SWEEP finds a task without a run.
    start_in_turn(ports, task)
    return task


def _begin_run(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
    task = _require_bad_end(ports.tasks.get(task_id), task_id)
    paid = next((a for a in reversed(task.attempts) if a.charged != "no"), None)
    new = None
    if paid is not None and paid is task.attempts[-1]:
        new = _resume_attempt(ports, task, paid, pay_again=pay_again)
    if new is None:
        if paid is not None and not pay_again:
            raise _paid_already(task, paid)
        new = _queue_again(ports, task)
    return ports.tasks.replace(task, new)


def _with_job(ports: Ports, task_id: str, job_id: str, charge: float | None) -> Task:
    """The task polling the job that a user has named. Raises `Refused`."""
    task = _require_bad_end(ports.tasks.get(task_id), task_id)
    paid = task.attempts[-1] if task.attempts else None
    route = _find_route(ports, task, paid) if paid else None
    if (
        paid is None
        or route is None
        or not route.asynchronous
        or paid.outcome not in ("unknown", "given-up")
    ):
        raise Refused(
            "no-doubtful-call",
            "It is not in doubt which job its last call made, so --job does not apply.",
            "Leave out --job.",
        )
    credits_ = paid.credits if charge is None else charge
    found = replace(paid, job_id=job_id, charged="yes", credits=credits_)
    return ports.tasks.replace(task, _poll_again(ports, task, found, route))


def _require_bad_end(task: Task | None, task_id: str) -> Task:
    if task is None:
        raise Refused("no-such-task", f"There is no task {task_id}.")
    if task.state == "succeeded":
        raise Refused(
            "already-succeeded",
            "It has succeeded.",
            "To have it done once more, upload its spec again; that is a new paid call.",
        )
    if not task.finished:
        reason = f": {task.wait_reason}" if task.wait_reason else ""
        raise Refused("not-ended", f"It is still {task.state}{reason}.", "No action is needed.")
    return task


def _resume_attempt(ports: Ports, task: Task, paid: Attempt, *, pay_again: bool) -> Task | None:
    """The task where its paid attempt can still be used; None where it cannot."""
    exhausted = pay_again and _fetch_already_retried(paid)
    if exhausted or paid.outcome not in ("given-up", "unknown"):
        return None  # that was the final status, or its result is of no use
    now = ports.clock.now()
    again = replace(paid, run=task.run + 1, asked_since=now, outcome="accepted", failure=None)
    answer = load_answer(ports, task, paid) if paid.job_id is None else None
    if isinstance(answer, Finished):
        again = replace(again, charged="yes")
        return task.with_new_run("delivering", now, attempts=task.with_attempt(again))
    if isinstance(answer, Accepted):
        paid = replace(paid, job_id=answer.job_id, charged="yes")
    route = _find_route(ports, task, paid)
    if route is None:
        return None
    if paid.job_id is not None:
        return _poll_again(ports, task, paid, route)
    if route.idempotency == "look-up" and not (pay_again and _look_up_exhausted(paid, route)):
        again = replace(again, ended_at=None, outcome="open", call_until=now)
        deadline = now + timedelta(seconds=ports.limits.queue_s)
        attempts = task.with_attempt(again)
        return task.with_new_run("submitting", now, attempts=attempts, deadline=deadline)
    return None


def _poll_again(ports: Ports, task: Task, paid: Attempt, route: Route) -> Task:
    """The task polling the job of its last attempt."""
    now = ports.clock.now()
    again = replace(
        paid,
        run=task.run + 1,
        asked_since=now,
        outcome="accepted",
        failure=None,
        ended_at=None,
    )
    return task.with_new_run(
        "running",
        now,
        attempts=task.with_attempt(again),
        results=(),
        deadline=now + timedelta(seconds=route.job_s),
    )


def _fetch_already_retried(paid: Attempt) -> bool:
    """Whether a user has retried the fetch of its results, without success."""
    failure = paid.failure.code if paid.failure else ""
    return paid.asked_since is not None and failure in FETCHABLE_FAILURES


def _look_up_exhausted(paid: Attempt, route: Route) -> bool:
    """Whether an unclear call has been looked up for as long as is useful."""
    since = paid.asked_since or paid.started_at
    return paid.ended_at is not None and paid.ended_at - since > give_up_after(paid, route)


def _queue_again(ports: Ports, task: Task) -> Task:
    """The task queued for SUBMIT, its inputs pinned. Raises `Refused`."""
    superseded = superseded_failure(ports, task.trigger)
    if superseded:
        raise _superseded_refusal(task, superseded)
    task = _with_late_order(ports, task)
    if task.order is None:
        why = task.ending.failure.sentence if task.ending else ""
        raise Refused(
            "spec-refused", f"Its spec was refused: {why}", "Correct the spec and upload it again."
        )
    now = ports.clock.now()
    order = _pinned(ports, task)
    queued = replace(task, order=order, since_run=task.run + 1)
    choice = next_choice(queued)
    return task.with_new_run(
        "queued",
        now,
        order=order,
        output=task.output,
        manifest_key=task.manifest_key,
        results_name=task.results_name,
        results=(),
        queued_at=now,
        place=place_for(ports, order, choice, now) if choice else None,
        deadline=now + timedelta(seconds=ports.limits.queue_s),
    )


def _with_late_order(ports: Ports, task: Task) -> Task:
    """The task with its order, if only a folder default was broken. Raises `Refused`."""
    not_corrected = task.ending is not None and task.ending.failure.code == NOT_CORRECTED
    if task.order is not None or not not_corrected:
        return task
    try:
        return with_order(ports, task)
    except DefaultRefused as refusal:
        raise Refused(
            refusal.failure.code, refusal.failure.sentence, f"Correct {refusal.key} first."
        ) from refusal


def _pinned(ports: Ports, task: Task) -> Order:
    """The order with its files pinned: those that it had, or the newest if these were to blame.

    A paid call is about the versions that it was made with, so then nothing changes.
    """
    order = task.resolved_order
    if not order.keys or (order.inputs and not _takes_newest(task)):
        return order
    looked = find_or_look(ports.inputs, order, task.trigger.key)
    found = looked.found
    if withheld(found):
        raise Refused("inputs-withheld", f"S3 does not return a file yet: {why_waiting(found)}")
    if absent(found):
        raise Refused(
            "inputs-missing",
            f"These files are still missing: {', '.join(absent(found))}{looked.hint}.",
            "Upload them first.",
        )
    if empty(found):
        raise Refused(
            "input-empty",
            f"{', '.join(empty(found))} is empty (0 bytes).",
            "Upload it again first.",
        )
    return pin_versions(order, found, ports.providers.routes())


def _takes_newest(task: Task) -> bool:
    """Whether it failed for a file, and nothing was paid."""
    code = task.ending.failure.code if task.ending else ""
    return code in INPUT_FAILURES and all(attempt.charged == "no" for attempt in task.attempts)


def newer_inputs(old: Task, new: Task) -> list[str]:
    """The keys of the files that a retried task takes in another version than before."""
    if old.order is None or new.order is None:
        return []
    before = {file.key: file.version_id for files in old.order.inputs.values() for file in files}
    now = {file.key: file.version_id for files in new.order.inputs.values() for file in files}
    # A task that failed before its files were pinned takes all of them as they are now.
    asked = before or (now if _takes_newest(old) else {})
    return [key for key, version in now.items() if key in asked and before.get(key) != version]


def _find_route(ports: Ports, task: Task, attempt: Attempt) -> Route | None:
    try:
        return route_for(ports, task, attempt)
    except LookupError:
        return None  # a deployment removed it


def _superseded_refusal(task: Task, why: Failure) -> Refused:
    what = "photo" if task.trigger.kind == "photo" else "spec"
    if why.code == "superseded":
        return Refused(
            why.code,
            why.sentence
            if task.trigger.kind == "photo"
            else "A newer version of the spec has its own task.",
            f"No action is needed if that task succeeded: {status_command(task.trigger.key)}.",
        )
    return Refused(
        why.code,
        f"Its {what} has been deleted.",
        f"If it is still wanted, upload the {what} again; that is a new task and a new paid call.",
    )


def _paid_already(task: Task, paid: Attempt) -> Refused:
    if paid.charged == "yes":
        sentence = f"{paid.provider} charged attempt {paid.number}, and no result can be fetched "
        sentence += "from it."
    else:
        sentence = f"{paid.provider} may have charged attempt {paid.number}, and cannot be asked."
    return Refused(
        "paid-already",
        sentence,
        next_step_after(task, paid.charged),
    )
