"""A pytest plugin that runs mutants against the collected tests, in place of the usual test run.

The collecting process itself runs no test. Forked children do, so no thread and no fixture exists
at any fork. First the tests of each file run with code that records which statements they execute.
Then each mutant gets a child, which runs the tests that execute its statement, fastest first.
"""

import builtins
import functools
import importlib
import os
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, Final

import pytest

from tests.mutation import forks, mutants
from tests.mutation.mutants import Mutant

RECORDING_S: Final = 1200
"""Time limit for the tests of one file while they are recorded."""
SLOWDOWN: Final = 10
"""A mutant times out after this many times its tests' usual time, plus `Limits.spare_s`."""

Statement = tuple[str, int]
"""A file, and the line on which a statement begins."""


@dataclass(frozen=True)
class Limits:
    """Number of processes, and how many tests a mutant gets at most."""

    processes: int = 2
    tests: int = 1000
    cpu_s: float = 30
    """Their CPU time in total, measured without a mutant."""
    spare_s: float = 30
    control: bool = False
    """Run the same tests without the mutants; every "killed" is then an unreliable test."""


@dataclass(frozen=True)
class Result:
    """The verdict on one mutant."""

    mutant: Mutant
    verdict: str
    """killed, time-out (counts as killed), survived, or untested: no test executes it."""
    by: str = ""
    """The failed test, or how the process ended."""
    tests: int = 0
    """Number of tests chosen to run ..."""
    reaching: int = 0
    """... of all tests that execute the statement."""


@dataclass(frozen=True)
class _Test:
    number: int
    """Index in the collection."""
    cpu_s: float
    wall_s: float
    executed: frozenset[Statement]


@dataclass(eq=False)
class MutationRun:
    """The plugin; `results` grows while it runs."""

    sample: Sequence[Mutant]
    limits: Limits = Limits()
    results: list[Result] = field(default_factory=list)
    _hits: set[Statement] = field(default_factory=set)
    _fixture_hits: dict[object, set[Statement]] = field(default_factory=dict)
    _failed: str = ""

    def pytest_configure(self) -> None:
        """Make hypothesis repeatable: the same examples in every run, and none stored."""
        from hypothesis import settings  # noqa: PLC0415  # pytest has to import it first

        settings.register_profile("mutation", derandomize=True, deadline=None)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Record what each test executes, then judge all mutants."""
        start = time.monotonic()
        files = sorted({one.file for one in self.sample})
        for file in files:
            importlib.import_module(_module(Path(file)))
        if session.testsfailed or threading.active_count() > 1:
            raise session.Failed("collection failed, or left a thread running")
        functions = mutants.loaded_functions()
        _print(f"{len(session.items)} tests, {len(self.sample)} mutants")
        tests = list(self._record_all(session.items, files, functions))
        _print(f"{time.monotonic() - start:.0f} s: recorded what each test executes")
        for result in self._judge_all(session.items, tests, functions):
            self.results.append(result)
            if len(self.results) % 50 == 0:
                _print(f"{time.monotonic() - start:.0f} s: {len(self.results)} mutants")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure in setup, call or teardown."""
        if report.failed:
            self._failed = report.nodeid

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """Keep what the setup of a shared fixture executes, for every test that uses it."""
        before = set(self._hits)
        self._hits.clear()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._fixture_hits.setdefault(fixturedef, set()).update(self._hits)
            self._hits |= before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        """Add what the test's shared fixtures executed when an earlier test set them up."""
        for fixture in item._request._fixture_defs.values():
            self._hits |= self._fixture_hits.get(fixture, set())

    def _record_all(
        self, items: Sequence[pytest.Item], files: Iterable[str], functions: mutants.Loaded
    ) -> Iterator[_Test]:
        """Run all tests once with recording code; yields those that pass."""
        originals = {one: one.__code__ for same in functions.values() for one in same}
        paths = {str(Path(file).resolve()) for file in files}
        caches = [
            one for one in mutants.loaded(functools._lru_cache_wrapper) if _file(one) in paths
        ]
        setattr(builtins, mutants.HIT, self._hits.add)
        for file in files:
            mutants.swap(functions, mutants.recording(file))
        groups = [list(group) for _, group in groupby(enumerate(items), lambda one: one[1].path)]
        try:
            for _ in range(2):  # a test that fails in its file's run gets a second try alone
                missing = dict(pair for group in groups for pair in group)
                jobs = (
                    forks.Job(
                        None, functools.partial(self._record, one, caches), RECORDING_S, RECORDING_S
                    )
                    for one in groups
                )
                for _, rows, _ in forks.run(jobs, self.limits.processes):
                    for number, cpu_s, wall_s, executed in rows or ():
                        del missing[number]
                        statements = frozenset((file, line) for file, line in executed)
                        yield _Test(number, cpu_s, wall_s, statements)
                groups = [[pair] for pair in missing.items()]
        finally:
            for function, code in originals.items():
                function.__code__ = code
        for item in missing.values():
            _print(f"fails without a mutant, not used: {item.nodeid}")

    def _record(self, group: Sequence[tuple[int, pytest.Item]], caches: Sequence[Any]) -> list[Any]:
        """In a child: number, CPU time, wall time and executed statements of each passing test."""
        relevant = {(one.file, one.statement) for one in self.sample}
        rows = []
        for (number, item), (_, following) in zip(group, (*group[1:], (0, None)), strict=True):
            self._hits.clear()
            cpu_s, wall_s = sum(os.times()[:4]), time.monotonic()
            failed = self._run(item, following)
            times = (sum(os.times()[:4]) - cpu_s, time.monotonic() - wall_s)
            if not failed:
                rows.append((number, *times, sorted(self._hits & relevant)))
            for cache in caches:  # the next test has to execute the function itself
                cache.cache_clear()
        return rows

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> str:
        """Run one test; returns its node id if it fails, else nothing."""
        self._failed = ""
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._failed

    def _judge_all(
        self, items: Sequence[pytest.Item], tests: Sequence[_Test], functions: mutants.Loaded
    ) -> Iterator[Result]:
        reaching: dict[Statement, list[_Test]] = {}
        for test in sorted(tests, key=lambda one: one.wall_s):
            for statement in test.executed:
                reaching.setdefault(statement, []).append(test)
        pairs = [(one, reaching.get((one.file, one.statement), [])) for one in self.sample]
        yield from (Result(mutant, "untested") for mutant, found in pairs if not found)
        jobs = (self._job(mutant, found, items, functions) for mutant, found in pairs if found)
        for (mutant, *counts), failed, ended in forks.run(jobs, self.limits.processes):
            verdict = "killed" if failed or ended else "survived"
            verdict = ended if ended == "time-out" else verdict
            yield Result(mutant, verdict, failed or ended, *counts)

    def _job(
        self,
        mutant: Mutant,
        found: Sequence[_Test],
        items: Sequence[pytest.Item],
        functions: mutants.Loaded,
    ) -> forks.Job:
        """The fastest tests within the limits, at least one."""
        total_s = accumulate(test.cpu_s for test in found)
        within = sum(seconds <= self.limits.cpu_s for seconds in total_s)
        chosen = found[: min(max(within, 1), self.limits.tests)]
        work = functools.partial(
            self._judge, mutant, [items[one.number] for one in chosen], functions
        )
        cpu_s = self.limits.spare_s + SLOWDOWN * sum(test.cpu_s for test in chosen)
        wall_s = self.limits.spare_s + SLOWDOWN * sum(test.wall_s for test in chosen)
        return forks.Job((mutant, len(chosen), len(found)), work, cpu_s, wall_s)

    def _judge(
        self, mutant: Mutant, items: Sequence[pytest.Item], functions: mutants.Loaded
    ) -> str:
        """In a child: the first test that fails with the mutant, if any."""
        try:
            if not self.limits.control:
                mutants.swap(functions, mutants.compiled(mutant.source(), mutant.file))
        except SyntaxError:
            return "does not compile"
        pairs = zip(items, (*items[1:], None), strict=True)
        return next((failed for pair in pairs if (failed := self._run(*pair))), "")


def _module(path: Path) -> str:
    """The dotted name of a file, from the outermost package that contains it."""
    name = [] if path.stem == "__init__" else [path.stem]
    while (path.parent / "__init__.py").exists():
        path = path.parent
        name.insert(0, path.name)
    return ".".join(name)


def _file(cache: Any) -> str:
    """The file of the function that a cache wraps."""
    return str(getattr(getattr(cache.__wrapped__, "__code__", None), "co_filename", ""))


def _print(line: str) -> None:
    """Print past pytest's capture."""
    (sys.__stdout__ or sys.stdout).write(line + "\n")
    (sys.__stdout__ or sys.stdout).flush()
