"""Shows how our books and the vendors' differ: a summary, the rows, and a CSV for their support."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from infra.cli.money.costs import csv_cell
from infra.cli.printing import escape

if TYPE_CHECKING:
    from darkroom.domain.reconciliation import Difference
    from darkroom.pipeline.money.reconcile import Reconciled
    from darkroom.pipeline.settle_charges import Settled

WIDTH: Final = 80
"""Columns of the summary and the rows."""
MAX_NAME: Final = 60
"""Characters of a job's id that people are shown; the CSV has all of it."""
WORDS: Final[Mapping[str, str]] = {
    "ours-only": "ours only",
    "theirs-only": "theirs only",
    "another-amount": "another amount",
    "failed-and-charged": "failed, charged",
    "refunded": "refunded",
    "unknown": "unknown to us",
}
_COLUMNS: Final = (
    *("provider", "difference", "job_id", "vendor_time", "vendor_state", "vendor_credits"),
    *("vendor_item", "our_task", "our_attempt", "our_time", "our_outcome", "our_charged"),
    *("our_credits", "note"),
)


def summary_lines(found: "Reconciled") -> Iterator[str]:
    """What one provider's comparison says, in lines of at most 80 columns.

    As in "goapi: 120 agree, 3 differ: 1 theirs only, 2 refunded".
    """
    if found.comparison is None:
        failure = found.failure
        sentence = f"{failure.sentence} {failure.next_step}".strip() if failure else ""
        yield f"{found.provider}: {sentence}"
        return
    result = found.comparison
    counts: Counter[str] = Counter(each.kind for each in result.differences)
    yield f"{found.provider}: {result.agreed:,} agree, {len(result.differences):,} differ"
    kinds = [f"{counts[kind]:,} {WORDS[kind]}" for kind in WORDS if counts[kind]]
    if kinds:
        yield f"  {', '.join(kinds)}"
    for number, what in (
        (result.under_way, "not compared: under way, or ended just now"),
        (result.not_compared, "not compared: not listed, or without an amount in credits"),
        (found.unreadable, "rows of its history cannot be read"),
    ):
        if number:
            yield f"  {number:,} {what}"
    if found.partial is not None:
        yield f"  its history is long; it was read back to {_short_time(found.partial)}"


def difference_lines(difference: "Difference") -> Iterator[str]:
    """One difference for people, in lines of at most 80 columns."""
    name = _short(_job_name(difference) or "(no job id)", MAX_NAME)
    yield f"  {WORDS[difference.kind]:<16} {name}"
    ours, theirs = difference.ours, difference.theirs
    if ours is not None:
        charged = _charge(ours.attempt.charged, ours.attempt.credits)
        yield f"    we:   {charged}, task {ours.task_id}"
    if theirs is not None:
        yield f"    they: {_amount(theirs.credits)}, {theirs.state}, {_seconds(theirs.at_s)}"
    if difference.note:
        yield f"    {_short(difference.note, WIDTH - 4)}"


def settled_lines(settled: "Settled") -> Iterator[str]:
    """What became of one difference, in two lines."""
    task = settled.difference.ours.task_id if settled.difference.ours else ""
    failure = settled.failure
    yield f"  {'not settled' if failure else 'settled'}: task {task}"
    yield f"    {failure.sentence if failure else settled.done}"


def unsettled(
    found: "Sequence[Reconciled]", settled: "Sequence[Settled]"
) -> "Sequence[Difference]":
    """The differences that are left, once some are settled.

    A job that has failed and was charged stays one: the vendor may give its credits back.
    """
    done = [one.difference for one in settled if one.failure is None]
    gone = [each for each in done if each.kind == "unknown"]
    jobs = {(each.provider, each.job_id) for each in gone}
    calls = {_call(each) for each in gone}
    return [
        each
        for one in found
        if one.comparison is not None
        for each in one.comparison.differences
        if _call(each) not in calls and (each.provider, each.job_id) not in jobs
    ]


def as_dict(found: "Reconciled") -> dict[str, Any]:
    """One provider's result as `--json` prints it."""
    result, failure = found.comparison, found.failure
    if result is None:
        return {
            "provider": found.provider,
            "code": failure.code if failure else None,
            "sentence": failure.sentence if failure else None,
        }
    return {
        "provider": found.provider,
        "code": None,
        "agreed": result.agreed,
        "under_way": result.under_way,
        "not_compared": result.not_compared,
        "unreadable": found.unreadable,
        "read_back_to": found.partial.isoformat() if found.partial else None,
        "differences": [
            dict(zip(_COLUMNS, _row(each), strict=True)) | {"settles": each.settles}
            for each in result.differences
        ],
    }


def settled_as_dict(settled: "Settled") -> dict[str, Any]:
    """What became of one difference, as `--json` prints it."""
    failure = settled.failure
    return {
        "provider": settled.difference.provider,
        "job_id": settled.difference.job_id or None,
        "task_id": settled.difference.ours.task_id if settled.difference.ours else None,
        "done": settled.done or None,
        "code": failure.code if failure else None,
        "sentence": failure.sentence if failure else None,
    }


def as_csv(differences: "Sequence[Difference]") -> str:
    """The differences as CSV with a header, for a vendor's support: no key, URL or file name."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for each in differences:
        table.writerow([csv_cell(value) for value in _row(each)])
    return text.getvalue()


def _call(difference: "Difference") -> tuple[str, int] | tuple[()]:
    ours = difference.ours
    return (ours.task_id, ours.attempt.number) if ours else ()


def _row(difference: "Difference") -> tuple[Any, ...]:
    ours, theirs = difference.ours, difference.theirs
    attempt = ours.attempt if ours else None
    return (
        difference.provider,
        difference.kind,
        _job_name(difference) or None,
        _seconds(theirs.at_s) if theirs else None,
        theirs.state if theirs else None,
        theirs.credits if theirs else None,
        theirs.what if theirs else None,
        ours.task_id if ours else None,
        attempt.number if attempt else None,
        attempt.started_at.astimezone(UTC).isoformat(timespec="seconds") if attempt else None,
        attempt.outcome if attempt else None,
        attempt.charged if attempt else None,
        attempt.credits if attempt else None,
        difference.note,
    )


def _job_name(difference: "Difference") -> str:
    """The job's id; not one that is an address, which may be signed."""
    return "(an address)" if "://" in difference.job_id else difference.job_id


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _charge(charged: str, credits_: float | None) -> str:
    match charged:
        case "yes":
            return _amount(credits_)
        case "unknown":
            return f"perhaps {_amount(credits_)}"
        case _:
            return "not charged"


def _amount(credits_: float | None) -> str:
    return "credits unknown" if credits_ is None else f"{credits_:,.10g} credits"


def _seconds(at_s: float | None) -> str:
    return "at an unknown time" if at_s is None else _short_time(datetime.fromtimestamp(at_s, UTC))


def _short_time(at: datetime) -> str:
    return escape(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
