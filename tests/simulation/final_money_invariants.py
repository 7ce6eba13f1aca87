"""What must hold of money once a world has come to rest: the tasks' books and the providers'."""

from collections.abc import Iterator

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import Task
from darkroom.pipeline.endings.manifest import describe_attempt
from tests.simulation.ledger import NEW_PRICE, PRICE, Job
from tests.simulation.system import SimulatedSystem


def find_money_violations(system: SimulatedSystem) -> Iterator[str]:
    """One sentence for each figure that is not right."""
    ledger = system.providers.ledger
    for (task_id, number), jobs in ledger.of.items():
        if len(jobs) > 1:
            yield f"{task_id} was charged {len(jobs)} times for attempt {number}"
        task = system.tasks.stored[task_id]
        attempt = next((a for a in task.attempts if a.number == number), None)
        if attempt is None:
            yield f"{task_id} was charged for attempt {number}, of which it knows nothing"
            continue
        yield from _attempt(system, task, attempt, jobs[0])
    for task in system.tasks.stored.values():
        for attempt in task.attempts:
            if attempt.charged == "yes" and not ledger.of.get((task.task_id, attempt.number)):
                yield f"{task.task_id} says that attempt {attempt.number} was charged"
            job = ledger.jobs.get(attempt.job_id or "")
            mine = job is None or (job.work.task_id, job.work.attempt) == (
                *(task.task_id, attempt.number),
            )
            misnamed = (task.task_id, attempt.number) in ledger.misnamed
            if job and not mine and not misnamed:
                yield f"{task.task_id} took {job.job_id} for its own"
        yield from _cost(system, task)


def _cost(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """One call, and those that the spec or a person asked for all the same."""
    paid = [
        number
        for (task_id, number), jobs in system.providers.ledger.of.items()
        if task_id == task.task_id and any(job.owed for job in jobs)
    ]
    if len(paid) > 1 + len(system.step_monitor.payment_monitor.further[task.task_id]):
        yield f"{task.task_id} cost {len(paid)} calls"
    doubtful = {attempt.number for attempt in task.attempts if attempt.outcome == "unknown"}
    put_up_with = (
        system.step_monitor.payment_monitor.forgiven.get(task.task_id, frozenset()) | doubtful
    )
    code = task.ending.failure.code if task.ending else ""
    # What a person cancels may have been paid for; what is out of date must not have been.
    if task.state == "cancelled" and code != "cancelled" and not put_up_with.issuperset(paid):
        yield f"{task.task_id} was paid for and cancelled: {code}"


def _attempt(system: SimulatedSystem, task: Task, attempt: Attempt, job: Job) -> Iterator[str]:
    told = describe_attempt(attempt)
    where = f"{task.task_id}, attempt {attempt.number}: {told['charged']}, {told['credits']};"
    mistaken = system.providers.ledger.mistaken(task.task_id, attempt)
    if attempt.charged == "no" and job.owed and not mistaken:
        yield f"{where} {job.amount} were taken"
    # A run that broke or was cancelled asks no more, so it hears of no refund; and nobody knows
    # whether a job that is unknown long afterwards was paid back or is merely forgotten.
    code = task.ending.failure.code if task.ending else ""
    deaf = code in ("internal", "cancelled") or (code == "result-gone" and attempt.asked_since)
    if attempt.charged == "yes" and not job.owed and job.reported and not deaf:
        yield f"{where} nothing was taken"
    misnamed = (task.task_id, attempt.number) in system.providers.ledger.misnamed
    if (
        attempt.charged == "yes"
        and not misnamed
        and attempt.credits
        not in ((job.amount,) if job.told and job.reported else (PRICE, NEW_PRICE, job.amount))
    ):
        yield f"{where} {job.amount} were taken and told"
