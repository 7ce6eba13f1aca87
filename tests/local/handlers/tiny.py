"""Functions for the tests of the Lambda runtime; each does one thing."""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def echo(event: Any, context: Any) -> dict[str, Any]:
    """Returns its event and its context."""
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


def import_module(event: Any, _context: Any) -> str:
    """Imports a module; returns its name."""
    return importlib.import_module(event).__name__


def leave(event: Any, _context: Any) -> None:
    """Ends its process."""
    os._exit(int(event["status"]))


def dawdle(event: Any, _context: Any) -> dict[str, Any]:
    """Takes `s` seconds."""
    started = time.time()
    time.sleep(event["s"])
    return {"pid": os.getpid(), "started": started, "ended": time.time()}


def speak(event: Any, _context: Any) -> None:
    """Writes to stdout and stderr."""
    sys.stdout.write(f"out: {event['text']}\n")
    sys.stderr.write(f"err: {event['text']}\n")


def shout(event: Any, _context: Any) -> str:
    """Returns `bytes` bytes."""
    return "x" * int(event["bytes"])


def note(event: Any, _context: Any) -> dict[str, Any]:
    """Writes its event to the notes."""
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps(event) + "\n")
    return {"next": "done", "wait_s": 0}


def note_and_fail(event: Any, context: Any) -> None:
    """Writes its event to the notes, and raises."""
    note(event, context)
    fail(event, context)


def batch(event: Any, context: Any) -> dict[str, Any]:
    """Writes a batch of messages to the notes, and fails those whose body has "bad"."""
    note([record["body"] for record in event["Records"]], context)
    failed = [record["messageId"] for record in event["Records"] if "bad" in record["body"]]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def step(event: Any, context: Any) -> Any:
    """Does what the execution's input says."""
    note({"step": event["does"]}, context)
    match event["does"]:
        case "raise":
            return fail(event, context)
        case "dawdle":
            time.sleep(event["s"])
    return {"next": "done", "wait_s": 1}
