"""Mutation testing of the product: `python -m tests.mutation --sample 200`.

A mutant (a small change by mutmut's operators) is killed when a test fails with it. If it survives,
no test checks that behaviour, or the change makes no difference. It is untested when no test
executes it; that includes functions that run only at import. Subprocesses of a test run without the
mutant, so end-to-end tests and the like are left out.

The sample depends on the product and the seed alone, so two runs, before and after a change of the
tests, can be compared. --compare exits with 1 if a mutant is no longer killed.
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
from tests.mutation.session import Limits, MutationRun, Result

KILLED = ("killed", "time-out")
PRODUCT, TESTS, OUT = Path("functions/darkroom"), Path("tests"), Path(".darkroom/mutation.json")
LEFT_OUT = [TESTS / name for name in ("e2e", "simulation", "infra", "local", "mutation")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.compare:
        return _compare(*(json.loads(path.read_text("utf-8")) for path in asked.compare))
    files = [str(file) for path in asked.paths for file in sorted(path.rglob("*.py")) or [path]]
    with ProcessPoolExecutor(asked.processes) as pool:
        found = [one for some in pool.map(find_mutants, files) for one in some]
    limits = Limits(asked.processes, asked.max_tests, asked.cpu, asked.spare, asked.control)
    run = MutationRun(sample(found, asked.sample, asked.seed), limits)
    left_out = (f"--ignore={path}" for path in asked.leave_out)
    options = ("-qq", "--capture=sys", "-p", "no:xdist", *left_out)
    code = pytest.main([*options, *map(str, asked.tests)], plugins=[run])
    if len(run.results) < len(run.sample):
        _print(f"ended early, after {len(run.results)} of {len(run.sample)}")
    report = {one.mutant.id: _row(one) for one in run.results}
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
            yield f"{row['tests']} of {row['reaching']} tests run, none fails"
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
    """Print the mutants that are no longer killed; returns 1 if there are any."""
    both = sorted(before.keys() & after.keys())
    was, now = (
        {name for name in both if one[name]["verdict"] in KILLED} for one in (before, after)
    )
    for name in sorted(was - now):
        row = after[name]
        _print(f"\n{row['file']}:{row['line']}  {name}", f"before: killed by {before[name]['by']}")
        _print(
            f"after: {row['verdict']}, {row['tests']} of {row['reaching']} tests run", *row["diff"]
        )
    _print(
        f"{len(both)} in both, {len(before.keys() ^ after.keys())} in one only; killed {len(was)} "
        f"before, {len(now)} after: {len(was - now)} lost, {len(now - was)} gained"
    )
    return 1 if was - now else 0


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    add = parser.add_argument
    skipped = ", ".join(map(str, LEFT_OUT))
    add("--paths", nargs="+", type=Path, default=[PRODUCT], help=f"code to mutate ({PRODUCT})")
    add("--tests", nargs="+", type=Path, default=[TESTS], help=f"tests to run ({TESTS})")
    add("--leave-out", nargs="+", type=Path, default=LEFT_OUT, help=f"tests to skip ({skipped})")
    add("--sample", type=int, help="number of mutants (all)")
    add("--seed", type=int, default=1, help="selects the sample (1)")
    add("--processes", type=int, default=2, help="processes (2)")
    add("--max-tests", type=int, default=1000, help="limit of tests per mutant (1000)")
    add("--cpu", type=float, default=30, help="limit of the tests' usual CPU seconds (30)")
    add("--spare", type=float, default=30, help="seconds added to the time limit (30)")
    add("--control", action="store_true", help="run without the mutants: all should survive")
    add("--out", type=Path, default=OUT, help=f"file for the results ({OUT})")
    add("--compare", nargs=2, type=Path, metavar="JSON", help="compare two results, run nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
