"""How work is repeated: after a lost race, for every item of a list, and with growing waits.

Nothing here sleeps; the caller waits, or returns to the workflow, which does.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from darkroom.domain.errors import Busy, Conflict

MAX_TRIES: Final = 6
"""How often a read-and-write is tried while others write the same thing."""
MAX_DOUBLINGS: Final = 10

_T = TypeVar("_T")


def exponential_s(first_s: float, failures: int, max_s: float) -> float:
    """Seconds to wait after this many failures in a row: `first_s`, doubled each time, capped."""
    return min(max_s, first_s * float(2 ** min(failures - 1, MAX_DOUBLINGS)))


def retry_on_conflict(attempt: Callable[[], _T], subject: str) -> _T:
    """Repeat a read-and-write while it raises `Conflict`, at most `MAX_TRIES` times.

    Args:
        attempt: reads, decides and writes; reads again each time it is called.
        subject: what is written, for the error message.

    Raises:
        Busy: every try lost its race; the caller should come back later.
    """
    for _ in range(MAX_TRIES):
        try:
            return attempt()
        except Conflict:
            continue
    raise Busy("contended", f"Too many changes to {subject} at once.")


def for_each_then_raise(items: Iterable[_T], act: Callable[[_T], None]) -> None:
    """Act on every item, also after one has raised; at the end raise the first error."""
    first: Exception | None = None
    for item in items:
        try:
            act(item)
        except Exception as error:  # noqa: BLE001 - one bad item must not stop the others
            first = first or error
    if first is not None:
        raise first
