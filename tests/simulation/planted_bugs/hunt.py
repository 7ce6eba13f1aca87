"""Plant every bug in turn, and play races and worlds until the promises show it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.simulation.crash_points import enumerate_points
from tests.simulation.planted_bugs import (
    accounts,
    answers,
    cleanup,
    money,
    ordering,
    pauses,
    stores,
    unclear_calls,
)
from tests.simulation.planted_bugs.plant import Bug, planted
from tests.simulation.races import RACES, run_race
from tests.simulation.runner import play
from tests.simulation.scenarios import STORIES

BUGS: Final[tuple[Bug, ...]] = (
    *money.BUGS,
    *ordering.BUGS,
    *cleanup.BUGS,
    *unclear_calls.BUGS,
    *stores.BUGS,
    *accounts.BUGS,
    *answers.BUGS,
    *pauses.BUGS,
)
TASKS: Final = 50
MISFITS: Final = ("raised TypeError", "raised AttributeError", "raised NameError")
"""What is said of a plant that no longer fits the product; it proves nothing."""


def find_bug(name: str, cpu_s: float) -> tuple[str, str] | None:
    """Where the bug shows first, and what is broken there; None within the time.

    Raises:
        ValueError: it no longer fits what it is planted in.
    """
    bug = next(bug for bug in BUGS if bug.name == name)
    until = time.process_time() + cpu_s
    with planted(bug):
        for where, broken in _places(bug):
            misfits = [what for what in broken if any(sign in what for sign in MISFITS)]
            if misfits:
                raise ValueError(f"'{name}' cannot be planted any more: {misfits[0]}")
            if broken:
                return where, broken[0]
            if time.process_time() > until:
                break
    return None


def find_all(processes: int, cpu_s: float) -> Iterator[tuple[str, bool]]:
    """A line for each bug, and whether it was found."""
    names = [bug.name for bug in BUGS]
    with ProcessPoolExecutor(processes) as pool:
        finds = pool.map(find_bug, names, [cpu_s] * len(names))
        for name, find in zip(names, finds, strict=True):
            where, sentence = find or ("-", "NOT FOUND")
            yield f"{name:60} {where}: {sentence}", find is not None


def _places(bug: Bug) -> Iterator[tuple[str, list[str]]]:
    """Where to look: in stories, in races of two processes, or in worlds."""
    for name in bug.scenarios:
        row = enumerate_points(STORIES[name], twice=False, spec_first=False)
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
        yield f"seed {seed:>4}", play(seed, TASKS, focus=bug.focus)[1]
        seed += 1
