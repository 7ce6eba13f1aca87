"""Runs many simulations in several processes, and adds up their outcomes."""

import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.bookkeeping import reconcile_books
from tests.simulation.fault_injection import TooManyCalls
from tests.simulation.fault_kinds import KINDS
from tests.simulation.final_invariants import check
from tests.simulation.seeds import build_system
from tests.simulation.system import SimulatedSystem

CHUNK = 25
"""How many simulations a process runs before it reports."""


@dataclass
class Report:
    """The outcomes of some simulations.

    Attributes:
        tasks: specs and requests that should become tasks.
        broken: seed and sentence of every violated invariant.
    """

    simulations: int = 0
    tasks: int = 0
    calls: int = 0
    seconds: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add another report; the time is set by the caller."""
        self.simulations += other.simulations
        self.tasks += other.tasks
        self.calls += other.calls
        self.states += other.states
        self.faults += other.faults
        self.broken += other.broken

    def lines(self) -> Iterator[str]:
        """The report as text."""
        rate = self.tasks / self.seconds if self.seconds else 0.0
        yield f"{self.tasks:,} tasks in {self.simulations:,} simulations, {self.calls:,} calls"
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


def run_seed(
    seed: int, tasks: int, *, focus: Sequence[str] = (), trace: bool = False
) -> tuple[SimulatedSystem, list[str]]:
    """Run one simulation to its end; the violated invariants."""
    system = build_system(seed, tasks, focus=focus, trace=trace)
    # A loop has no end; a world in which providers refuse for a day has 1,600 calls for each task.
    system.injector.max_calls = 2_000 * (tasks + 20)
    try:
        system.run_until_idle()
        broken = check(system)
        if system.retry_some_failed():
            broken += check(system)
        if reconcile_books(system):
            broken += check(system)
        if system.retry_recoverable():
            broken += check(system)
    except TooManyCalls as loop:
        errors = dict.fromkeys(system.injector.unexpected_errors)
        return system, [f"the simulation does not end: {loop}", *errors]
    return system, list(dict.fromkeys(broken))


def run_seeds(seeds: Sequence[int], tasks: int, focus: Sequence[str] = ()) -> Report:
    """Run simulations one after the other, with only the kinds in `focus` if there are any."""
    report = Report()
    begun = time.perf_counter()
    gc.disable()
    gc.freeze()
    try:
        for seed in seeds:
            system, broken = run_seed(seed, tasks, focus=focus)
            report.simulations += 1
            report.tasks += len(system.users.expected_tasks)
            report.calls += system.injector.calls
            report.states.update(task.state for task in system.tasks.stored.values())
            report.faults.update(system.fault_policy.fired)
            report.broken += [(seed, sentence) for sentence in broken]
            # A system is full of reference cycles: freed at once, while it is in the CPU's cache.
            del system
            gc.collect()
    finally:
        gc.unfreeze()
        gc.enable()
    report.seconds = time.perf_counter() - begun
    return report


def run_in_processes(
    first: int, seeds: int, tasks: int, processes: int, focus: Sequence[str] = ()
) -> Report:
    """Run `seeds` simulations in `processes` processes."""
    chunks = [
        range(begin, min(begin + CHUNK, first + seeds))
        for begin in range(first, first + seeds, CHUNK)
    ]
    report = Report()
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        for one in pool.map(run_seeds, chunks, [tasks] * len(chunks), [tuple(focus)] * len(chunks)):
            report.add(one)
    report.seconds = time.perf_counter() - begun
    return report
