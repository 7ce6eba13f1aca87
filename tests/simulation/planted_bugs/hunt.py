"""Plants every bug in turn, and runs scenarios, races and simulations until one reveals it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.simulation.crash_points import enumerate_points
from tests.simulation.planted_bugs import (
    accounts,
    answers,
    batches,
    bookkeeping,
    budgets,
    cleanup,
    folders,
    holds,
    learning,
    lingering,
    money,
    near_misses,
    ordering,
    pauses,
    prices,
    stores,
    turns,
    unclear_calls,
)
from tests.simulation.planted_bugs.plant import Bug, planted
from tests.simulation.races import RACES, run_race
from tests.simulation.runner import run_seed
from tests.simulation.scenarios import SCENARIOS

BUGS: Final[tuple[Bug, ...]] = (
    *money.BUGS,
    *ordering.BUGS,
    *cleanup.BUGS,
    *unclear_calls.BUGS,
    *stores.BUGS,
    *accounts.BUGS,
    *answers.BUGS,
    *pauses.BUGS,
    *lingering.BUGS,
    *turns.BUGS,
    *learning.BUGS,
    *folders.BUGS,
    *batches.BUGS,
    *near_misses.BUGS,
    *budgets.BUGS,
    *holds.BUGS,
    *prices.BUGS,
    *bookkeeping.BUGS,
)
TASKS: Final = 50
MISFITS: Final = ("raised TypeError", "raised AttributeError", "raised NameError")
"""What an invariant reports of a replacement that no longer fits the product."""


@dataclass(frozen=True)
class Hunt:
    """The outcome of the search for one bug.

    Attributes:
        replaced: what the bug replaces, as `module.name`.
        where: where it was found first; empty if it was not found in time.
        violation: the violated invariant, or why there is none.
    """

    replaced: tuple[str, ...]
    where: str = ""
    violation: str = "NOT FOUND"

    @property
    def found(self) -> bool:
        """Whether an invariant was violated."""
        return bool(self.where)


def find_bug(name: str, cpu_s: float) -> Hunt:
    """Look for a bug until an invariant is violated.

    Args:
        name: of the bug.
        cpu_s: CPU seconds after which the search stops.

    Raises LookupError if the bug replaces something that the product does not use any more.
    """
    bug = next(bug for bug in BUGS if bug.name == name)
    until = time.process_time() + cpu_s
    with planted(bug) as here:
        for where, broken in _places(bug):
            misfits = [what for what in broken if any(sign in what for sign in MISFITS)]
            if misfits:
                return Hunt(here.names, violation=f"NO LONGER FITS THE PRODUCT; {misfits[0]}")
            if broken:
                return Hunt(here.names, where, broken[0])
            if time.process_time() > until:
                break
    why = f"NOT FOUND; never called: {', '.join(sorted(here.uncalled))}" if here.uncalled else None
    return Hunt(here.names, violation=why or Hunt.violation)


def find_all(processes: int, cpu_s: float) -> Iterator[tuple[str, bool]]:
    """Two lines for each bug: what it replaces, and what found it; whether it was found."""
    names = [bug.name for bug in BUGS]
    with ProcessPoolExecutor(processes) as pool:
        hunts = pool.map(find_bug, names, [cpu_s] * len(names))
        for name, hunt in zip(names, hunts, strict=True):
            place = f"{hunt.where or '-'}: {hunt.violation}"
            yield f"{name} ({', '.join(hunt.replaced)})\n    {place}", hunt.found


def _places(bug: Bug) -> Iterator[tuple[str, list[str]]]:
    """Where to look: in scenarios, in races of two processes, or in simulations."""
    for name in bug.scenarios:
        row = enumerate_points(SCENARIOS[name], twice=False, spec_first=False)
        yield name, row.wrong(name)
    if bug.scenarios:
        return
    if bug.raced:
        for name, race in RACES.items():
            for where, broken in run_race(race):
                yield f"{name}, {where}", broken
        return
    seed = 0
    while True:
        yield f"seed {seed:>4}", run_seed(seed, TASKS, focus=bug.focus)[1]
        seed += 1
