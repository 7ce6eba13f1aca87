"""Functions for the runtime's tests, each with one habit."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def echo(event: Any, context: Any) -> dict[str, Any]:
    """Answers what it got, and who it is."""
    return {
        "event": event,
        "pid": os.getpid(),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
        "left_ms": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
    }


def fail(event: Any, _context: Any) -> None:
    """Raises."""
    message = f"no good: {event}"
    raise LookupError(message)


def leave(event: Any, _context: Any) -> None:
    """Ends its process."""
    os._exit(int(event["status"]))


def dawdle(event: Any, _context: Any) -> dict[str, Any]:
    """Takes as long as it is told."""
    started = time.time()
    time.sleep(event["s"])
    return {"pid": os.getpid(), "started": started, "ended": time.time()}


def speak(event: Any, _context: Any) -> None:
    """Prints to both outputs."""
    sys.stdout.write(f"out: {event['text']}\n")
    sys.stderr.write(f"err: {event['text']}\n")


def shout(event: Any, _context: Any) -> str:
    """Answers as many bytes as it is told."""
    return "x" * int(event["bytes"])


def note(event: Any, _context: Any) -> dict[str, Any]:
    """Writes down what it got."""
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps(event) + "\n")
    return {"next": "done", "wait_s": 0}


def note_and_fail(event: Any, context: Any) -> None:
    """Writes down what it got, and raises."""
    note(event, context)
    fail(event, context)


def batch(event: Any, context: Any) -> dict[str, Any]:
    """Writes down a batch of messages, and fails on those whose body says so."""
    note([record["body"] for record in event["Records"]], context)
    failed = [record["messageId"] for record in event["Records"] if "bad" in record["body"]]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def step(event: Any, context: Any) -> Any:
    """Does what the execution's input says for this step."""
    note({"step": event["does"]}, context)
    match event["does"]:
        case "raise":
            return fail(event, context)
        case "dawdle":
            time.sleep(event["s"])
    return {"next": "done", "wait_s": 1}
