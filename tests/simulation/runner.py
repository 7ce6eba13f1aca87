"""Play many worlds, on as many processes as there are cores, and add up what came of them."""

import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.fault_injection import NeverSettled
from tests.simulation.fault_kinds import KINDS
from tests.simulation.final_invariants import check
from tests.simulation.seeds import build_system
from tests.simulation.system import SimulatedSystem

CHUNK = 25
"""How many worlds a process plays before it reports."""


@dataclass
class Report:
    """What came of some worlds.

    Attributes:
        tasks: specs and requests that were to become tasks.
        broken: seed and sentence of every promise that was broken.
    """

    worlds: int = 0
    tasks: int = 0
    calls: int = 0
    seconds: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add another report to this one; the time is the caller's own."""
        self.worlds += other.worlds
        self.tasks += other.tasks
        self.calls += other.calls
        self.states += other.states
        self.faults += other.faults
        self.broken += other.broken

    def lines(self) -> Iterator[str]:
        """For people."""
        rate = self.tasks / self.seconds if self.seconds else 0.0
        yield f"{self.tasks:,} tasks in {self.worlds:,} worlds, {self.calls:,} calls to the outside"
        yield f"{self.seconds:.1f} s, {rate:,.0f} tasks/s"
        yield "ends: " + ", ".join(f"{state} {n:,}" for state, n in self.states.most_common())
        struck = sum(self.faults.values())
        yield f"faults: {struck:,} of {len(self.faults)} kinds ({len(KINDS)} known)"
        for kind, times in self.faults.most_common():
            yield f"  {kind:28}{times:>10,}"
        for kind in KINDS:
            if kind not in self.faults:
                yield f"  {kind:28}     never"
        yield f"broken invariants: {len(self.broken)}"
        for seed, sentence in self.broken[:50]:
            yield f"  seed {seed}: {sentence}"


def play(
    seed: int, tasks: int, *, focus: Sequence[str] = (), trace: bool = False
) -> tuple[SimulatedSystem, list[str]]:
    """Play one world until it rests; the promises that were broken."""
    system = build_system(seed, tasks, focus=focus, trace=trace)
    system.injector.most = 1_000 * (tasks + 20)
    try:
        system.rest()
        broken = check(system)
        if system.reconsider():
            broken += check(system)
        if system.salvage():
            broken += check(system)
    except NeverSettled as restless:
        return system, [f"the world does not come to rest: {restless}"]
    return system, list(dict.fromkeys(broken))


def play_some(seeds: Sequence[int], tasks: int, focus: Sequence[str] = ()) -> Report:
    """Play worlds one after the other, with nothing but the kinds in `focus` if there are any."""
    report = Report()
    begun = time.perf_counter()
    gc.disable()
    gc.freeze()
    try:
        for seed in seeds:
            system, broken = play(seed, tasks, focus=focus)
            report.worlds += 1
            report.tasks += len(system.users.asks)
            report.calls += system.injector.calls
            report.states.update(task.state for task in system.tasks.stored.values())
            report.faults.update(system.fault_policy.fired)
            report.broken += [(seed, sentence) for sentence in broken]
            # A world is one knot of objects that name each other: freed together, while it is warm.
            del system
            gc.collect()
    finally:
        gc.unfreeze()
        gc.enable()
    report.seconds = time.perf_counter() - begun
    return report


def play_all(
    first: int, seeds: int, tasks: int, processes: int, focus: Sequence[str] = ()
) -> Report:
    """Play so many worlds on so many processes."""
    chunks = [
        range(begin, min(begin + CHUNK, first + seeds))
        for begin in range(first, first + seeds, CHUNK)
    ]
    report = Report()
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        for one in pool.map(play_some, chunks, [tasks] * len(chunks), [tuple(focus)] * len(chunks)):
            report.add(one)
    report.seconds = time.perf_counter() - begun
    return report
