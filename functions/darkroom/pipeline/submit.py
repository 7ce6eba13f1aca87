"""SUBMIT: at most one paid call, written down before it is made.

    queued ──intent──▶ submitting ──one paid call──▶ running | delivering
             (write)                 (answer)   (one write)

Entered again with an open intent: before `call_until` the first caller may still be at work, so
it only waits; afterwards the attempt is settled as its route allows.
"""

from dataclasses import replace

from darkroom.errors import Busy, Conflict, Failure, NotSent, Refused, Throttled, Unclear
from darkroom.pipeline.attempts import call_until, next_number, next_provider, route_for, work_for
from darkroom.pipeline.fail import end
from darkroom.pipeline.guard import elsewhere
from darkroom.pipeline.outcome import accepted, refused
from darkroom.pipeline.settle import settle, unclear
from darkroom.ports import Ports, Step
from darkroom.task import Attempt, Ending, Task


def submit(ports: Ports, task_id: str, run: int) -> Step:
    """Take the task one step towards an accepted job; safe to call again at any time."""
    task = ports.tasks.get(task_id)
    step = elsewhere(task, run, "queued", "submitting")
    if step is not None or task is None:
        return step or Step("done")
    try:
        if task.state == "submitting":
            return settle(ports, task)
        return _attempt(ports, task)
    except Conflict:
        return Step("submit", 1)


def _attempt(ports: Ports, task: Task) -> Step:
    now = ports.clock.now()
    if now >= task.deadline:
        return _end_failed(ports, task, "gave-up", "The task waited too long to be submitted.")
    provider = next_provider(task)
    if provider is None:
        return _end_failed(
            ports, task, "no-provider-left", "Every provider that could do it failed."
        )
    route = route_for(ports, task, provider)
    work = work_for(task, route, next_number(task))
    attempt = Attempt(work.attempt, provider, route.model, now, call_until(ports, route))
    paying: list[Task] = []

    def intend(request: str) -> None:
        started = ports.clock.now()
        intent = replace(
            attempt, started_at=started, call_until=call_until(ports, route), request=request
        )
        attempts = task.with_attempt(intent)
        intended = task.moved("submitting", started, attempts=attempts, wait_reason=None)
        paying.append(ports.tasks.replace(task, intended))

    try:
        said = ports.providers.submit(work, intend)
    except (Refused, Throttled, NotSent) as clear:
        standing = paying[0] if paying else task
        return refused(ports, standing, standing.attempts[-1] if paying else attempt, clear)
    except Busy as busy:
        if paying:
            raise
        return refused(ports, task, attempt, busy)
    except Unclear as doubt:
        return unclear(ports, paying[0], route, doubt)
    return accepted(ports, paying[0], route, said)


def _end_failed(ports: Ports, task: Task, code: str, sentence: str) -> Step:
    end(ports, task, Ending("failed", Failure(code, sentence, "Upload the spec again.")))
    return Step("fail")
