"""A task as a DynamoDB item and back: the task's fields as attributes, beside the index keys."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from darkroom.aws.dynamodb_indexes import shard_of, write_entry
from darkroom.domain.task import Task
from darkroom.domain.turns import Place, Waiter

RETENTION = timedelta(days=400)
"""How long a finished task and its notes are kept: a redrive in that time cannot pay again."""
TASK_FIELD = "task"
MAX_INTEGER = Decimal("1e30")


@cache
def _task_adapter() -> TypeAdapter[Task]:
    return TypeAdapter(Task)


def task_key(task_id: str) -> dict[str, Any]:
    """The primary key of a task's item."""
    return {"pk": f"task#{task_id}", "sk": "task"}


def wants_key(key: str, task_id: str) -> dict[str, Any]:
    """The primary key of the note that a task waits for an input key."""
    return {"pk": f"wants#{key}", "sk": task_id}


def latest_key(spec_key: str) -> dict[str, Any]:
    """The primary key of the note that holds a spec's newest task."""
    return {"pk": f"spec#{spec_key}", "sk": "latest"}


def owner_key(output: str) -> dict[str, Any]:
    """The primary key of the note that holds an output name's newest task."""
    return {"pk": f"output#{output}", "sk": "owner"}


def request_key(request_id: str) -> dict[str, Any]:
    """The primary key of the note that holds the task of a message's request id."""
    return {"pk": f"request#{request_id}", "sk": "task"}


def done_key(work: str) -> dict[str, Any]:
    """The primary key of the note that holds the last task that has done some work."""
    return {"pk": f"done#{work}", "sk": "task"}


def job_key(provider: str, job_id: str) -> dict[str, Any]:
    """The primary key of the note that holds the attempt that a provider's job belongs to."""
    return {"pk": f"job#{provider}#{job_id}", "sk": "owner"}


def turns_key(provider: str) -> dict[str, Any]:
    """The primary key of what is given out at a provider."""
    return {"pk": f"gate#{provider}", "sk": "turns"}


def durations_key(provider: str, route: str) -> dict[str, Any]:
    """The primary key of how long the jobs of one of a provider's routes took."""
    return {"pk": f"gate#{provider}", "sk": f"durations#{route}"}


def account_key(account: str) -> dict[str, Any]:
    """The primary key of what is reserved and spent of a budget in one period."""
    return {"pk": f"budget#{account}", "sk": "held"}


def charges_key(provider: str) -> dict[str, Any]:
    """The primary key of what a provider has charged lately."""
    return {"pk": f"gate#{provider}", "sk": "charges"}


def line_key(task_id: str, place: Place) -> dict[str, Any]:
    """The primary key of a task's place in a line; the sort key is the line's order."""
    return {"pk": line_partition(place.provider), "sk": f"{_ms(place.since):015d}#{task_id}"}


def line_partition(provider: str) -> str:
    """The partition that holds a provider's line."""
    return f"line#{provider}"


def write_waiter(task: Task) -> dict[str, Any] | None:
    """The item of the task's place in line; None if it is in none."""
    place = task.place
    if place is None:
        return None
    return line_key(task.task_id, place) | {
        "run": task.run,
        "calls": place.calls,
        "opens_job": place.opens_job,
        "missed": False,
        "expires_at": expiry(task.deadline),
    }


def read_waiter(item: Mapping[str, Any]) -> Waiter:
    """The waiter that `write_waiter` wrote."""
    since_ms, _, task_id = str(item["sk"]).partition("#")
    since = datetime.fromtimestamp(int(since_ms) / 1000, UTC)
    provider = str(item["pk"]).removeprefix(line_partition(""))
    place = Place(provider, since, int(item["calls"]), bool(item["opens_job"]))
    return Waiter(task_id, int(item["run"]), place, bool(item["missed"]))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def write_item(task: Task) -> dict[str, Any]:
    """The item: index keys and state beside the whole task; numbers are Decimal."""
    document = json.loads(_task_adapter().dump_json(task), parse_float=Decimal)
    at = time_text(task.updated_at)
    item = task_key(task.task_id) | {
        "revision": task.revision,
        "state": task.state,
        "updated_at": at,
        **write_entry(task),
        TASK_FIELD: document,
    }
    shard = shard_of(task.task_id)
    item |= {"due": f"due#{shard}", "due_at": time_text(task.due)}
    if task.finished:
        item["expires_at"] = expiry(task.updated_at)
    if task.state in ("failed", "unknown"):
        item["attention"] = f"attention#{shard}"
    return item


def read_item(item: Mapping[str, Any]) -> Task:
    """The task that `write_item` wrote.

    Raises:
        ValueError: another version of the code wrote it; the message holds nothing of the item.
    """
    try:
        return _task_adapter().validate_python(_plain(item[TASK_FIELD]))
    except ValidationError:
        raise ValueError(f"the item {item['pk']} is not a task that this version knows") from None


def expiry(at: datetime) -> int:
    """When DynamoDB may delete an item last needed at `at`: Unix seconds."""
    return int((at + RETENTION).timestamp())


def _plain(value: Any) -> Any:  # noqa: ANN401 - DynamoDB's nested values
    """DynamoDB's numbers as int if they are whole, else as float."""
    if isinstance(value, Decimal):
        # As an int, a large float would have more digits than DynamoDB accepts.
        whole = abs(value) < MAX_INTEGER and value == value.to_integral_value()
        return int(value) if whole else float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def time_text(at: datetime) -> str:
    """A time as text that sorts by time, as in the index keys."""
    return at.isoformat(timespec="microseconds")
