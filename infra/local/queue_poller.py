"""Polls queues for functions, as Lambda's event source mappings do.

Redelivery and dead letters are up to the queue: a message that is not deleted is received again.
Contract: "Using Lambda with Amazon SQS", "Handling errors for an SQS event source", Lambda guide.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moto.awslambda_simple.models import lambda_simple_backends
from moto.sqs.models import Message, sqs_backends

from infra.local.lambda_runtime.worker import InvocationResult
from infra.local.permissions.decision_point import DecisionPoint
from infra.local.permissions.policy import Access
from infra.local.processes import StoppedError

LOG = logging.getLogger(__name__)
LONG_POLL_S: Final = 1
# The most messages of one ReceiveMessage.
MAX_BATCH: Final = 10


@dataclass(frozen=True)
class EventSourceMapping:
    """An event source mapping as deployed."""

    queue_arn: str
    function_arn: str
    batch_size: int = MAX_BATCH
    reports_failures: bool = False
    concurrency: int = 2
    """How many batches the function may process concurrently."""


def find_mappings(account: str, region: str, workers: int) -> list[EventSourceMapping]:
    """The event source mappings as deployed; no more concurrent batches than `workers`."""
    backend = lambda_simple_backends[account][region]
    return [
        EventSourceMapping(
            queue_arn=found.event_source_arn,
            function_arn=found.function_arn,
            batch_size=found.batch_size,
            reports_failures="ReportBatchItemFailures" in (found.function_response_types or ()),
            concurrency=min(
                workers, int((found.scaling_config or {}).get("MaximumConcurrency", workers))
            ),
        )
        for found in backend.list_event_source_mappings("", "")
        if found.enabled
    ]


class QueuePoller:
    """Polls one queue until it is stopped."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        invoke: Callable[[str, bytes], InvocationResult],
        point: DecisionPoint,
    ) -> None:
        self._mapping = mapping
        self._invoke = invoke
        self._point = point
        _, _, _, region, account, self._name = mapping.queue_arn.split(":")
        self._region = region
        self._backend = sqs_backends[account][region]
        self._stopped = threading.Event()
        # moto may give one message to two concurrent receivers.
        self._receiving = threading.Lock()

    def start(self) -> None:
        """Start to poll, with one thread for each concurrent batch."""
        for number in range(self._mapping.concurrency):
            name = f"{self._name}-{number}"
            threading.Thread(target=self._poll, name=name, daemon=True).start()

    def stop(self) -> None:
        """Receive no more messages; does not wait for running batches."""
        self._stopped.set()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            try:
                messages = self._receive()
                if messages:
                    self._invoke_with(messages)
            except StoppedError:
                return
            except Exception:
                # Polling goes on after a failed batch; the queue delivers it again.
                LOG.exception("the queue %s could not be polled", self._name)
                self._stopped.wait(LONG_POLL_S)

    def _receive(self) -> Sequence[Message]:
        with self._receiving:
            if self._stopped.is_set():
                return ()
            self._check("GetQueueAttributes")
            self._check("ReceiveMessage")
            queue = self._backend.get_queue(self._name)
            received: Sequence[Message] = self._backend.receive_message(
                self._name,
                min(self._mapping.batch_size, MAX_BATCH),
                LONG_POLL_S,
                queue.visibility_timeout,  # type: ignore[attr-defined]
            )
            return received

    def _invoke_with(self, messages: Sequence[Message]) -> None:
        records = [
            build_record(message, self._mapping.queue_arn, self._region) for message in messages
        ]
        result = self._invoke(self._mapping.function_arn, json.dumps({"Records": records}).encode())
        if result.error is not None:
            return
        ids = [message.id for message in messages]
        failed = (
            read_failures(result.payload, ids) if self._mapping.reports_failures else frozenset()
        )
        for message in messages:
            if message.id not in failed and message.receipt_handle is not None:
                self._check("DeleteMessage")
                self._backend.delete_message(self._name, message.receipt_handle)

    def _check(self, action: str) -> None:
        """Raise `NotAuthorizedError` if the function's role may not do this with the queue.

        Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping".
        """
        caller = self._point.function(self._mapping.function_arn)
        self._point.check(caller, [Access(f"sqs:{action}", self._mapping.queue_arn)])


def build_record(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    """One message as a record of the function's event."""
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
    attribute = {"dataType": value.get("DataType")}
    for stored, sent in (("StringValue", "stringValue"), ("BinaryValue", "binaryValue")):
        if stored in value:
            attribute[sent] = value[stored]
    return attribute


def read_failures(payload: bytes, ids: Sequence[str]) -> frozenset[str]:
    """The ids of the messages that a function reports as failed.

    All of them if Lambda could not read the response: not JSON, an unknown or empty id.
    """
    all_ids = frozenset(ids)
    try:
        response = json.loads(payload)
    except ValueError:
        return all_ids
    if response is None:
        return frozenset()
    if not isinstance(response, dict):
        return all_ids
    listed = response.get("batchItemFailures") or []
    try:
        failed = frozenset(item["itemIdentifier"] for item in listed)
    except (TypeError, KeyError):
        return all_ids
    return failed if failed.issubset(all_ids) else all_ids
