"""The envelope of GoAPI's unified API: code, message, and a task with its status.

Its `code` comes in addition to HTTP's status, and both must report success. Facts are those of the
vendor's "Unified API Schema" and "Get Task" pages (piapi.ai/docs); GoAPI and PiAPI are one service.
Status words are mapped by table; other texts of the vendor are only quoted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from darkroom.domain.attempt import Charged
from darkroom.domain.errors import AccountBlocked, DarkroomError
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers import http_statuses, json_fields
from darkroom.providers.adapter import Response
from darkroom.providers.job_status import JobStatus, State, StatusWords, read_job_status

LABEL: Final = "GoAPI"

# The first five are documented, the next two are the history's, and clients have seen the others.
WORDS: Final[StatusWords] = {
    "pending": "pending",
    "staged": "pending",
    "processing": "pending",
    "completed": "finished",
    "failed": "failed",
    "finished": "finished",
    "success": "finished",
    "running": "pending",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}

# In these types 10,000,000 units are one dollar; `mj` counts differently, `quota` is undocumented.
_IN_UNITS: Final = frozenset({"llm", "point"})
UNITS_PER_CREDIT: Final = 20_000
"""Dashboard and price list count in credits, 500 of them a dollar."""

_OK: Final = range(200, 300)
_STATUS: Final = range(100, 600)

# The message of a create without enough credits. Its status is not documented, so the words count
# with any error, and in a task that has failed. In lower case; seen by clients of the vendor.
NO_CREDIT_WORDS: Final = ("failed to freeze credit",)
_MAX_LOGS: Final = 20


def read_data(response: Response) -> Mapping[str, Any]:
    """The `data` of a response in which HTTP and `code` report success.

    The meaning of the code in a 2xx response:

    ==================  ===========================================================================
    missing, no number  success, as HTTP says (clients have met responses without one)
    a text              the number that it spells
    200 to 299          success ("Unified API Schema")
    100 to 599          the meaning of such a status ("both must say yes")
    0, anything else    not documented (a task's `error.code` is 0 without an error): success if a
                        task id is there, else unclear
    ==================  ===========================================================================

    Raises:
        DarkroomError: `code` reports an error: the meaning of such a status.
        Unclear: `data` is missing.
    """
    body = json_fields.as_object(response.json())
    code = _code(body)
    data = body.get("data")
    if code in _OK:
        return json_fields.as_object(data)
    has_task = isinstance(data, dict) and data.get("task_id")
    if code in _STATUS or not has_task:
        raise error_for(response, code)
    return json_fields.as_object(data)


def read_created(response: Response) -> Mapping[str, Any]:
    """The task of a create's response.

    Raises:
        AccountBlocked: it failed at once, for lack of credits.
    """
    task = read_data(response)
    status = task.get("status")
    ended = isinstance(status, str) and read_job_status(status, WORDS).state == "failed"
    if ended and _lacks_credits(_all_messages(task)):
        raise _no_credits()
    return task


def error_for(response: Response, code: int | None = None) -> DarkroomError:
    """The error of a response: by its words for a lack of credits, else by its status or `code`."""
    status = response.status if code is None else code
    body = json_fields.error_body(response)
    task = body.get("data")
    messages = [body.get("message"), *(_all_messages(task) if isinstance(task, dict) else ())]
    if _lacks_credits(messages):
        return _no_credits()
    return http_statuses.error_for_status(LABEL, status, _message(body), response.retry_after_s())


def is_unknown_task(response: Response) -> bool:
    """Whether the response says that the task does not exist: by status or by code."""
    missing = 404
    if response.ok:
        return _code(json_fields.error_body(response)) == missing
    return response.status == missing


def is_ok(response: Response) -> bool:
    """Whether HTTP and `code` both report success."""
    return response.ok and _code(json_fields.error_body(response)) in _OK


def read_task_status(task: Mapping[str, Any]) -> JobStatus:
    """The task's status; an unknown word counts as pending."""
    return read_job_status(task.get("status"), WORDS)


def credits_at_start(task: Mapping[str, Any]) -> float | None:
    """The credits of a new task: charged or frozen, depending on the model."""
    amounts = [_amount(task, name) for name in ("consume", "frozen")]
    return max((amount for amount in amounts if amount is not None), default=None)


def credits_at_end(task: Mapping[str, Any]) -> float | None:
    """The credits of a finished task; None if the amount is in another unit."""
    return _amount(task, "consume")


def credits_in_row(row: Mapping[str, Any]) -> float | None:
    """The credits in a row of the task history; None if the amount is in another unit."""
    return _credits(row.get("usage"), row.get("usage_type"))


def read_failure(task: Mapping[str, Any], state: State) -> JobFailed:
    """A failed or cancelled task. Whether the vendor refunds it is not documented."""
    if state == "cancelled":
        return JobFailed("job-cancelled", f"The job was cancelled at {LABEL}.", "unknown")
    # A log may tell of a lack of credits that was over later; the error tells why it has failed.
    messages = _errors(task) or _all_messages(task)
    return failed_job(messages, "unknown", consumed=credits_at_end(task) or 0)


def failed_job(messages: Sequence[str], charged: Charged, consumed: float = 0) -> JobFailed:
    """A job that failed with these messages; for lack of credits it was not even begun."""
    if _lacks_credits(messages) and not consumed:
        error = _no_credits().failure
        return JobFailed(error.code, f"{error.sentence} {error.next_step}", "no")
    return json_fields.job_failed(LABEL, _first(messages), charged)


def _code(body: Mapping[str, Any]) -> int:
    """The envelope's code; success if it is not a number, because HTTP's status is 2xx."""
    code = json_fields.number_or_none(body.get("code"))
    return _OK.start if code is None else int(code)


def _lacks_credits(messages: Iterable[object]) -> bool:
    return json_fields.contains(messages, NO_CREDIT_WORDS)


def _no_credits() -> AccountBlocked:
    return AccountBlocked(
        "no-credits",
        f"The account at {LABEL} has too few credits for this.",
        f"Add credits at {LABEL}; the task goes on by itself.",
    )


def _amount(task: Mapping[str, Any], name: str) -> float | None:
    meta = task.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    return _credits(usage.get(name), usage.get("type")) if isinstance(usage, dict) else None


def _credits(amount: object, unit: object) -> float | None:
    units = json_fields.credits_or_none(amount)
    known = isinstance(unit, str) and unit in _IN_UNITS
    return units / UNITS_PER_CREDIT if known and units is not None else None


def _message(body: Mapping[str, Any]) -> str:
    """An error response may contain a task whose log says more than the message."""
    task = body.get("data")
    message = _message_of_task(task, logs_first=True) if isinstance(task, dict) else ""
    return json_fields.quotable(message or body.get("message"))


def _message_of_task(task: Mapping[str, Any], *, logs_first: bool = False) -> str:
    """The cause in the vendor's words: the error of a failed task, the log of a refused one."""
    return _first(_all_messages(task, logs_first=logs_first))


def _first(messages: Iterable[str]) -> str:
    return next((words for words in messages if words[: json_fields.MAX_TEXT_READ].strip()), "")


def _all_messages(task: Mapping[str, Any], *, logs_first: bool = False) -> Sequence[str]:
    logs = task.get("logs")
    logged = [
        json_fields.find_text(word)
        for word in (logs[:_MAX_LOGS] if isinstance(logs, list) else [logs])
    ]
    errors = _errors(task)
    return [*logged, *errors] if logs_first else [*errors, *logged]


def _errors(task: Mapping[str, Any]) -> Sequence[str]:
    error = task.get("error")
    words = [error.get("message"), error.get("raw_message")] if isinstance(error, dict) else [error]
    return [found for found in map(json_fields.find_text, words) if found.strip()]
