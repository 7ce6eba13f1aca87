"""What must hold of budgets: never more is paid, what is free can be used, nobody is forgotten."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.budgets import MILLIONTHS, Reservation, in_units
from darkroom.domain.object_keys import folder_of
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.task import Task
from tests.fakes.clock import START
from tests.simulation.ledger import PRICE

if TYPE_CHECKING:
    from tests.simulation.system import SimulatedSystem

MIDNIGHT_S: Final = 30
"""So near to midnight clocks differ in the day."""


def find_overspending(system: "SimulatedSystem", work: JobRequest) -> str | None:
    """What is wrong with a paid call that is about to be sent, by the providers' ledger."""
    task = system.tasks.stored.get(work.task_id)
    budget = None if task is None else _budget(system, task)
    now = START + timedelta(seconds=system.scheduler.now)
    seconds = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if task is None or budget is None or not MIDNIGHT_S < seconds < 24 * 3600 - MIDNIGHT_S:
        return None
    spent = float(PRICE)
    for other in system.tasks.stored.values():
        if folder_of(other.trigger.key) != folder_of(task.trigger.key):
            continue
        for attempt in other.attempts:
            same = (other.task_id, attempt.number) == (work.task_id, work.attempt)
            jobs = system.providers.ledger.by_attempt.get((other.task_id, attempt.number), ())
            if same or attempt.provider != work.route.provider or not jobs:
                continue
            known_free = attempt.charged == "no" and attempt.outcome != "open"
            if attempt.started_at.date() == now.date() and not known_free:
                spent += min(jobs[0].owed, PRICE)
    if spent > budget:
        return f"{task.task_id} is paid for: {spent:g} credits of a budget of {budget:g}"
    return None


def find_budget_violations(system: "SimulatedSystem") -> Iterator[str]:
    """A sentence for each task that is still held, and each account that holds a wrong amount."""
    held: Counter[str] = Counter()
    for task in system.tasks.stored.values():
        for attempt in task.attempts:
            held.update({one.account: _holds(attempt, one) for one in attempt.reserved})
        if task.held:
            yield f"{task.task_id} {task.wait_reason}, for ever"
    for account in system.tasks.accounts.keys() | held.keys():
        there, right = system.tasks.accounts[account], held[account]
        if there != right:
            yield f"{account} holds {in_units(there):g} in place of {in_units(right):g}"


def _budget(system: "SimulatedSystem", task: Task) -> float | None:
    """The credits a day that may be spent in its folder; None where its file has changed."""
    versions = system.users.folders.defaults.get(folder_of(task.trigger.key), ())
    if len(versions) != 1 or not versions[0].body or versions[0].broken:
        return None
    document = json.loads(versions[0].body)
    if not isinstance(document, dict) or document.get("budget") is None:
        return None
    return float(document["budget"]["credits"])


def _holds(attempt: Attempt, reserved: Reservation) -> int:
    """What an attempt holds: its price while that is unclear, then what it cost."""
    if attempt.outcome == "open" or (attempt.charged != "no" and attempt.credits is None):
        return reserved.amount
    if attempt.charged == "no":
        return 0
    return round((attempt.credits or 0) * (reserved.per_credit or MILLIONTHS))
