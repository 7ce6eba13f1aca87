"""Simulate: `python -m tests.simulation --seeds 2000 --tasks 50 --processes 2`.

Many worlds: how many tasks, which faults, which promises were broken. `--seed K --trace` plays
one world twice and prints what happened in it. `--focus KIND,KIND` leaves out all other kinds of
faults. `--crash-points`, with the races of two processes
for one name, and `--bugs` print their tables.
Exits with 1 when a promise was broken, or a planted bug was not found.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from tests.simulation import crash_points, races
from tests.simulation.fault_kinds import KINDS
from tests.simulation.planted_bugs import hunt
from tests.simulation.runner import play, play_all


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line says; the exit code."""
    asked = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)  # what the product warns of is what is played here
    if asked.crash_points:
        return _print_crash_points()
    if asked.bugs:
        return _print_bugs(asked.processes, asked.cpu)
    if asked.seed is not None:
        return _print_one(asked.seed, asked.tasks, asked.focus, trace=asked.trace)
    report = play_all(asked.first, asked.seeds, asked.tasks, asked.processes, asked.focus)
    _print(*report.lines())
    return 1 if report.broken else 0


def _print_one(seed: int, tasks: int, focus: Sequence[str], *, trace: bool) -> int:
    worlds = [play(seed, tasks, focus=focus, trace=True) for _ in range(2)]
    system, broken = worlds[0]
    if trace:
        _print(*(system.injector.lines or ()))
    digests = [one.injector.digest() for one, _ in worlds]
    same = "the same twice" if len(set(digests)) == 1 else "NOT the same twice"
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
        broken = [f"  {where}: {said}" for where, all_said in places for said in all_said]
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
        raise argparse.ArgumentTypeError(f"there is no kind of fault called {', '.join(unknown)}")
    return kinds


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many worlds (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first world's seed (0)")
    parser.add_argument("--tasks", type=int, default=50, help="tasks in each world (50)")
    parser.add_argument("--processes", type=int, default=2, help="processes (2)")
    parser.add_argument("--seed", type=int, help="play this world alone, twice")
    parser.add_argument(
        "--focus", type=_kinds, default=(), help="nothing but these kinds of faults: KIND,KIND"
    )
    parser.add_argument("--trace", action="store_true", help="with --seed: print what happens")
    parser.add_argument("--crash-points", action="store_true", help="strike every call once")
    parser.add_argument("--bugs", action="store_true", help="plant bugs and look for them")
    parser.add_argument("--cpu", type=float, default=180, help="seconds for each bug (180)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
