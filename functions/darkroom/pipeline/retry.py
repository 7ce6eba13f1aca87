"""RETRY: another run for a task that ended badly; what is paid for is not paid for again.

| what it has                                   | where the new run begins              |
|-----------------------------------------------|---------------------------------------|
| nothing that can have cost anything           | `queued`: it is submitted anew        |
| a job that may be done, or that `job_id` names | `running`: it is asked about         |
| an answer that was kept, and no job           | `delivering`: nobody is called        |
| a doubtful call that can be looked for        | `submitting`: it is looked for again  |
| anything else that may have cost something    | `queued`, and only with `pay_again`   |

So a result that could not be fetched is fetched again, and costs nothing: from its job, or from the
address where it was. With `pay_again` what an earlier retry could not fetch is not fetched again,
and a doubtful call that was looked for as long as that makes sense is not looked for again. A spec
that says `on_unknown: retry` has said `pay_again` itself.
"""

from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import Failure, Refused
from darkroom.domain.order import Order
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import until_won
from darkroom.pipeline.endings.next_steps import after, look_at
from darkroom.pipeline.orders.resolve import look, missing, pin, why_waiting, withheld
from darkroom.pipeline.orders.superseded import SUPERSEDED, stale
from darkroom.pipeline.paid_call.plan import route_for
from darkroom.pipeline.paid_call.saved_answer import UNFETCHED, saved_answer
from darkroom.pipeline.paid_call.settle import patience
from darkroom.ports import Ports


def retry(
    ports: Ports, task_id: str, *, pay_again: bool = False, job_id: str | None = None
) -> Task:
    """Begin a new run of a task that failed, was cancelled, or is unknown.

    Args:
        ports: the outside.
        task_id: the task.
        pay_again: whether a new paid call may be made where an earlier one cost something, or may
            have, and nothing is left of it to be had: a kept answer is delivered, and a job that
            its provider has not said its last word on is asked about, all the same.
        job_id: the job of a doubtful call, where a person has found it (in the log, or on the
            provider's dashboard).

    Returns:
        The task in its new run, which has been started.

    Raises:
        Refused: it cannot be tried again: `no-such-task`, `already-succeeded`, `not-ended`,
            `spec-refused`, `inputs-missing`, `paid-already`, `superseded`, `spec-deleted`,
            `no-doubtful-call`, or what is wrong with its inputs. The failure's next step says what
            to do instead.
        Busy: too many others change it.
    """

    def begin() -> Task:
        if job_id is not None:
            return _with_job(ports, task_id, job_id)
        return _resumed(ports, task_id, pay_again=pay_again)

    task = until_won(begin, f"task {task_id}")
    # Whoever dies here leaves a task without a run, which SWEEP finds.
    ports.workflows.start(task.task_id, task.run)
    return task


def _resumed(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
    task = _ended_badly(ports.tasks.get(task_id), task_id)
    paid = next((a for a in reversed(task.attempts) if a.charged != "no"), None)
    new = None
    if paid is not None and paid is task.attempts[-1]:
        new = _taken_up(ports, task, paid, pay_again=pay_again)
    if new is None:
        if paid is not None and not pay_again:
            raise _paid_already(task, paid)
        new = _queued(ports, task)
    return ports.tasks.replace(task, new)


def _with_job(ports: Ports, task_id: str, job_id: str) -> Task:
    """The task asking about the job that a person has named. Raises `Refused`."""
    task = _ended_badly(ports.tasks.get(task_id), task_id)
    paid = task.attempts[-1] if task.attempts else None
    route = _route(ports, task, paid) if paid else None
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
    found = replace(paid, job_id=job_id, charged="yes")
    return ports.tasks.replace(task, _running(ports, task, found, route))


def _ended_badly(task: Task | None, task_id: str) -> Task:
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
        raise Refused("not-ended", f"It is still {task.state}{reason}.", "Nothing needs doing.")
    return task


def _taken_up(ports: Ports, task: Task, paid: Attempt, *, pay_again: bool) -> Task | None:
    """The task where its paid attempt can still be made use of; None where it cannot."""
    spent = pay_again and _fetched_in_vain(paid)
    if spent or paid.outcome not in ("given-up", "unknown"):
        return None  # that was its provider's last word, or what it made is of no use
    now = ports.clock.now()
    again = replace(paid, run=task.run + 1, asked_since=now, outcome="accepted", failure=None)
    saved = saved_answer(ports, task, paid) if paid.job_id is None else None
    if isinstance(saved, Finished):
        again = replace(again, charged="yes")
        return task.resumed("delivering", now, attempts=task.with_attempt(again))
    if isinstance(saved, Accepted):
        paid = replace(paid, job_id=saved.job_id, charged="yes")
    route = _route(ports, task, paid)
    if route is None:
        return None
    if paid.job_id is not None:
        return _running(ports, task, paid, route)
    if route.idempotency == "look-up" and not (pay_again and _searched(paid, route)):
        again = replace(again, ended_at=None, outcome="open", call_until=now)
        deadline = now + timedelta(seconds=ports.limits.queue_s)
        attempts = task.with_attempt(again)
        return task.resumed("submitting", now, attempts=attempts, deadline=deadline)
    return None


def _running(ports: Ports, task: Task, paid: Attempt, route: Route) -> Task:
    """The task asking about the job of its last attempt."""
    now = ports.clock.now()
    again = replace(
        paid,
        run=task.run + 1,
        asked_since=now,
        outcome="accepted",
        failure=None,
        ended_at=None,
    )
    return task.resumed(
        "running",
        now,
        attempts=task.with_attempt(again),
        results=(),
        deadline=now + timedelta(seconds=route.job_s),
    )


def _fetched_in_vain(paid: Attempt) -> bool:
    """Whether a person has had its results fetched once more, and that brought nothing."""
    failure = paid.failure.code if paid.failure else ""
    return paid.asked_since is not None and failure in UNFETCHED


def _searched(paid: Attempt, route: Route) -> bool:
    """Whether a doubtful call has been looked for for as long as that makes sense."""
    since = paid.asked_since or paid.started_at
    return paid.ended_at is not None and paid.ended_at - since > patience(paid, route)


def _queued(ports: Ports, task: Task) -> Task:
    """The task in front of SUBMIT, its inputs pinned. Raises `Refused`."""
    too_late = stale(ports, task.trigger)
    if too_late:
        raise _too_late(task, too_late)
    if task.order is None:
        said = task.ending.failure.sentence if task.ending else ""
        raise Refused(
            "spec-refused", f"Its spec was refused: {said}", "Correct the spec and upload it again."
        )
    now = ports.clock.now()
    return task.resumed(
        "queued",
        now,
        order=_pinned(ports, task.order),
        results=(),
        deadline=now + timedelta(seconds=ports.limits.queue_s),
    )


def _pinned(ports: Ports, order: Order) -> Order:
    if order.inputs or not order.keys:
        return order
    found = look(ports.inputs, order)
    lacking = missing(found)
    if withheld(found):
        raise Refused("inputs-withheld", f"S3 does not give a file yet: {why_waiting(found)}")
    if lacking:
        raise Refused(
            "inputs-missing",
            f"These files are still missing: {', '.join(lacking)}.",
            "Upload them first.",
        )
    return pin(order, found, ports.providers.routes())


def _route(ports: Ports, task: Task, attempt: Attempt) -> Route | None:
    try:
        return route_for(ports, task, attempt)
    except LookupError:
        return None  # a deployment took it away


def _too_late(task: Task, why: Failure) -> Refused:
    if why is SUPERSEDED:
        return Refused(
            why.code,
            "A newer version of its spec is there, which is a task of its own.",
            f"Nothing needs doing if that one went well: {look_at(task.trigger.key)}.",
        )
    return Refused(
        why.code,
        "Its spec has been deleted since.",
        "If it is still wanted, upload the spec again; that is a new task, paid for anew.",
    )


def _paid_already(task: Task, paid: Attempt) -> Refused:
    if paid.charged == "yes":
        sentence = f"{paid.provider} has charged attempt {paid.number}, and nothing more can be "
        sentence += "had of it."
    else:
        sentence = f"{paid.provider} may have charged attempt {paid.number}, and cannot be asked."
    return Refused(
        "paid-already",
        sentence,
        after(task, paid.charged),
    )
