"""What GoAPI's unified API wraps around everything: code, message, and a task with its state.

The envelope has a `code` of its own beside the status of HTTP, and both must say yes. Facts are
those of the vendor's "Unified API Schema" and "Get Task" pages (piapi.ai/docs); GoAPI and PiAPI
are one service. Words are mapped by table; what the vendor writes besides is only quoted.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from darkroom.errors import DarkroomError
from darkroom.providers import reading
from darkroom.providers.protocol import Answer
from darkroom.work import JobFailed

LABEL: Final = "GoAPI"

Word = Literal["pending", "finished", "failed", "cancelled"]

# The first five are documented; the next two are the history's; the others are seen in clients.
WORDS: Final[Mapping[str, Word]] = {
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

# Of these types 10,000,000 units are one dollar; `mj` counts differently, `quota` is not explained.
_IN_UNITS: Final = frozenset({"llm", "point"})
UNITS_PER_CREDIT: Final = 20_000
"""The dashboard, and the price list, speak of credits: 500 of them are a dollar."""

_OK: Final = range(200, 300)


def read_data(answer: Answer) -> Mapping[str, Any]:
    """The `data` of an answer in which HTTP and `code` say yes.

    Raises:
        DarkroomError: `code` says no: what such a status would mean.
        Unclear: there is no `data`.
    """
    body = reading.as_object(answer.json())
    if (code := _code(body)) not in _OK:
        raise refusal_of(answer, code)
    return reading.as_object(body.get("data"))


def refusal_of(answer: Answer, code: int | None = None) -> DarkroomError:
    """The meaning of a refusal, by its status or else by its code."""
    status = answer.status if code is None else code
    return reading.refusal(LABEL, status, _message(answer), answer.retry_after_s())


def is_unknown(answer: Answer) -> bool:
    """Whether the answer says that there is no such task: by status or by code."""
    missing = 404
    if answer.ok:
        return _code(reading.complaint_of(answer)) == missing
    return answer.status == missing


def is_yes(answer: Answer) -> bool:
    """Whether HTTP and `code` both say yes."""
    return answer.ok and _code(reading.complaint_of(answer)) in _OK


def word_of(task: Mapping[str, Any]) -> Word:
    """The task's state; a word that nobody has seen yet means that it is being worked on."""
    status = task.get("status")
    if not isinstance(status, str):
        raise reading.unreadable()
    return WORDS.get(status.strip().lower(), "pending")


def credits_at_start(task: Mapping[str, Any]) -> float | None:
    """What a new task costs: taken or put aside, depending on the model."""
    amounts = [_amount(task, name) for name in ("consume", "frozen")]
    return max((amount for amount in amounts if amount is not None), default=None)


def credits_at_end(task: Mapping[str, Any]) -> float | None:
    """What a task has cost; None where the amount is in another unit."""
    return _amount(task, "consume")


def failure_of(task: Mapping[str, Any], word: Word) -> JobFailed:
    """A task that the provider gave up. Whether it gives money back is not documented."""
    if word == "cancelled":
        return JobFailed("job-cancelled", f"The job was cancelled at {LABEL}.", "unknown")
    return reading.job_failed(LABEL, _said(task), "unknown")


def _code(body: Mapping[str, Any]) -> int:
    """The envelope's code; one that is no number says nothing, and HTTP has said yes."""
    code = body.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else _OK.start


def _amount(task: Mapping[str, Any], name: str) -> float | None:
    meta = task.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    if not isinstance(usage, dict) or usage.get("type") not in _IN_UNITS:
        return None
    units = reading.credits_of(usage.get(name))
    return None if units is None else units / UNITS_PER_CREDIT


def _message(answer: Answer) -> str:
    """A refusal may hold a whole task that tells more than the message beside it."""
    body = reading.complaint_of(answer)
    task = body.get("data")
    said = _said(task, logs_first=True) if isinstance(task, dict) else ""
    return reading.quotable(said or body.get("message"))


def _said(task: Mapping[str, Any], *, logs_first: bool = False) -> str:
    """The cause in the vendor's words: of a failed task its error, of a refused one its log."""
    error = task.get("error")
    logs = task.get("logs")
    told = [error.get("message"), error.get("raw_message")] if isinstance(error, dict) else []
    logged = [
        entry.get("message") if isinstance(entry, dict) else entry
        for entry in (logs if isinstance(logs, list) else [])
    ]
    words = [*logged, *told] if logs_first else [*told, *logged]
    return next((word for word in words if isinstance(word, str) and word.strip()), "")
