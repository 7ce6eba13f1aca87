"""How long to wait before the next try, and how often to run a lost race again."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from darkroom.errors import Busy, Conflict

FIRST_WAIT_S = 5
MOST_WAIT_S = 300
TRIES = 6

_T = TypeVar("_T")


def growing_wait_s(times: int) -> int:
    """Seconds before try `times` + 1: 5, 10, 20, ... at most 300."""
    return int(min(MOST_WAIT_S, FIRST_WAIT_S * 2 ** min(times - 1, 10)))


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


def each(ids: Iterable[str], act: Callable[[str], None]) -> None:
    """Act on every one, also when one raises; then raise what was raised first."""
    first: Exception | None = None
    for one in ids:
        try:
            act(one)
        except Exception as error:  # noqa: BLE001 - one bad task must not stop the others
            first = first or error
    if first is not None:
        raise first
