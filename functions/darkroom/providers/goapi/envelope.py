"""What GoAPI's unified API wraps around everything: code, message, and a task with its state.

The envelope has a `code` of its own beside the status of HTTP, and both must say yes. Facts are
those of the vendor's "Unified API Schema" and "Get Task" pages (piapi.ai/docs); GoAPI and PiAPI
are one service. Words are mapped by table; what the vendor writes besides is only quoted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from darkroom.domain.errors import AccountBlocked, DarkroomError
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers import http_statuses, untrusted_json
from darkroom.providers.adapter import Answer
from darkroom.providers.job_words import Standing, State, Words, standing_of

LABEL: Final = "GoAPI"

# The first five are documented; the next two are the history's; the others are seen in clients.
WORDS: Final[Words] = {
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
_STATUS: Final = range(100, 600)

# What a create says that cannot be paid for; which status comes with it is not documented, so it
# counts beside any that says no. In lower case; seen by clients of the vendor.
CREDIT_WORDS: Final = ("failed to freeze credit",)
_MAX_LOGS: Final = 20


def read_data(answer: Answer) -> Mapping[str, Any]:
    """The `data` of an answer in which HTTP and `code` say yes.

    What the code beside HTTP's 2xx means:

    ==================  ===========================================================================
    missing, no number  HTTP has said yes, and that holds (clients read answers without one)
    a text              the number that it spells
    200 to 299          yes ("Unified API Schema")
    100 to 599          what such a status would mean ("both must say yes")
    0, anything else    not documented (a task's `error.code` is 0 when nothing is wrong): a task
                        that is named was made, and without one it is doubtful
    ==================  ===========================================================================

    Raises:
        DarkroomError: `code` says no: what such a status would mean.
        Unclear: there is no `data`.
    """
    body = untrusted_json.as_object(answer.json())
    code = _code(body)
    data = body.get("data")
    if code in _OK:
        return untrusted_json.as_object(data)
    named = isinstance(data, dict) and data.get("task_id")
    if code in _STATUS or not named:
        raise refusal_of(answer, code)
    return untrusted_json.as_object(data)


def read_created(answer: Answer) -> Mapping[str, Any]:
    """The task that a create made.

    Raises:
        AccountBlocked: it failed at once, because it could not be paid for.
    """
    task = read_data(answer)
    status = task.get("status")
    ended = isinstance(status, str) and standing_of(status, WORDS).state == "failed"
    if ended and _lacks_credits(_all_said(task)):
        raise _no_credits()
    return task


def refusal_of(answer: Answer, code: int | None = None) -> DarkroomError:
    """The meaning of a refusal, by its status or else by its code, and by its words for credits."""
    status = answer.status if code is None else code
    body = untrusted_json.complaint_of(answer)
    task = body.get("data")
    told = [body.get("message"), *(_all_said(task) if isinstance(task, dict) else ())]
    if _lacks_credits(told):
        return _no_credits()
    return http_statuses.refusal(LABEL, status, _message(body), answer.retry_after_s())


def is_unknown(answer: Answer) -> bool:
    """Whether the answer says that there is no such task: by status or by code."""
    missing = 404
    if answer.ok:
        return _code(untrusted_json.complaint_of(answer)) == missing
    return answer.status == missing


def is_yes(answer: Answer) -> bool:
    """Whether HTTP and `code` both say yes."""
    return answer.ok and _code(untrusted_json.complaint_of(answer)) in _OK


def standing_of_task(task: Mapping[str, Any]) -> Standing:
    """How the task stands; a word that nobody has seen yet means that it is being worked on."""
    return standing_of(task.get("status"), WORDS)


def credits_at_start(task: Mapping[str, Any]) -> float | None:
    """What a new task costs: taken or put aside, depending on the model."""
    amounts = [_amount(task, name) for name in ("consume", "frozen")]
    return max((amount for amount in amounts if amount is not None), default=None)


def credits_at_end(task: Mapping[str, Any]) -> float | None:
    """What a task has cost; None where the amount is in another unit."""
    return _amount(task, "consume")


def failure_of(task: Mapping[str, Any], state: State) -> JobFailed:
    """A task that the provider gave up. Whether it gives money back is not documented."""
    if state == "cancelled":
        return JobFailed("job-cancelled", f"The job was cancelled at {LABEL}.", "unknown")
    return untrusted_json.job_failed(LABEL, _said(task), "unknown")


def _code(body: Mapping[str, Any]) -> int:
    """The envelope's code; one that is no number says nothing, and HTTP has said yes."""
    code = untrusted_json.number_of(body.get("code"))
    return _OK.start if code is None else int(code)


def _lacks_credits(told: Iterable[object]) -> bool:
    said = (one[: untrusted_json.LOOKED_AT].casefold() for one in told if isinstance(one, str))
    return any(words in text for text in said for words in CREDIT_WORDS)


def _no_credits() -> AccountBlocked:
    return AccountBlocked(
        "no-credits",
        f"The account at {LABEL} has too few credits for this.",
        f"Add credits at {LABEL}; the task goes on by itself.",
    )


def _amount(task: Mapping[str, Any], name: str) -> float | None:
    meta = task.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    if not isinstance(usage, dict) or usage.get("type") not in _IN_UNITS:
        return None
    units = untrusted_json.credits_of(usage.get(name))
    return None if units is None else units / UNITS_PER_CREDIT


def _message(body: Mapping[str, Any]) -> str:
    """A refusal may hold a whole task that tells more than the message beside it."""
    task = body.get("data")
    said = _said(task, logs_first=True) if isinstance(task, dict) else ""
    return untrusted_json.quotable(said or body.get("message"))


def _said(task: Mapping[str, Any], *, logs_first: bool = False) -> str:
    """The cause in the vendor's words: of a failed task its error, of a refused one its log."""
    words = _all_said(task, logs_first=logs_first)
    return next((word for word in words if word[: untrusted_json.LOOKED_AT].strip()), "")


def _all_said(task: Mapping[str, Any], *, logs_first: bool = False) -> Sequence[str]:
    error = task.get("error")
    logs = task.get("logs")
    told = [error.get("message"), error.get("raw_message")] if isinstance(error, dict) else [error]
    logged = logs[:_MAX_LOGS] if isinstance(logs, list) else [logs]
    words = [*logged, *told] if logs_first else [*told, *logged]
    return [untrusted_json.words_of(word) for word in words]
