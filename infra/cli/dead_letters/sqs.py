"""Reads and deletes the messages of the dead-letter queue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from darkroom.aws.intake_messages import sender_id_of
from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

VISIBILITY_TIMEOUT_S: Final = 300
"""How long a received message is hidden from others; it is released earlier at the end."""
WAIT_S: Final = 1
"""With any wait SQS asks all of its servers, so that an empty response means an empty queue
("Amazon SQS short and long polling")."""
BATCH_SIZE: Final = 10
MAX_STALE_BATCHES: Final = 3
"""How many batches in a row without a new message end the reading."""
NO_REASON: Final = "no reason recorded: no function received it"


@dataclass(frozen=True)
class DeadLetter:
    """One message of the dead-letter queue.

    Attributes:
        message_id: its id in this queue.
        reason: why it is here.
        from_intake: whether INTAKE put it here. Then it cannot be the end of a run, whatever it
            says: otherwise anyone who may request a task could end one.
        sent_at: when it first came into a queue.
        first_id: the id that its sender got, if it was sent again with another one.
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
        """The id that its sender got from EventBridge, SNS or SQS."""
        return self.first_id or sender_id_of(self.body) or self.message_id


class DeadLetterQueue:
    """The queue; at the end of the `with` block it releases the messages that were not deleted."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs, self._url = sqs, url
        self._receipts: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        receipts = list(self._receipts.values())
        for first in range(0, len(receipts), BATCH_SIZE):
            # A message whose time-out has passed is visible again; SQS refuses that entry alone.
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(receipts[first : first + BATCH_SIZE])
                ],
            )

    def read(self, before: datetime) -> Iterator[DeadLetter]:
        """Every message that was sent before then, once; later ones are left out.

        So the reading ends even if a message that was sent again comes back at once.
        """
        seen: set[str] = set()
        stale_batches = 0
        while stale_batches < MAX_STALE_BATCHES:
            received = self._receive()
            if not received:
                return
            self._receipts |= {message.message_id: message.receipt for message in received}
            new = [
                message
                for message in received
                if message.message_id not in seen and message.sent_at < before
            ]
            seen |= {message.message_id for message in received}
            stale_batches = 0 if new else stale_batches + 1
            yield from new

    def delete(self, message: DeadLetter) -> None:
        """Delete a message; only after it was sent again, or its run's end was handled."""
        receipt = self._receipts.get(message.message_id, message.receipt)
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        self._receipts.pop(message.message_id, None)

    def _receive(self) -> list[DeadLetter]:
        response = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_SIZE,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=VISIBILITY_TIMEOUT_S,
            WaitTimeSeconds=WAIT_S,
        )
        return [_build_dead_letter(message) for message in response.get("Messages", [])]


def count_dead_letters(sqs: "SQSClient", url: str) -> int:
    """The approximate number of messages in the queue."""
    response = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(response["Attributes"]["ApproximateNumberOfMessages"])


def _build_dead_letter(message: "MessageTypeDef") -> DeadLetter:
    attributes = {
        name: value.get("StringValue", "")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return DeadLetter(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        " ".join(_reason(attributes).split()) or NO_REASON,
        "reason" in attributes,
        datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        attributes.get(FIRST_ID_ATTRIBUTE) or None,
    )


def _reason(attributes: Mapping[str, str]) -> str:
    """The reason as INTAKE, EventBridge or Lambda recorded it.

    Their attributes: "Using dead-letter queues to process undelivered events" in EventBridge's
    guide, "Capturing records of Lambda asynchronous invocations" in Lambda's.
    """
    if "reason" in attributes:
        return attributes["reason"]
    words = [attributes.get(name) for name in ("ERROR_CODE", "ERROR_MESSAGE", "ErrorMessage")]
    return ": ".join(word for word in words if word)
