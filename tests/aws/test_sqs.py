"""Dead letters on SQS: the attributes that they get."""

import json
from typing import Any

import pytest

from darkroom.aws.sqs import SqsDeadLetters
from darkroom.domain.arrivals import MAX_REASON_BYTES


class _Queue:
    """A queue that keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(
    ("reason", "kept"), [("x" * 5000, "x" * MAX_REASON_BYTES), ("", "unknown")]
)
def test_reason_is_never_too_long_and_never_empty(reason: str, kept: str) -> None:
    """SQS refuses both, and a dead letter must not be lost because of an attribute."""
    queue = _Queue()
    SqsDeadLetters(lambda: queue, "url").put("{}", reason, "m-1")  # type: ignore[arg-type, return-value]

    assert queue.sent[0]["MessageAttributes"]["reason"]["StringValue"] == kept
    json.dumps(queue.sent)
