"""Keep what a provider made until it is delivered: in the task's item, or beside it when large."""

from dataclasses import replace

from pydantic import TypeAdapter

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.fact_bounds import fitting
from darkroom.domain.object_keys import work_key
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.task import Task
from darkroom.ports import Ports

UNFETCHED = frozenset(
    {"result-gone", "result-unreachable", "result-too-large", "result-address-refused"}
    | {"wrong-result"}
)
"""Failures after which what was paid for may still be fetched."""
IN_ITEM_BYTES = 100_000
"""A DynamoDB item may have 400 KB; the answer is the only large thing in a task's."""
MAX_IN_ITEM_BYTES = 250_000
"""What still fits beside the largest spec, for an answer that the bucket does not take."""

_SAVED: TypeAdapter[Finished | Accepted] = TypeAdapter(Finished | Accepted)


def keep_answer(ports: Ports, task: Task, attempt: Attempt, answer: Finished) -> Attempt:
    """The attempt with its answer; one that the item cannot hold goes to the output bucket first.

    Written again with the same answer it overwrites itself. Facts that the item has no room for
    stand in the answer alone. Where the bucket does not take it, the item does, if there is room.

    Raises:
        Exception: the bucket's, when the item has no room either.
    """
    size = len(_SAVED.dump_json(answer))
    facts = fitting(answer.facts)
    storable = len(facts) == len(answer.facts)
    attempt = replace(attempt, facts=facts)
    inside = replace(attempt, answer=answer, answer_key=None)
    if size <= IN_ITEM_BYTES and storable:
        return inside
    try:
        save_beside(ports, task, attempt.number, answer)
    except Exception:
        if size > MAX_IN_ITEM_BYTES or not storable:
            raise
        return inside
    return replace(attempt, answer=None, answer_key=work_key(task.task_id, attempt.number))


def save_beside(ports: Ports, task: Task, attempt: int, answer: Finished | Accepted) -> None:
    """Write an answer to where `saved_answer` looks for what is not in the task's item."""
    body = _SAVED.dump_json(answer)
    ports.outputs.put(work_key(task.task_id, attempt), body, "application/json")


def lay_aside(ports: Ports, task: Task) -> None:
    """Keep the answer of a task that ends without its results, where a later run looks for it.

    A job can be asked once more, but its provider may have forgotten it by then.
    """
    last = task.attempts[-1] if task.attempts else None
    if last is not None and last.answer is not None:
        save_beside(ports, task, last.number, last.answer)


def saved_answer(ports: Ports, task: Task, attempt: Attempt) -> Finished | Accepted | None:
    """The answer of an attempt, from wherever it was kept; None when there is none.

    `Accepted` only where the table did not take the job's id.
    """
    if attempt.answer is not None:
        return attempt.answer
    body = ports.outputs.get(attempt.answer_key or work_key(task.task_id, attempt.number))
    return _SAVED.validate_json(body) if body is not None else None
