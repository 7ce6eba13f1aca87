"""Turns: which queued task may call a provider next, and when. Values and arithmetic, no I/O.

    a task is queued: it has a place in its provider's line, and no run
      ──▶ it is given a turn: a time to call and, where open jobs are limited, one of them
      ──▶ its run starts and uses the turn: it calls, and its job is open until it ends
      ──▶ a turn that is not used in time is missed: the next in line gets one, and the task that
          missed it keeps its place

First come, first served among equals; a task counts as `HOURS_PER_PRIORITY` older for each step of
priority. Calls are spread by reservation (GCRA, see `rate_limits`), at most `AHEAD_S` ahead, so
that a poll, which takes its call at once, never waits long. Times are seconds since 1970.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from darkroom.domain.rate_limits import Rules, bucket_of

_T = TypeVar("_T")

AHEAD_S = 3.0
"""A turn is given at most this long before its call, unless no other turn is outstanding: longer
than a run takes to start, and cheaper than one more step of the workflow."""
DEFAULT_PRIORITY = 5
HOURS_PER_PRIORITY = 1


@dataclass(frozen=True)
class Place:
    """A queued task's place in the line of the provider that it will call.

    Attributes:
        since: when it came, less an hour for each step of priority: the line's order.
        calls: how many calls of the rate its submission takes.
        opens_job: whether its job counts as open until it ends.
    """

    provider: str
    since: datetime
    calls: int = 1
    opens_job: bool = False


@dataclass(frozen=True)
class Waiter:
    """A task in a line, as the line shows it.

    Attributes:
        run: the run that its turn starts.
        missed: whether it has missed a turn; it gets the next one when its run asks, or when SWEEP
            has found that the run is gone.
    """

    task_id: str
    run: int
    place: Place
    missed: bool = False


@dataclass(frozen=True)
class Turn:
    """A task may call.

    Attributes:
        at: from this time on.
        length_s: how many seconds of the rate its calls take.
        used: whether it has called; it is not in line much longer.
        since: its place in line.
    """

    at: float
    length_s: float = 0.0
    used: bool = False
    since: float = 0.0


@dataclass(frozen=True)
class Turns:
    """What is given out at one provider.

    Attributes:
        version: counts writes; every write expects the one before it.
        empty_at: when the rate limiter's bucket is empty.
        given: task -> its turn, until the time in which it may be used is over.
        open_jobs: task -> until when its job may be open.
    """

    version: int = 0
    empty_at: float = 0.0
    given: Mapping[str, Turn] = field(default_factory=dict)
    open_jobs: Mapping[str, float] = field(default_factory=dict)

    def reserved(self, rules: Rules, now: float, calls: int = 1) -> tuple["Turns", float]:
        """With these calls reserved, and when they may begin."""
        bucket = bucket_of(rules)
        if bucket is None:
            return self, now
        at, empty_at = bucket.slot(self.empty_at, now, calls)
        return replace(self, empty_at=empty_at), at

    def used(self, task_id: str, open_until: float | None) -> "Turns":
        """The task calls now; its job is open until then, if it counts as open."""
        given = {**self.given, task_id: replace(self.given[task_id], used=True)}
        jobs = {**self.open_jobs, task_id: open_until} if open_until else self.open_jobs
        return replace(self, given=given, open_jobs=jobs)

    def released(self, task_id: str) -> "Turns":
        """The task has no turn, and no open job any more; the calls of its turn are free again."""
        freed = self._without(task_id)
        if task_id in self._unused:
            freed = replace(freed, empty_at=freed.empty_at - self.given[task_id].length_s)
        return freed

    def usable_until(self, task_id: str, rules: Rules) -> float | None:
        """Until when the task may use its turn; None without one."""
        turn = self._unused.get(task_id)
        return None if turn is None else turn.at + rules.max_late_s

    def without_expired(self, rules: Rules, now: float) -> tuple["Turns", Mapping[str, Turn]]:
        """Without turns that were not used in time and jobs past their time; who missed which."""
        expired = [one for one, turn in self.given.items() if turn.at + rules.max_late_s < now]
        missed = {one: self.given[one] for one in expired if not self.given[one].used}
        ended = [one for one, until in self.open_jobs.items() if until <= now]
        turns = self
        for task_id in expired:  # its calls are lost: later ones may not catch up
            turns = replace(turns, given=_without(turns.given, task_id))
        for task_id in ended:
            turns = replace(turns, open_jobs=_without(turns.open_jobs, task_id))
        return turns, missed

    def may_give(self, rules: Rules, now: float) -> bool:
        """Whether the first in line might get a turn now; the line need not be read otherwise."""
        return self._has_job_left(rules) and self._is_near(rules, now)

    def give(
        self, line: Iterable[Waiter], rules: Rules, now: float, *, most: int | None = None
    ) -> tuple["Turns", Sequence[Waiter]]:
        """Give turns to the first in line, as far as rate and open jobs allow.

        Args:
            line: in its order; those who have a turn or have missed one are left out.
            rules: the account's.
            now: the time.
            most: how many turns may be outstanding at most; None for no such limit.

        Returns:
            What is given out then, and who got a turn.
        """
        turns = self
        starts: list[Waiter] = []
        for waiter in line:
            if waiter.missed or waiter.task_id in turns.given.keys() | turns.open_jobs.keys():
                continue
            if most is not None and len(turns._unused) >= most:
                break
            if waiter.place.opens_job and not turns._has_job_left(rules):
                break
            if not turns._is_near(rules, now):
                break
            reserved, at = turns.reserved(rules, now, waiter.place.calls)
            length_s = reserved.empty_at - max(now, turns.empty_at)
            turn = Turn(at, length_s, since=waiter.place.since.timestamp())
            turns = replace(reserved, given={**turns.given, waiter.task_id: turn})
            starts.append(waiter)
        return turns, starts

    @property
    def _unused(self) -> Mapping[str, Turn]:
        return {task_id: turn for task_id, turn in self.given.items() if not turn.used}

    def _without(self, task_id: str) -> "Turns":
        if task_id not in self.given and task_id not in self.open_jobs:
            return self
        given, jobs = _without(self.given, task_id), _without(self.open_jobs, task_id)
        return replace(self, given=given, open_jobs=jobs)

    def _has_job_left(self, rules: Rules) -> bool:
        if rules.max_open_jobs is None:
            return True
        return len(self.open_jobs.keys() | self._unused.keys()) < rules.max_open_jobs

    def _is_near(self, rules: Rules, now: float) -> bool:
        """Whether the next call is near, or nobody is under way who would give the next turn."""
        _, at = self.reserved(rules, now)
        return at - now <= AHEAD_S or not any(turn.at > now for turn in self.given.values())


def place_in_line(
    provider: str, queued_at: datetime, priority: int, rules: Rules, *, files: int, opens_job: bool
) -> Place:
    """The place of a task that was queued then, with this priority and this many files."""
    since = queued_at - timedelta(hours=HOURS_PER_PRIORITY * (priority - DEFAULT_PRIORITY))
    return Place(provider, since, rules.calls(files), opens_job and rules.max_open_jobs is not None)


def expected_wait_s(ahead: int, rules: Rules, typical_s: float, calls: int = 1) -> float | None:
    """About how long a task waits with this many ahead of it, in seconds; None if unlimited.

    Args:
        ahead: how many tasks are before it in the line.
        rules: the account's.
        typical_s: how long a job usually takes.
        calls: how many calls of the rate a submission takes.
    """
    waits = []
    bucket = bucket_of(rules)
    if bucket is not None:
        waits.append((ahead + 1) * calls * bucket.spacing_s)
    if rules.max_open_jobs is not None:
        waits.append(math.ceil((ahead + 1) / rules.max_open_jobs) * typical_s)
    return max(waits, default=None)


def _without(items: Mapping[str, _T], key: str) -> Mapping[str, _T]:
    return {one: value for one, value in items.items() if one != key}
