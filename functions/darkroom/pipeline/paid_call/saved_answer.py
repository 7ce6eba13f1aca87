"""Store a provider's answer until it is delivered: in the task's item, or in S3 if it is large."""

from dataclasses import replace

from pydantic import ConfigDict, TypeAdapter

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.fact_bounds import storable_facts
from darkroom.domain.object_keys import work_key
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.task import Task
from darkroom.ports import Ports

FETCHABLE_FAILURES = frozenset(
    {"result-gone", "result-unreachable", "result-too-large", "result-address-refused"}
    | {"wrong-result"}
)
"""Failures after which the paid result may still be fetched."""
IN_ITEM_BYTES = 100_000
"""A DynamoDB item may have 400 KB; the answer is the only large part of a task's item."""
MAX_IN_ITEM_BYTES = 250_000
"""What still fits beside the largest spec, for an answer that the bucket does not accept."""

_SAVED: TypeAdapter[Finished | Accepted] = TypeAdapter(
    Finished | Accepted, config=ConfigDict(defer_build=True)
)


def store_answer(ports: Ports, task: Task, attempt: Attempt, answer: Finished) -> Attempt:
    """The attempt with its answer; one that the item cannot hold is first written to the bucket.

    Safe to repeat: the same answer overwrites itself. Facts that do not fit into the item are in
    the answer alone. When the bucket does not accept the answer, the item takes it if it has room.

    Raises:
        Exception: the bucket's, when the item has no room either.
    """
    size = len(_SAVED.dump_json(answer))
    facts = storable_facts(answer.facts)
    storable = len(facts) == len(answer.facts)
    attempt = replace(attempt, facts=facts)
    in_item = replace(attempt, answer=answer, answer_key=None)
    if size <= IN_ITEM_BYTES and storable:
        return in_item
    try:
        save_to_bucket(ports, task, attempt.number, answer)
    except Exception:
        if size > MAX_IN_ITEM_BYTES or not storable:
            raise
        return in_item
    return replace(attempt, answer=None, answer_key=work_key(task.task_id, attempt.number))


def save_to_bucket(ports: Ports, task: Task, attempt: int, answer: Finished | Accepted) -> None:
    """Write an answer to the key where `load_answer` finds it without the task's item."""
    body = _SAVED.dump_json(answer)
    ports.outputs.put(work_key(task.task_id, attempt), body, "application/json")


def archive_answer(ports: Ports, task: Task) -> None:
    """Keep the answer of a task that ends without its results, for a later run.

    A job can be polled again, but its provider may have deleted it by then.
    """
    last = task.attempts[-1] if task.attempts else None
    if last is not None and last.answer is not None:
        save_to_bucket(ports, task, last.number, last.answer)


def load_answer(ports: Ports, task: Task, attempt: Attempt) -> Finished | Accepted | None:
    """The stored answer of an attempt, from the item or the bucket; None when there is none.

    It is `Accepted` only when the table did not take the job's id.
    """
    if attempt.answer is not None:
        return attempt.answer
    body = ports.outputs.get(attempt.answer_key or work_key(task.task_id, attempt.number))
    return _SAVED.validate_json(body) if body is not None else None
