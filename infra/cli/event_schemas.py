"""The JSON Schemas of messages and events, and the AsyncAPI document that refers to them.

The schema of a request is generated from the model by which INTAKE reads it. Those of events are
generated from the models below, which a test compares with what is published. Consumers must allow
further fields: later versions may add some.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from darkroom.aws.event_bridge import SOURCE
from darkroom.aws.intake_messages import RequestMessage
from darkroom.pipeline.batches.look import EVENT as BATCH_FINISHED
from darkroom.pipeline.endings.publish import EVENT_OF, WAITING
from darkroom.pipeline.money.empty_accounts import ACCOUNT_EMPTY
from darkroom.pipeline.orders.holding import TASKS_HELD
from infra.cli.json_layout import lay_out
from infra.cli.spec_schema import DIALECT, describe_model

FILES: Final = {
    "request": "schemas/request.schema.json",
    "task-event": "schemas/task-event.schema.json",
    "batch-event": "schemas/batch-event.schema.json",
    "tasks-held-event": "schemas/tasks-held-event.schema.json",
    "account-empty-event": "schemas/account-empty-event.schema.json",
    "asyncapi": "asyncapi.json",
}
"""Part -> the name of its file, beside the schemas of specs."""
TASK_EVENTS: Final = (*EVENT_OF.values(), WAITING)
PART_OF: Final = {
    **dict.fromkeys(TASK_EVENTS, "task-event"),
    BATCH_FINISHED: "batch-event",
    TASKS_HELD: "tasks-held-event",
    ACCOUNT_EMPTY: "account-empty-event",
}
"""Kind of event -> the part that describes its detail."""
_SPEC: Final = "../spec.schema.json"


class _Event(BaseModel):
    model_config = ConfigDict(defer_build=True)


class Money(_Event):
    """What was spent."""

    credits: float | None = Field(description="Credits; null where one is not known.")
    usd: float | None = Field(description="US dollars; null where a price is not known.")


class TaskCost(Money):
    """What the attempts of a task cost."""

    settled: bool = Field(description="False while it is not known whether a call was charged.")
    prices_as_of: dict[str, str] = Field(description="Provider to the date of its prices.")


class TaskEvent(_Event):
    """The detail of an event about a task."""

    model_config = ConfigDict(title="Darkroom task event")

    event_id: str = Field(description="The same each time this event is sent: act on it once.")
    task_id: str | None = Field(
        description="The task; null for a request that has none: it was refused."
    )
    run: int | None = Field(
        description="Which run of the task ended: 1, and one more after a retry. Of two events of "
        "a task, the one with the higher run is newer."
    )
    status: Literal["succeeded", "failed", "cancelled", "unknown", "waiting"] = Field(
        description="How it ended, or that it waits for files."
    )
    request_id: str | None = Field(description="The sender's id; null for uploads.")
    batch: str | None = Field(description="The batch that the request named.")
    spec_key: str | None = Field(description="The key of its spec in the input bucket.")
    source: str | None = Field(description="The key of the photo.")
    operation: str | None = Field(description="What the spec asks for, also if it was refused.")
    provider: str | None = Field(description="Who did it, or would have.")
    results: list[str] = Field(description="The keys of the results in the output bucket.")
    manifest: str | None = Field(description="The key of the manifest in the output bucket.")
    cost: TaskCost
    metadata: dict[str, Any] = Field(description="The spec's own, also if it was refused.")
    warnings: list[dict[str, str]] = Field(
        default_factory=list, description="What is doubtful about the results."
    )
    code: str = Field(default="", description="Why it failed; programs may branch on it.")
    sentence: str = Field(default="", description="The same for people.")
    missing: list[str] = Field(
        default_factory=list, description="The keys of the files that it waits for."
    )
    deadline: str = Field(default="", description="Until when it waits, ISO 8601.")


class BatchName(_Event):
    """Which batch."""

    kind: Literal["folder", "message"]
    name: str = Field(description="The folder with its trailing slash, or the name.")


class BatchCost(_Event):
    """What a batch cost; by metadata field in its manifest."""

    usd: float | None = Field(description="In all; null where a price is not known.")
    complete: bool = Field(description="Whether the credits of every call are known.")
    by_provider: dict[str, Money]
    prices_as_of: dict[str, str]


class BudgetLeft(_Event):
    """A budget that a batch counts against, when its end was announced."""

    owner: str = Field(description="`environment`, or the key of the `_darkroom.json` that has it.")
    unit: Literal["credits", "usd"]
    provider: str | None = Field(description="Whose credits; null for dollars.")
    per: Literal["day", "ever"]
    limit: float
    held: float = Field(description="Spent or reserved, by other tasks too.")
    left: float


class BatchEvent(_Event):
    """The detail of the event about the end of a batch."""

    model_config = ConfigDict(title="Darkroom batch event")

    event_id: str = Field(description="The same each time this revision is sent.")
    batch: BatchName
    revision: int = Field(description="1, and one more each time that the batch ends changed.")
    digest: str = Field(description="Differs when a task was added or has ended again.")
    rule: dict[Literal["expect", "until", "quiet_s"], int | str]
    ended_by: Literal["expect", "until", "quiet_s"] = Field(description="The rule that held.")
    opened_at: str
    finished_at: str
    counts: dict[str, int] = Field(
        description="`tasks`, `sources`, and how many tasks are in each state."
    )
    failures: dict[str, int] = Field(description="Failure code to the number of tasks.")
    cost: BatchCost
    budgets: list[BudgetLeft] = Field(
        default_factory=list, description="What is left of the budgets that it counts against."
    )
    manifest: str = Field(description="The key of the batch's manifest in the output bucket.")


class TasksHeldEvent(_Event):
    """The detail of the event about very many new tasks below one folder.

    After each thousand more tasks there is another one.
    """

    model_config = ConfigDict(title="Darkroom event of held tasks")

    event_id: str = Field(description="The same each time this event is sent: act on it once.")
    folder: str = Field(description='Of the first level; "" for the root of the bucket.')
    tasks: int = Field(description="How many new tasks there were within ten minutes, so far.")
    limit: int = Field(description="Those above this number are held.")
    next_step: str = Field(description="How to let them go on, or drop them.")


class AccountEmptyEvent(_Event):
    """The detail of the event about an account without credits."""

    model_config = ConfigDict(title="Darkroom event of an empty account")

    event_id: str = Field(description="The same each time this event is sent: act on it once.")
    provider: str = Field(description="Whose account.")
    since: str = Field(description="When a call was first refused for it, ISO 8601.")
    tasks: int = Field(description="How many tasks wait for credits, at that moment.")
    credits_needed: float | None = Field(
        description="About how many credits they need; null where no price is known."
    )
    sentence: str = Field(description="The same for people.")
    next_step: str = Field(description="What to do about it.")


def build_event_texts() -> dict[str, str]:
    """Part -> its file's text."""
    return {part: lay_out(document) for part, document in build_event_documents().items()}


def build_event_documents() -> dict[str, dict[str, Any]]:
    """Part -> its document: five schemas, and the AsyncAPI document."""
    request = _schema_of(RequestMessage)
    request["properties"]["spec"] = {
        "$ref": _SPEC,
        "description": "The spec itself; its inputs are relative to the source's folder.",
    }
    return {
        "request": request,
        "task-event": _schema_of(TaskEvent),
        "batch-event": _schema_of(BatchEvent),
        "tasks-held-event": _schema_of(TasksHeldEvent),
        "account-empty-event": _schema_of(AccountEmptyEvent),
        "asyncapi": _build_asyncapi(),
    }


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT, **describe_model(model)}


def _build_asyncapi() -> dict[str, Any]:
    events = {_name(kind): kind for kind in PART_OF}
    request_names = ("Request", "TaskRequested")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": "Send requests to the intake queue or the event bus; follow the events "
            "on the bus. Everything is delivered at least once, in no order.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "intakeQueue": {
                "address": None,
                "description": "An SQS queue; the stack output IntakeQueueUrl.",
                "messages": {"Request": _refer("Request")},
            },
            "eventBus": {
                "address": None,
                "description": "An EventBridge bus; the stack output EventBus. A payload is the "
                "event's `detail`, a title its `detail-type`.",
                "messages": {name: _refer(name) for name in ("TaskRequested", *events)},
            },
        },
        "operations": {
            "receiveRequest": _operation("receive", "intakeQueue", ["Request"]),
            "receiveRequestEvent": _operation("receive", "eventBus", ["TaskRequested"]),
            "sendEvents": _operation("send", "eventBus", list(events)),
        },
        "components": {
            "messages": {
                request_names[0]: _message("Request", "request", "A request for a task."),
                request_names[1]: _message(
                    "Task Requested", "request", "The same as an event, of any source."
                ),
                **{
                    name: _message(kind, PART_OF[kind], f"An event with the source '{SOURCE}'.")
                    for name, kind in events.items()
                },
            }
        },
    }


def _name(kind: str) -> str:
    return kind.replace(" ", "")


def _refer(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _operation(action: str, channel: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _message(title: str, part: str, summary: str) -> dict[str, Any]:
    return {
        "name": _name(title),
        "title": title,
        "summary": summary,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": FILES[part]},
        },
    }
