"""Reads queues for functions, as Lambda's event source mappings do.

Redelivery and dead letters are the queue's own business: a message that is not deleted comes back.
Contract: "Using Lambda with Amazon SQS", "Handling errors for an SQS event source", Lambda guide.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moto.sqs.models import Message, sqs_backends

from infra.local.lambda_runtime.worker import Answer
from infra.local.processes import StoppedError

LOG = logging.getLogger(__name__)
LONG_POLL_S: Final = 1
# ReceiveMessage gives no more at once.
MAX_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Mapping:
    """An event source mapping as deployed."""

    queue_arn: str
    function_arn: str
    batch_size: int = MAX_AT_ONCE
    reports_failures: bool = False
    at_once: int = 2
    """How many batches may be in work."""


class QueueReader:
    """Reads one queue until it is stopped."""

    def __init__(self, mapping: Mapping, invoke: Callable[[str, bytes], Answer]) -> None:
        self._mapping = mapping
        self._invoke = invoke
        _, _, _, region, account, self._name = mapping.queue_arn.split(":")
        self._region = region
        self._backend = sqs_backends[account][region]
        self._stopped = threading.Event()
        # moto can hand one message to two receivers that ask at the same moment.
        self._receiving = threading.Lock()

    def start(self) -> None:
        """Begins to read, with a thread for each batch that may be in work."""
        for number in range(self._mapping.at_once):
            name = f"{self._name}-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def stop(self) -> None:
        """Takes no more messages; those in work are not waited for."""
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                messages = self._receive()
                if messages:
                    self._hand_over(messages)
            except StoppedError:
                return
            except Exception:
                # The mapping outlives whatever becomes of one batch; the queue brings it again.
                LOG.exception("the queue %s could not be read", self._name)
                self._stopped.wait(LONG_POLL_S)

    def _receive(self) -> Sequence[Message]:
        with self._receiving:
            if self._stopped.is_set():
                return ()
            queue = self._backend.get_queue(self._name)
            received: Sequence[Message] = self._backend.receive_message(
                self._name,
                min(self._mapping.batch_size, MAX_AT_ONCE),
                LONG_POLL_S,
                queue.visibility_timeout,  # type: ignore[attr-defined]
            )
            return received

    def _hand_over(self, messages: Sequence[Message]) -> None:
        records = [
            build_record(message, self._mapping.queue_arn, self._region) for message in messages
        ]
        answer = self._invoke(self._mapping.function_arn, json.dumps({"Records": records}).encode())
        if answer.error is not None:
            return
        ids = [message.id for message in messages]
        failed = (
            read_failures(answer.payload, ids) if self._mapping.reports_failures else frozenset()
        )
        for message in messages:
            if message.id not in failed and message.receipt_handle is not None:
                self._backend.delete_message(self._name, message.receipt_handle)


def build_record(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    """One message as a function sees it."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {
            name: _build_attribute(value) for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


def _build_attribute(value: dict[str, Any]) -> dict[str, Any]:
    shown = {"dataType": value.get("DataType")}
    for theirs, ours in (("StringValue", "stringValue"), ("BinaryValue", "binaryValue")):
        if theirs in value:
            shown[ours] = value[theirs]
    return shown


def read_failures(payload: bytes, ids: Sequence[str]) -> frozenset[str]:
    """Which messages a function says it failed on.

    All of them when the answer is not what Lambda can read: not JSON, an unknown or empty id.
    """
    everything = frozenset(ids)
    try:
        answer = json.loads(payload)
    except ValueError:
        return everything
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        return everything
    listed = answer.get("batchItemFailures") or []
    try:
        failed = frozenset(item["itemIdentifier"] for item in listed)
    except (TypeError, KeyError):
        return everything
    return failed if failed.issubset(everything) else everything
