"""Final invariants about money: the tasks' records agree with the providers' ledger."""

from collections.abc import Iterator

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import Task
from darkroom.pipeline.endings.manifest import describe_attempt
from tests.simulation.ledger import NEW_PRICE, PRICE, Job
from tests.simulation.system import SimulatedSystem


def find_money_violations(system: SimulatedSystem) -> Iterator[str]:
    """A sentence for each wrong figure."""
    ledger = system.providers.ledger
    for (task_id, number), jobs in ledger.by_attempt.items():
        if len(jobs) > 1:
            yield f"{task_id} was charged {len(jobs)} times for attempt {number}"
        task = system.tasks.stored[task_id]
        attempt = next((a for a in task.attempts if a.number == number), None)
        if attempt is None:
            yield f"{task_id} was charged for attempt {number}, which it has no record of"
            continue
        yield from _attempt(system, task, attempt, jobs[0])
    for task in system.tasks.stored.values():
        for attempt in task.attempts:
            if attempt.charged == "yes" and not ledger.by_attempt.get(
                (task.task_id, attempt.number)
            ):
                yield f"{task.task_id} says that attempt {attempt.number} was charged"
            job = ledger.jobs.get(attempt.job_id or "")
            mine = job is None or (job.work.task_id, job.work.attempt) == (
                *(task.task_id, attempt.number),
            )
            misnamed = (task.task_id, attempt.number) in ledger.misnamed
            if job and not mine and not misnamed:
                yield f"{task.task_id} claims {job.job_id}, which is not its own"
        yield from _cost(system, task)


def _cost(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """A task is paid for once, plus the repeats that its spec or a user allowed."""
    paid = [
        number
        for (task_id, number), jobs in system.providers.ledger.by_attempt.items()
        if task_id == task.task_id and any(job.owed for job in jobs)
    ]
    if len(paid) > 1 + len(system.step_monitor.payment_monitor.allowed_repeats[task.task_id]):
        yield f"{task.task_id} was charged for {len(paid)} calls"
    doubtful = {attempt.number for attempt in task.attempts if attempt.outcome == "unknown"}
    put_up_with = (
        system.step_monitor.payment_monitor.accepted_losses.get(task.task_id, frozenset())
        | doubtful
    )
    code = task.ending.failure.code if task.ending else ""
    # A task that a user cancels may have been paid for; one that is out of date must not have been.
    if task.state == "cancelled" and code != "cancelled" and not put_up_with.issuperset(paid):
        yield f"{task.task_id} was paid for and cancelled: {code}"


def _attempt(system: SimulatedSystem, task: Task, attempt: Attempt, job: Job) -> Iterator[str]:
    record = describe_attempt(attempt)
    where = f"{task.task_id}, attempt {attempt.number}: {record['charged']}, {record['credits']};"
    misinformed = system.providers.ledger.misinformed(task.task_id, attempt)
    if attempt.charged == "no" and job.owed and not misinformed:
        yield f"{where} {job.amount} credits were charged"
    # A run that broke or was cancelled polls no more, so it learns of no refund; and for a job that
    # is unknown long afterwards, a refund looks like a forgotten job.
    code = task.ending.failure.code if task.ending else ""
    why = attempt.failure.code if attempt.failure else code
    deaf = code in ("internal", "cancelled") or (why == "result-gone" and attempt.asked_since)
    if attempt.charged == "yes" and not job.owed and job.end_heard and not deaf:
        yield f"{where} nothing was charged"
    misnamed = (task.task_id, attempt.number) in system.providers.ledger.misnamed
    if (
        attempt.charged == "yes"
        and not misnamed
        and attempt.credits
        not in (
            (job.amount,)
            if job.price_reported and job.end_heard
            else (PRICE, NEW_PRICE, job.amount)
        )
    ):
        yield f"{where} the provider reported {job.amount} credits"
