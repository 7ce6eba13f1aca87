"""Plant every bug in turn, and play worlds until the promises show it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.simulation import bugs_of_money, bugs_of_order
from tests.simulation.planting import Bug, planted
from tests.simulation.play import play

BUGS: Final[tuple[Bug, ...]] = (*bugs_of_money.BUGS, *bugs_of_order.BUGS)
TASKS: Final = 50


def hunt(name: str, cpu_s: float) -> tuple[int, str] | None:
    """The first seed whose world shows the bug, and what is broken in it; None within the time."""
    bug = next(bug for bug in BUGS if bug.name == name)
    until = time.process_time() + cpu_s
    seed = 0
    with planted(bug):
        while time.process_time() < until:
            _, broken = play(seed, TASKS, focus=bug.focus)
            if broken:
                return seed, broken[0]
            seed += 1
    return None


def hunt_all(processes: int, cpu_s: float) -> Iterator[tuple[str, bool]]:
    """A line for each bug, and whether it was found."""
    names = [bug.name for bug in BUGS]
    with ProcessPoolExecutor(processes) as pool:
        finds = pool.map(hunt, names, [cpu_s] * len(names))
        for name, find in zip(names, finds, strict=True):
            seed, sentence = find or ("-", "NOT FOUND")
            yield f"{name:60} seed {seed!s:>5}: {sentence}", find is not None
