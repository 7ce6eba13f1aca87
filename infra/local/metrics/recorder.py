"""Records on this machine what AWS measures by itself: functions and queues.

As lines in the embedded metric format, in a log of their own. The names are those of AWS (Lambda
guide, "Types of metrics for Lambda functions"; SQS guide, "Available CloudWatch metrics").
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

LOG: Final = "aws-metrics.log"


class Recorder:
    """Writes to the log in `folder`, which need not exist yet. Thread-safe."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._log = folder / LOG
        self._clock = clock
        self._lock = threading.Lock()

    def invoked(self, function: str, *, failed: bool) -> None:
        """A function was invoked, and ended."""
        values = {"Invocations": 1.0, "Errors": float(failed)}
        self._write("AWS/Lambda", {"FunctionName": function}, values)

    def throttled(self, function: str) -> None:
        """A function was not invoked, because too many of it run."""
        self._write("AWS/Lambda", {"FunctionName": function}, {"Throttles": 1.0})

    def looked_at(self, queue: str, *, visible: int, oldest_s: float) -> None:
        """How many messages of a queue can be received, and how old the oldest one is."""
        values = {
            "ApproximateNumberOfMessagesVisible": float(visible),
            "ApproximateAgeOfOldestMessage": oldest_s,
        }
        self._write("AWS/SQS", {"QueueName": queue}, values)

    def _write(
        self, namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float]
    ) -> None:
        directive = {
            "Namespace": namespace,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name} for name in values],
        }
        marked = {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]}
        line = json.dumps({"_aws": marked, **dimensions, **values})
        with self._lock:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")
