"""Simulate Darkroom: `python -m tests.simulation --seeds 2000 --tasks 50 --processes 2`.

Prints how many tasks were simulated, which faults struck, and which invariants were violated.
`--seed K --trace` runs one simulation twice and prints what happened. `--focus KIND,KIND` allows
only these kinds of faults. `--crash-points` prints the table of crash points and the races of two
processes. `--bugs` prints where each planted bug was found. The exit code is 1 when an invariant
was violated or a planted bug was not found.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from tests.simulation import crash_points, races
from tests.simulation.fault_kinds import KINDS
from tests.simulation.planted_bugs import hunt
from tests.simulation.runner import run_in_processes, run_seed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)  # the product's warnings are expected here
    if options.crash_points:
        return _print_crash_points()
    if options.bugs:
        return _print_bugs(options.processes, options.cpu)
    if options.seed is not None:
        return _print_one(options.seed, options.tasks, options.focus, trace=options.trace)
    report = run_in_processes(
        options.first, options.seeds, options.tasks, options.processes, options.focus
    )
    _print(*report.lines())
    return 1 if report.broken else 0


def _print_one(seed: int, tasks: int, focus: Sequence[str], *, trace: bool) -> int:
    results = [run_seed(seed, tasks, focus=focus, trace=True) for _ in range(2)]
    system, broken = results[0]
    if trace:
        _print(*(system.injector.trace or ()))
    digests = [one.injector.trace_digest() for one, _ in results]
    same = "replayed identically" if len(set(digests)) == 1 else "NOT replayed identically"
    _print(f"trace {' '.join(digests)}: {same}", *broken, f"broken invariants: {len(broken)}")
    return 1 if broken or len(set(digests)) > 1 else 0


def _print_crash_points() -> int:
    rows = crash_points.all_rows()
    _print(*crash_points.table(rows))
    keyed = [row for (name, _), row in rows.items() if crash_points.KEYED in name]
    unknown = sum(row.outcomes["unknown"] for row in keyed)
    _print(f"of class key: {sum(row.points for row in keyed):,} points, {unknown} unknown")
    bad = sum(bool(row.wrong(name)) for (name, _), row in rows.items())
    for name, race in races.RACES.items():
        places = list(races.run_race(race))
        broken = [f"  {where}: {what}" for where, whats in places for what in whats]
        _print(f"{name:56} {len(places):>6,} places, broken {len(broken)}", *broken)
        bad += len(broken)
    return 1 if bad else 0


def _print_bugs(processes: int, cpu_s: float) -> int:
    missed = 0
    for line, found in hunt.find_all(processes, cpu_s):
        missed += not found
        _print(line)
    _print(f"{missed} not found")
    return 1 if missed else 0


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown kind of fault: {', '.join(unknown)}")
    return kinds


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="number of simulations (2000)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one (0)")
    parser.add_argument("--tasks", type=int, default=50, help="tasks in each simulation (50)")
    parser.add_argument("--processes", type=int, default=2, help="processes (2)")
    parser.add_argument("--seed", type=int, help="run this seed alone, twice")
    parser.add_argument(
        "--focus", type=_kinds, default=(), help="only these kinds of faults: KIND,KIND"
    )
    parser.add_argument("--trace", action="store_true", help="with --seed: print each event")
    parser.add_argument("--crash-points", action="store_true", help="fail every call once")
    parser.add_argument("--bugs", action="store_true", help="plant bugs and look for them")
    parser.add_argument("--cpu", type=float, default=180, help="CPU seconds for each bug (180)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
