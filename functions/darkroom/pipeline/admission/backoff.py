"""How long to wait before the next try, and how often to run a lost race again."""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.routes import Route

FIRST_WAIT_S = 5
MAX_WAIT_S = 300
TRIES = 6

EXPLAINED_S = 60
"""Whoever waits for so long, or longer, has the reason on the task."""

MIN_POLL_S = 2
MAX_EARLY_S = 10
"""Before half of the usual time: what usually takes minutes is sometimes done at once."""
MAX_POLL_S = 60
ALONE_SHARE = 0.4
"""Of the time that a job survives alone: the pause, so that one lost question does not lose it."""

_T = TypeVar("_T")


def growing_wait_s(times: int) -> int:
    """Seconds before try `times` + 1: 5, 10, 20, ... at most 300."""
    return int(min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** min(times - 1, 10)))


def poll_wait_s(route: Route, elapsed_s: float, asked_s: float = 0) -> int:
    """Whole seconds until a job is asked about: half of its usual time, later a quarter of its age.

    Args:
        route: the job's.
        elapsed_s: since the job was accepted.
        asked_s: how long the provider asked to be left alone; not kept where that loses the job.
    """
    if route.alone_s is not None:
        # Its rate is for every account the tightest thing: it is asked seldom, but in time.
        longest_s = max(1, int(route.alone_s * ALONE_SHARE))
        usual_s = route.typical_s // 2 if elapsed_s < 1 else longest_s
        return max(1, min(longest_s, math.ceil(max(asked_s, usual_s))))
    early_s = min(MAX_EARLY_S, route.typical_s // 2 - elapsed_s)
    # What has not ended within hours will not end within the next minute.
    most_s = min(MAX_WAIT_S, max(MAX_POLL_S, elapsed_s / 40))
    return max(math.ceil(asked_s), MIN_POLL_S, int(max(early_s, min(most_s, elapsed_s / 4))))


def until_won(race: Callable[[], _T], about: str) -> _T:
    """Run a read-and-write again for as long as it loses to others.

    Raises:
        Busy: it has lost `TRIES` times; whoever asked should come back later.
    """
    for _ in range(TRIES):
        try:
            return race()
        except Conflict:
            continue
    raise Busy("contended", f"Too many changes to {about} at once.")


def each(ones: Iterable[_T], act: Callable[[_T], None]) -> None:
    """Act on every one, also when one raises; then raise what was raised first."""
    first: Exception | None = None
    for one in ones:
        try:
            act(one)
        except Exception as error:  # noqa: BLE001 - one bad task must not stop the others
            first = first or error
    if first is not None:
        raise first
