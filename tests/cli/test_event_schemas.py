"""The schemas of messages and events: published as generated, and true of what is sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types
from pydantic import BaseModel
from referencing import Registry

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message
from darkroom.domain.errors import AccountBlocked, Refused
from darkroom.domain.money_rules import MoneyRules
from darkroom.pipeline.batches.look import EVENT
from darkroom.pipeline.intake import receive
from darkroom.pipeline.money.empty_accounts import ACCOUNT_EMPTY
from darkroom.pipeline.orders.holding import TASKS_HELD
from infra.cli import event_schemas
from infra.cli.checkout import EVENTS
from infra.cli.event_schemas import FILES, TASK_EVENTS, build_event_texts
from infra.cli.spec_schema import FILES as SPEC_FILES
from tests.fakes.clock import START
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state

OTHER_EVENTS = (EVENT, TASKS_HELD, ACCOUNT_EMPTY)
SAMPLES = sorted((EVENTS / "messages").glob("*.json"))


def validator(part: str) -> Any:
    """A validator of a published schema, which finds the others by their files' names."""
    names = [name for name in (*FILES.values(), *SPEC_FILES.values()) if "asyncapi" not in name]
    registry = Registry().with_contents(
        (f"{EVENTS.as_uri()}/{name}", json.loads((EVENTS / name).read_text("utf-8")))
        for name in names
    )
    return Draft202012Validator({"$ref": f"{EVENTS.as_uri()}/{FILES[part]}"}, registry=registry)


def part_of(kind: str) -> str:
    """The schema of a kind of event."""
    return {
        EVENT: "batch-event",
        TASKS_HELD: "tasks-held-event",
        ACCOUNT_EMPTY: "account-empty-event",
    }.get(kind, "task-event")


@pytest.mark.parametrize("part", FILES)
def test_the_published_document_is_current(part: str) -> None:
    """`darkroom schema --write events` brings it up to date."""
    assert (EVENTS / FILES[part]).read_text(encoding="utf-8") == build_event_texts()[part]


@pytest.mark.parametrize("part", [part for part in FILES if part != "asyncapi"])
def test_schema_is_one(part: str) -> None:
    """Of its dialect."""
    Draft202012Validator.check_schema(json.loads(build_event_texts()[part]))


# --- what is sent -------------------------------------------------------------------------------


def _published() -> Iterator[tuple[str, dict[str, Any]]]:
    """An event of every kind, as the pipeline sends it."""
    for state in ("failed", "cancelled", "unknown"):
        yield from _events(in_state(state))
    harness = PipelineHarness()
    spec = {"operation": SYNC_NONE, "metadata": {"order": 17}}
    order = {"request_id": "1", "source": PHOTO, "spec": spec, "batch": "n-7", "expect": 1}
    for body in (order, order | {"label": "other"}, {"request_id": "2"}):
        receive(harness.ports, Message(json.dumps(body), "m", 1, START), read_message)
    harness.upload(PHOTO)
    harness.run()
    harness.clock.advance(300)
    harness.sweep()
    yield from _events(harness)
    many = PipelineHarness(money=MoneyRules(guard_tasks=1))
    many.providers.script("submit", AccountBlocked("no-credits", "There are no credits."))
    for number in range(2):
        many.upload(f"many/{number}.jpg")
        many.upload_spec(SYNC_NONE, f"many/{number}.jpg.json")
    many.run(until=["delivering"])
    many.sweep()
    yield from _events(many)


def _events(harness: PipelineHarness) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((one.kind, dict(one.detail)) for one in harness.events.published)


def test_every_event_fits_its_schema_and_has_no_other_fields() -> None:
    """And every kind of event was sent here."""
    published = list(_published())
    assert {kind for kind, _ in published} == {*TASK_EVENTS, *OTHER_EVENTS}
    models: dict[str, type[BaseModel]] = {
        "task-event": event_schemas.TaskEvent,
        "batch-event": event_schemas.BatchEvent,
        "tasks-held-event": event_schemas.TasksHeldEvent,
        "account-empty-event": event_schemas.AccountEmptyEvent,
    }
    for kind, detail in published:
        part = part_of(kind)
        assert list(validator(part).iter_errors(detail)) == [], kind
        assert set(detail) <= set(models[part].model_fields), kind


def test_event_without_a_field_does_not_fit() -> None:
    """What a consumer may rely on is required."""
    kind, detail = next(iter(_published()))
    for name in ("event_id", "task_id", "run", "status", "request_id", "metadata", "cost"):
        less = {key: value for key, value in detail.items() if key != name}
        assert not validator(part_of(kind)).is_valid(less)


# --- samples ------------------------------------------------------------------------------------


def test_there_is_a_sample_of_every_kind() -> None:
    """Of events and of requests."""
    kinds = {json.loads(path.read_text()).get("detail-type") for path in SAMPLES}
    assert {*TASK_EVENTS, *OTHER_EVENTS, "Task Requested"} <= kinds
    assert any(path.name.startswith("request-in-batch") for path in SAMPLES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_sample_fits_its_schema(path: Path) -> None:
    """Those of S3 have none here."""
    document = json.loads(path.read_text())
    kind = document.get("detail-type", "")
    if path.name.startswith("request-"):
        assert list(validator("request").iter_errors(document)) == []
    elif kind == "Task Requested":
        assert list(validator("request").iter_errors(document["detail"])) == []
    elif kind in (*TASK_EVENTS, *OTHER_EVENTS):
        assert list(validator(part_of(kind)).iter_errors(document["detail"])) == []
    else:
        assert path.name.startswith("s3-")


@pytest.mark.parametrize(
    "request_",
    [
        {"request_id": ""},
        {"source": 3},
        {"label": "No Label"},
        {"deadline_s": 59},
        {"batch": {"expect": 3}},
        {"batch": "a b"},
        {"sorce": "a.jpg"},
        {"expect": 0},
    ],
)
def test_schema_and_intake_refuse_the_same_requests(request_: dict[str, Any]) -> None:
    """What the schema marks would be a dead letter."""
    document = {"spec": {"operation": "upscale"}, **request_}
    assert not validator("request").is_valid(document)
    with pytest.raises(Refused):
        read_message(Message(json.dumps(document), "m"), "input")


# --- AsyncAPI -----------------------------------------------------------------------------------


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EVENTS / FILES["asyncapi"]).read_text())
    return document


def test_asyncapi_document_names_every_kind_and_its_schema() -> None:
    """Its payloads are the published schemas."""
    document = _document()
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    titles = {message["title"] for message in messages.values()}
    assert titles == {*TASK_EVENTS, *OTHER_EVENTS, "Request", "Task Requested"}
    for name, message in messages.items():
        assert message["name"] == name
        schema = message["payload"]["schema"]["$ref"]
        assert (EVENTS / schema).is_file()
        if message["title"] in (*TASK_EVENTS, *OTHER_EVENTS):
            assert schema == FILES[part_of(message["title"])]
        else:
            assert schema == FILES["request"]


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    """And an operation's messages are those of its channel."""
    document = _document()
    references = [one for one in _references(document) if one.startswith("#/")]
    assert references
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert all(one["$ref"].startswith(channel) for one in operation["messages"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
