"""The shape of GoAPI's answers: `code`, `message` and `data` around everything.

Shapes from "Unified API Schema" (piapi.ai/docs) and "Getting Started" (goapi.ai/docs). It renders
and decides nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError
from infra.sandbox.responses import json_reply

UNSET = "0001-01-01T00:00:00Z"
NANOS = 1_000_000_000


def answer(data: object, *, message: str = "success", code: int = 200) -> Response:
    """Answer with the envelope; HTTP's status is the envelope's code."""
    return json_reply({"code": code, "message": message, "data": data}, code)


def refusal_reply(refusal: RefusalError) -> Response:
    """Render a refusal; what else belongs into the envelope comes with it."""
    body = {"code": refusal.status, "message": refusal.message, "data": None, **refusal.extra}
    response = json_reply(body, refusal.status)
    response.headers.update(dict(refusal.headers))
    return response


def stamp(at: float | None) -> str:
    """Write a time with nine fractional digits; what has not happened is the year one, not null."""
    if at is None:
        return UNSET
    whole, nanos = divmod(round(at * NANOS), NANOS)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09d}".rstrip("0").rstrip(".") + "Z"


def error_part(code: int = 0, message: str = "", raw: str = "") -> dict[str, object]:
    """Build the `error` of a task, which is there when nothing is wrong, too."""
    return {"code": code, "raw_message": raw, "message": message, "detail": None}


def task_part(  # noqa: PLR0913 - the task's own parts
    *,
    task_id: str,
    model: str,
    task_type: str,
    status: str,
    config: Mapping[str, object],
    asked: Mapping[str, object],
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
        "input": asked,
        "output": output,
        "meta": meta,
        "detail": None,
        "logs": logs,
        "error": error,
    }


def meta_part(
    created_at: float | None,
    started_at: float | None,
    ended_at: float | None,
    usage: Mapping[str, object],
) -> dict[str, object]:
    """Build the `meta` of a task."""
    return {
        "created_at": stamp(created_at),
        "started_at": stamp(started_at),
        "ended_at": stamp(ended_at),
        "usage": usage,
        "is_using_private_pool": False,
    }
