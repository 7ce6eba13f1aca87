"""The dead letters of an environment: what each is about, why it is there, how to hold and drop it.

Three kinds end there: what INTAKE gave up or was never given, what EventBridge could not send, and
the ends of runs that FAIL could not carry out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import BaseModel, Field

from darkroom.aws.intake_messages import read_message, sender_id_of
from darkroom.domain.arrivals import (
    FIRST_ID_ATTRIBUTE,
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

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HOLD_S: Final = 300
"""How long a letter that was looked at is hidden from others; it is given back at the end."""
WAIT_S: Final = 1
"""With any wait at all SQS asks all of its servers, so that an empty answer says something
("Amazon SQS short and long polling")."""
MAX_AT_ONCE: Final = 10
IN_VAIN: Final = 3
"""So many answers in a row without a letter from before the start are the end."""
NO_REASON: Final = "it bears no reason: no function got to see it"


@dataclass(frozen=True)
class Letter:
    """One message as it lies there.

    Attributes:
        message_id: this queue's name for it.
        from_intake: whether intake put it there: then it is no end of a run, whatever it says.
            Anyone who may ask for a task could else end one.
        sent_at: when it first came into any queue.
        first_id: the id that whoever sent it first was given, where it is known by another now.
    """

    message_id: str
    receipt: str
    body: str
    reason: str
    from_intake: bool
    sent_at: datetime
    first_id: str | None = None

    @property
    def sender_id(self) -> str:
        """The id that its sender was given, by EventBridge, SNS or SQS."""
        return self.first_id or sender_id_of(self.body) or self.message_id


@dataclass(frozen=True)
class Incoming:
    """A message for the intake queue.

    Attributes:
        about: what it is called before people.
        names: what it may be meant by: keys, its sender's ids, its task's id where that can be
            told.
        body: what to send: it asks for the same task, whenever it does.
        request_id: what the sender called it, if anything.
        order: what tells it from others about the same file: the sender's name for it, or its id.
    """

    about: str
    names: frozenset[str]
    body: str
    request_id: str | None = None
    order: str = ""


@dataclass(frozen=True)
class FailedRunEvent:
    """A run that ended without its last door; `status` is Step Functions' word."""

    task_id: str
    run: int
    status: str


def read_letter(letter: Letter, bucket: str) -> Incoming | FailedRunEvent:
    """What a letter is; what nobody understands is for intake to refuse again.

    Args:
        letter: the letter.
        bucket: the input bucket's name.
    """
    if not letter.from_intake:
        with suppress(ValueError):
            return _Ended.model_validate_json(letter.body).end()
    message = Message(letter.body, letter.sender_id, sent_at=letter.sent_at)
    arrivals: Sequence[Arrival] = ()
    with suppress(Refused):
        arrivals = read_message(message, bucket)
    names = {letter.message_id, letter.sender_id}
    about = f"message {letter.sender_id}"
    request_id, order = None, ""
    for arrival in arrivals:
        match arrival:
            case Requested():
                request_id = arrival.request_id
                trigger = build_trigger(arrival, bucket, letter.sent_at)
                order = f"request {request_id}" if request_id else f"message {letter.sender_id}"
                about = arrival.source or order
                names |= {trigger.task_id, arrival.source or trigger.key}
                names |= {request_id} if request_id else set()
            case UnreadableArrival():
                continue
            case _:
                about = arrival.key
                names |= names_of(arrival.key)
        if isinstance(arrival, Uploaded) and arrival.version_id:
            names.add(Trigger("upload", bucket, arrival.key, arrival.version_id).task_id)
    return Incoming(about, frozenset(names), dead_letter_body(message, arrivals), request_id, order)


class DeadLetters:
    """The queue, held for as long as the `with` block lasts: what is not dropped is given back."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs, self._url = sqs, url
        self._held: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        held = list(self._held.values())
        for first in range(0, len(held), MAX_AT_ONCE):
            # One that was held for too long is back already, and is refused alone.
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(held[first : first + MAX_AT_ONCE])
                ],
            )

    def read(self, before: datetime) -> Iterator[Letter]:
        """Every letter that was sent before then, once; later ones are not looked at.

        So it ends, although one that nobody understands comes straight back.
        """
        seen: set[str] = set()
        vain = 0
        while vain < IN_VAIN:
            received = self._receive()
            if not received:
                return
            self._held |= {letter.message_id: letter.receipt for letter in received}
            fresh = [
                letter
                for letter in received
                if letter.message_id not in seen and letter.sent_at < before
            ]
            seen |= {letter.message_id for letter in received}
            vain = 0 if fresh else vain + 1
            yield from fresh

    def drop(self, letter: Letter) -> None:
        """Delete a letter; only after what it asked for is done or on its way."""
        receipt = self._held.get(letter.message_id, letter.receipt)
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        self._held.pop(letter.message_id, None)

    def _receive(self) -> list[Letter]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MAX_AT_ONCE,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=HOLD_S,
            WaitTimeSeconds=WAIT_S,
        )
        return [_letter(message) for message in answer.get("Messages", [])]


def names_of(key: str) -> set[str]:
    """The key, and of a spec's also its photo's."""
    source = None
    if classify_key(key) == "spec":
        with suppress(Refused):
            source = parse_spec_name(key).source
    return {key, source or key}


def count_letters(sqs: "SQSClient", url: str) -> int:
    """How many lie there, about."""
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def _letter(message: "MessageTypeDef") -> Letter:
    told = {
        name: value.get("StringValue", "")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return Letter(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        " ".join(_reason(told).split()) or NO_REASON,
        "reason" in told,
        datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        told.get(FIRST_ID_ATTRIBUTE) or None,
    )


def _reason(told: Mapping[str, str]) -> str:
    """Our own, or EventBridge's, or Lambda's.

    Their names: "Using dead-letter queues to process undelivered events" in EventBridge's guide,
    "Capturing records of Lambda asynchronous invocations" in Lambda's.
    """
    if "reason" in told:
        return told["reason"]
    words = [told.get("ERROR_CODE"), told.get("ERROR_MESSAGE"), told.get("ErrorMessage")]
    return ": ".join(word for word in words if word)


class _Run(BaseModel):
    name: str
    status: str


class _Ended(BaseModel):
    """EventBridge's event of a run's end, for FAIL."""

    kind: Literal["Step Functions Execution Status Change"] = Field(alias="detail-type")
    detail: _Run

    def end(self) -> FailedRunEvent:
        task_id, run = parse_run_name(self.detail.name)
        return FailedRunEvent(task_id, run, self.detail.status)
