"""Keep what a provider made until it is delivered: in the task's item, or beside it when large."""

from dataclasses import replace

from pydantic import TypeAdapter

from darkroom.attempt import Attempt, Finished
from darkroom.naming import work_key
from darkroom.ports import Ports
from darkroom.task import Task

UNFETCHED = frozenset(
    {"result-gone", "result-unreachable", "result-too-large", "result-address-refused"}
    | {"wrong-result"}
)
"""Failures after which what was paid for may still be fetched."""
IN_ITEM_BYTES = 100_000
"""A DynamoDB item may have 400 KB; the answer is the only large thing in a task's."""

_FINISHED: TypeAdapter[Finished] = TypeAdapter(Finished)


def keep_answer(ports: Ports, task: Task, attempt: Attempt, answer: Finished) -> Attempt:
    """The attempt with its answer; a large one is written to the output bucket first.

    Written again with the same answer it overwrites itself.
    """
    body = _FINISHED.dump_json(answer)
    attempt = replace(attempt, facts=answer.facts)
    if len(body) <= IN_ITEM_BYTES:
        return replace(attempt, answer=answer, answer_key=None)
    key = work_key(task.task_id, attempt.number)
    ports.outputs.put(key, body, "application/json")
    return replace(attempt, answer=None, answer_key=key)


def lay_aside(ports: Ports, task: Task) -> None:
    """Keep the answer of a task that ends without its results, where a later run looks for it.

    A job can be asked once more, but its provider may have forgotten it by then.
    """
    last = task.attempts[-1] if task.attempts else None
    if last is not None and last.answer is not None:
        body = _FINISHED.dump_json(last.answer)
        ports.outputs.put(work_key(task.task_id, last.number), body, "application/json")


def saved_answer(ports: Ports, task: Task, attempt: Attempt) -> Finished | None:
    """The answer of an attempt, from wherever it was kept; None when there is none."""
    if attempt.answer is not None:
        return attempt.answer
    body = ports.outputs.get(attempt.answer_key or work_key(task.task_id, attempt.number))
    return _FINISHED.validate_json(body) if body is not None else None
