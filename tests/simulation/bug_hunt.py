"""Plant every bug in turn, and play races and worlds until the promises show it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.simulation import (
    bugs_of_accounts,
    bugs_of_answers,
    bugs_of_care,
    bugs_of_doubt,
    bugs_of_money,
    bugs_of_order,
    bugs_of_pauses,
    bugs_of_stores,
)
from tests.simulation.crash_points import enumerate_points
from tests.simulation.planting import Bug, planted
from tests.simulation.play import play
from tests.simulation.races import RACES, run_race
from tests.simulation.stories import STORIES

BUGS: Final[tuple[Bug, ...]] = (
    *bugs_of_money.BUGS,
    *bugs_of_order.BUGS,
    *bugs_of_care.BUGS,
    *bugs_of_doubt.BUGS,
    *bugs_of_stores.BUGS,
    *bugs_of_accounts.BUGS,
    *bugs_of_answers.BUGS,
    *bugs_of_pauses.BUGS,
)
TASKS: Final = 50
MISFITS: Final = ("raised TypeError", "raised AttributeError", "raised NameError")
"""What is said of a plant that no longer fits the product; it proves nothing."""


def hunt(name: str, cpu_s: float) -> tuple[str, str] | None:
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


def hunt_all(processes: int, cpu_s: float) -> Iterator[tuple[str, bool]]:
    """A line for each bug, and whether it was found."""
    names = [bug.name for bug in BUGS]
    with ProcessPoolExecutor(processes) as pool:
        finds = pool.map(hunt, names, [cpu_s] * len(names))
        for name, find in zip(names, finds, strict=True):
            where, sentence = find or ("-", "NOT FOUND")
            yield f"{name:60} {where}: {sentence}", find is not None


def _places(bug: Bug) -> Iterator[tuple[str, list[str]]]:
    """Where to look: in stories, in races of two processes, or in worlds."""
    for name in bug.stories:
        row = enumerate_points(STORIES[name], twice=False, spec_first=False)
        yield name, row.wrong(name)
    if bug.stories:
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
