"""Try small changes of the product on the tests: `python -m tests.mutation --sample 200`.

A change (a mutant, made by mutmut's operators) is killed when a test fails with it. One that
survives is not tested for, or makes no difference. Untested is what no test reaches; that
includes functions that run only while modules are imported. Programs that a test starts do not
have the change in them, so the tests that work by programs, and long ones, are left out.

The sample depends on the product and the seed alone. So two runs, before and after a change of the
tests, can be compared: that exits with 1 when what was killed is killed no more.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutants import find_mutants, sample
from tests.mutation.session import Limits, Result, Trial

KILLED = ("killed", "time-out")
LEFT_OUT = [Path("tests", name) for name in ("e2e", "simulation", "infra", "local", "mutation")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.compare:
        return _compare(*(json.loads(path.read_text("utf-8")) for path in asked.compare))
    files = [str(file) for path in asked.paths for file in sorted(path.rglob("*.py")) or [path]]
    with ProcessPoolExecutor(asked.processes) as pool:
        found = [one for some in pool.map(find_mutants, files) for one in some]
    limits = Limits(asked.processes, asked.most_tests, asked.cpu, asked.spare, asked.control)
    trial = Trial(sample(found, asked.sample, asked.seed), limits)
    left_out = (f"--ignore={path}" for path in asked.leave_out)
    options = ("-qq", "--capture=sys", "-p", "no:xdist", *left_out)
    code = pytest.main([*options, *map(str, asked.tests)], plugins=[trial])
    if len(trial.results) < len(trial.wanted):
        _print(f"ended early, after {len(trial.results)} of {len(trial.wanted)}")
    report = {one.mutant.id: _row(one) for one in trial.results}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", "utf-8")
    _print(*_survivors(report), *_table(report), f"{len(found)} in all; see {asked.out}")
    return int(code)


def _row(result: Result) -> Mapping[str, Any]:
    mutant = result.mutant
    old, new = Path(mutant.file).read_text("utf-8"), mutant.source()
    diff = unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    row = {**asdict(result), "file": mutant.file, "line": mutant.line, "diff": list(diff)[2:]}
    del row["mutant"]
    return row


def _survivors(report: Mapping[str, Any]) -> Iterator[str]:
    for name, row in sorted(report.items()):
        if row["verdict"] == "survived":
            yield f"\n{row['file']}:{row['line']}  {name}"
            yield f"{row['tests']} of {row['reaching']} tests did not notice"
            yield from row["diff"]


def _table(report: Mapping[str, Any]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = {}
    for row in report.values():
        for folder in (str(Path(row["file"]).parent), "all"):
            counts.setdefault(folder, Counter())[row["verdict"]] += 1
    width = max(map(len, counts), default=0)
    yield f"\n{'':{width}} mutants  killed time-out survived untested  score"
    for folder, count in sorted(counts.items(), key=lambda one: (one[0] == "all", one)):
        killed = sum(count[one] for one in KILLED)
        yield (
            f"{folder:{width}} {count.total():7} {count['killed']:7} {count['time-out']:8} "
            f"{count['survived']:8} {count['untested']:8} {killed / count.total():6.1%}"
        )


def _compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Print what is killed no more; what is in one of the two alone is counted."""
    both = sorted(before.keys() & after.keys())
    was, now = (
        {name for name in both if one[name]["verdict"] in KILLED} for one in (before, after)
    )
    for name in sorted(was - now):
        row = after[name]
        _print(f"\n{row['file']}:{row['line']}  {name}", f"was killed by {before[name]['by']}")
        _print(f"now {row['verdict']}, {row['tests']} of {row['reaching']} tests", *row["diff"])
    _print(
        f"{len(both)} in both, {len(before.keys() ^ after.keys())} in one alone; "
        f"killed {len(was)} before, {len(now)} after: {len(was - now)} lost, {len(now - was)} won"
    )
    return 1 if was - now else 0


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    add = parser.add_argument
    names = ", ".join(map(str, LEFT_OUT))
    product, tests = [Path("functions/darkroom")], [Path("tests")]
    add("--paths", nargs="+", type=Path, default=product, help="what to change (the product)")
    add("--tests", nargs="+", type=Path, default=tests, help="what has to notice (tests)")
    add("--leave-out", nargs="+", type=Path, default=LEFT_OUT, help=f"but not these ({names})")
    add("--sample", type=int, help="how many mutants (all)")
    add("--seed", type=int, default=1, help="which ones (1)")
    add("--processes", type=int, default=2, help="processes (2)")
    add("--most-tests", type=int, default=1000, help="tests of one mutant at most (1000)")
    add("--cpu", type=float, default=30, help="seconds that they took without it at most (30)")
    add(
        "--spare",
        type=float,
        default=30,
        help="seconds until a mutant hangs, and ten times theirs (30)",
    )
    add("--control", action="store_true", help="change nothing, so everything should survive")
    add("--out", type=Path, default=Path(".darkroom/mutation.json"), help="where all results go")
    add("--compare", nargs=2, type=Path, metavar="JSON", help="compare two results; run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
