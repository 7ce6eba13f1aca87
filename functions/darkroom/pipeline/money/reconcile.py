"""Compare our attempts with what each vendor's own history says.

Both sides are read from a day before the time that is asked for, because a job and its charge may
be hours apart. Nothing is written here; `pipeline/settle_charges.py` writes back what was found.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from darkroom.domain.errors import Busy, DarkroomError, Failure
from darkroom.domain.reconciliation import Comparison, OurCall, calls_of, compare
from darkroom.domain.vendor_history import HistoryPage, HistoryRow, VendorHistory, jobs_of
from darkroom.pipeline.admission.turns import reserve_call
from darkroom.ports import Ports

MARGIN: Final = timedelta(days=1)
"""How much further back than asked both sides are read."""
MAX_PAGES: Final = 200
"""Pages of one history that are read at most: 6,000 jobs at Perfect, 20,000 at the others."""
MAX_WAIT_S: Final = 900
"""How long a page may wait for its turn at the provider."""
TASKS_AT_ONCE: Final = 100
"""Tasks that are read with one request."""


@dataclass(frozen=True)
class Reconciled:
    """One provider's result.

    Attributes:
        comparison: None if there is no history to compare with.
        failure: why there is none, or why it was not read; None if it was.
        partial: since when the history was read, where it is longer than is read; else None.
        unreadable: how many of its rows could not be read.
    """

    provider: str
    comparison: Comparison | None = None
    failure: Failure | None = None
    partial: datetime | None = None
    unreadable: int = 0


NO_HISTORY: Final = "no-history"
"""The failure code of a provider that has no such call."""


def reconcile(ports: Ports, since: datetime, providers: Mapping[str, str]) -> Iterator[Reconciled]:
    """Compare every provider's history with our attempts since then, one after the other.

    A provider that does not answer does not stop the others.

    Args:
        ports: the outside; only read.
        since: UTC.
        providers: name -> the name as the vendor writes it.
    """
    read = {name: _read(ports, name, label, since) for name, label in providers.items()}
    asked = [name for name, found in read.items() if isinstance(found, VendorHistory)]
    calls = _our_calls(ports, since, asked) if asked else {}
    for name, found in read.items():
        if isinstance(found, Failure):
            yield Reconciled(name, failure=found)
            continue
        comparison = compare(found, calls.get(name, ()), since, ports.clock.now())
        partial = None if found.complete else datetime.fromtimestamp(found.since_s, UTC)
        yield Reconciled(name, comparison, partial=partial, unreadable=found.unreadable)


def _read(ports: Ports, provider: str, label: str, since: datetime) -> VendorHistory | Failure:
    try:
        history = read_history(ports, provider, since - MARGIN)
    except DarkroomError as error:
        return error.failure
    if history is None:
        return Failure(NO_HISTORY, f"{label} documents no call that lists past charges.")
    return history


def read_history(ports: Ports, provider: str, since: datetime) -> VendorHistory | None:
    """The history since then, at most `MAX_PAGES` pages of it; None where there is none.

    Raises:
        DarkroomError: as `Providers.history`, and `Busy` if the provider's rate has no room.
    """
    rows: list[HistoryRow] = []
    after, since_s, unreadable = "", since.timestamp(), 0
    page = HistoryPage(())
    for _ in range(MAX_PAGES):
        if ports.providers.set_up(provider):  # else nothing is called
            _wait_for_turn(ports, provider)
        found = ports.providers.history(provider, since, after)
        if found is None:
            return None
        page = found
        rows += page.rows
        unreadable += page.unreadable
        if page.after in ("", after) or _is_older(page.rows, since_s):
            break
        after = page.after
    else:
        times = [row.at_s for row in rows if row.at_s is not None]
        return VendorHistory(
            provider,
            jobs_of(rows),
            since_s=min(times, default=ports.clock.now().timestamp()),
            complete=False,
            unreadable=unreadable,
            leaves_out=page.leaves_out,
        )
    return VendorHistory(
        provider,
        jobs_of(rows),
        since_s=since_s,
        unreadable=unreadable,
        leaves_out=page.leaves_out,
    )


def _is_older(rows: Sequence[HistoryRow], since_s: float) -> bool:
    """Whether all of a page's jobs are older: what follows is older still, as it is newest first.

    If a vendor's order is another one, the pages are read to their end.
    """
    times = [row.at_s for row in rows if row.at_s is not None]
    return bool(times) and max(times) < since_s and times[0] >= times[-1]


def _wait_for_turn(ports: Ports, provider: str) -> None:
    """Take a call from the provider's rate, as a poll does."""
    waited = 0.0
    while (wait_s := reserve_call(ports, provider)) is not None:
        if waited + wait_s > MAX_WAIT_S:
            raise Busy("provider-busy", f"The calls of {provider} are used up for now.")
        waited += wait_s
        ports.clock.sleep(wait_s)


def _our_calls(
    ports: Ports, since: datetime, providers: Sequence[str]
) -> Mapping[str, Sequence[OurCall]]:
    """Our calls at these providers, of every task that had not ended before; from the index."""
    first = since - MARGIN
    wanted = [
        each.task_id
        for each in ports.tasks.below("")
        if not each.finished or (each.ended_at or each.created_at) >= first
    ]
    accounts = {provider: ports.providers.account(provider) for provider in providers}
    calls: dict[str, list[OurCall]] = defaultdict(list)
    for start in range(0, len(wanted), TASKS_AT_ONCE):
        for task in ports.tasks.get_many(wanted[start : start + TASKS_AT_ONCE]):
            for provider in {attempt.provider for attempt in task.attempts} & accounts.keys():
                calls[provider] += [
                    call
                    for call in calls_of(task, accounts[provider])
                    if call.attempt.provider == provider and call.attempt.started_at >= first
                ]
    return calls
