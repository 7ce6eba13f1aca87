"""Each job belongs to one attempt: the first that claims it."""

from dataclasses import replace

from darkroom.domain.errors import Failure
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.endings.next_steps import pay_again_command
from darkroom.ports import Ports, Step


def owns_job(ports: Ports, task: Task) -> bool:
    """Whether the running task's job belongs to its attempt, and to no other."""
    attempt = task.last_attempt
    job_id = attempt.job_id or ""
    return ports.tasks.claim_job(attempt.provider, job_id, task.task_id, attempt.number)


def end_job_conflict(ports: Ports, task: Task) -> Step:
    """End a task whose job belongs to another attempt: a person has to see whose result it is."""
    provider, job_id = task.last_attempt.provider, task.last_attempt.job_id
    failure = Failure(
        "job-claimed",
        f"{provider} returned job {job_id} for this call and for an earlier one; its result may "
        "belong to the other one.",
        f"Look at the job on the {provider} dashboard; {pay_again_command(task)} makes a new paid "
        "call.",
    )
    attempts = task.with_attempt(
        replace(task.last_attempt, outcome="failed", charged="unknown", failure=failure)
    )
    decide_ending(ports, task, Ending("unknown", failure), attempts=attempts)
    return Step("fail")
