"""Publishes the events of tasks on an EventBridge bus."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from darkroom.aws.client_errors import map_aws_errors
from darkroom.domain.errors import Busy

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "darkroom"


class EventBridgeEvents:
    """`ports.Events` on an EventBridge bus."""

    def __init__(self, client: Callable[[], "EventBridgeClient"], bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """See `ports.Events.publish`; PutEvents answers 200 even if it accepted nothing."""
        with map_aws_errors("the event bus"):
            answer = self._client().put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": kind,
                        "Detail": json.dumps(detail, ensure_ascii=False),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "unknown")
            raise Busy("event-not-taken", f"The event bus did not take '{kind}' ({code}).")
