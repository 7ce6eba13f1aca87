"""Parses a dead letter: a message for the intake queue, or the end of a run.

Three kinds of messages come into the dead-letter queue: those that INTAKE gave up or never
received, those that EventBridge could not deliver, and ends of runs that FAIL could not handle.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import (
    Arrival,
    Message,
    Requested,
    UnreadableArrival,
    Uploaded,
    dead_letter_body,
)
from darkroom.domain.errors import Refused
from darkroom.domain.object_keys import classify_key, parse_spec_name
from darkroom.domain.order import Trigger
from darkroom.domain.task import parse_run_name
from darkroom.pipeline.orders.request_identity import build_trigger
from infra.cli.dead_letters.sqs import DeadLetter


@dataclass(frozen=True)
class IntakeMessage:
    """A dead letter for the intake queue.

    Attributes:
        subject: what users know it by.
        names: the names that select it: keys, its sender's ids, and its task's id if it is known.
        body: what to send. It requests the same task whenever it is sent.
        request_id: the sender's id for the request, if it has one.
        origin: the request or message that it is; "" for an upload. Tells apart several requests
            for one file.
    """

    subject: str
    names: frozenset[str]
    body: str
    request_id: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class FailedRunEvent:
    """The end of a run that Step Functions stopped; `status` is its word for it."""

    task_id: str
    run: int
    status: str


def parse_dead_letter(letter: DeadLetter, bucket: str) -> IntakeMessage | FailedRunEvent:
    """What a dead letter is; one that cannot be parsed is for INTAKE to refuse again.

    Args:
        letter: the dead letter.
        bucket: the input bucket's name.
    """
    if not letter.from_intake:
        with suppress(ValueError):
            return _ExecutionStatusChange.model_validate_json(letter.body).as_failed_run()
    message = Message(letter.body, letter.sender_id, sent_at=letter.sent_at)
    arrivals: Sequence[Arrival] = ()
    with suppress(Refused):
        arrivals = read_message(message, bucket)
    names = {letter.message_id, letter.sender_id}
    subject = f"message {letter.sender_id}"
    request_id, origin = None, ""
    for arrival in arrivals:
        match arrival:
            case Requested():
                request_id = arrival.request_id
                trigger = build_trigger(arrival, bucket, letter.sent_at)
                origin = f"request {request_id}" if request_id else f"message {letter.sender_id}"
                subject = arrival.source or origin
                names |= {trigger.task_id, arrival.source or trigger.key}
                names |= {request_id} if request_id else set()
            case UnreadableArrival():
                continue
            case _:
                subject = arrival.key
                names |= names_of(arrival.key)
        if isinstance(arrival, Uploaded) and arrival.version_id:
            names.add(Trigger("upload", bucket, arrival.key, arrival.version_id).task_id)
    return IntakeMessage(
        subject, frozenset(names), dead_letter_body(message, arrivals), request_id, origin
    )


def names_of(key: str) -> set[str]:
    """The key, and for a spec also its photo's key."""
    source = None
    if classify_key(key) == "spec":
        with suppress(Refused):
            source = parse_spec_name(key).source
    return {key, source or key}


class _Execution(BaseModel):
    name: str
    status: str


class _ExecutionStatusChange(BaseModel):
    """EventBridge's event about the end of a run, which FAIL receives."""

    kind: Literal["Step Functions Execution Status Change"] = Field(alias="detail-type")
    detail: _Execution

    def as_failed_run(self) -> FailedRunEvent:
        task_id, run = parse_run_name(self.detail.name)
        return FailedRunEvent(task_id, run, self.detail.status)
