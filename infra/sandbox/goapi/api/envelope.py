"""The envelope of GoAPI's responses: `code`, `message` and `data`.

Shapes from "Unified API Schema" (piapi.ai/docs) and "Getting Started" (goapi.ai/docs). It renders
and decides nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from werkzeug.wrappers import Response

from infra.sandbox.provider import RefusalError
from infra.sandbox.responses import json_response

UNSET_TIME = "0001-01-01T00:00:00Z"
NANOS = 1_000_000_000


def success_response(data: object, *, message: str = "success", code: int = 200) -> Response:
    """Respond with data in the envelope; the HTTP status is the envelope's code."""
    return json_response({"code": code, "message": message, "data": data}, code)


def error_response(refusal: RefusalError) -> Response:
    """Render a refusal; its `extra` goes into the envelope."""
    body = {"code": refusal.status, "message": refusal.message, "data": None, **refusal.extra}
    response = json_response(body, refusal.status)
    response.headers.update(dict(refusal.headers))
    return response


def format_time(at: float | None) -> str:
    """Write a time with up to nine fractional digits; None becomes the year one, not null."""
    if at is None:
        return UNSET_TIME
    whole, nanos = divmod(round(at * NANOS), NANOS)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09d}".rstrip("0").rstrip(".") + "Z"


def error_fields(code: int = 0, message: str = "", raw: str = "") -> dict[str, object]:
    """Build the `error` of a task, which is present without an error too."""
    return {"code": code, "raw_message": raw, "message": message, "detail": None}


def task_fields(  # noqa: PLR0913 - the task's own parts
    *,
    task_id: str,
    model: str,
    task_type: str,
    status: str,
    config: Mapping[str, object],
    task_input: Mapping[str, object],
    output: object,
    meta: Mapping[str, object],
    logs: list[str],
    error: Mapping[str, object],
) -> dict[str, object]:
    """Build the `data` of a task."""
    return {
        "task_id": task_id,
        "model": model,
        "task_type": task_type,
        "status": status,
        "config": config,
        "input": task_input,
        "output": output,
        "meta": meta,
        "detail": None,
        "logs": logs,
        "error": error,
    }


def meta_fields(
    created_at: float | None,
    started_at: float | None,
    ended_at: float | None,
    usage: Mapping[str, object],
) -> dict[str, object]:
    """Build the `meta` of a task."""
    return {
        "created_at": format_time(created_at),
        "started_at": format_time(started_at),
        "ended_at": format_time(ended_at),
        "usage": usage,
        "is_using_private_pool": False,
    }
