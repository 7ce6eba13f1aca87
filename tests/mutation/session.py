"""A pytest plugin: in place of the tests' run, mutants are tried on the collected tests.

The collecting process runs no test. Forked children do, so no thread and no fixture is there when
the next one is forked. First each file's tests run with code that records which statements they
reach; then every mutant has a child, which runs the tests that reach it, the fastest first.
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

LEARN_S: Final = 1200
"""Seconds that the tests of one file may take."""
SLACK: Final = 10
"""A mutant's tests may take so many times as long as without it, and `Limits.spare_s` besides."""

Statement = tuple[str, int]
"""A file, and the line on which a statement begins."""


@dataclass(frozen=True)
class Limits:
    """How many processes there are, and the most that is run for one mutant."""

    processes: int = 2
    tests: int = 1000
    cpu_s: float = 30
    """The CPU seconds that its tests took without it."""
    spare_s: float = 30
    control: bool = False
    """Change nothing: what is killed all the same shows which tests cannot be relied on."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant."""

    mutant: Mutant
    verdict: str
    """killed, time-out (which is killed, too), survived, or untested: no test reaches it."""
    by: str = ""
    """The test that failed, or how the process ended."""
    tests: int = 0
    reaching: int = 0
    """How many tests were to be run, of how many that reach it."""


@dataclass(frozen=True)
class _Test:
    number: int
    """Its place in the collection: an item itself knows whole fixtures."""
    cpu_s: float
    wall_s: float
    reached: frozenset[Statement]


@dataclass(eq=False)
class Trial:
    """The plugin: what is to be tried, and what came of it."""

    wanted: Sequence[Mutant]
    limits: Limits = Limits()
    results: list[Result] = field(default_factory=list)
    _hits: set[Statement] = field(default_factory=set)
    _hits_of_fixtures: dict[object, set[Statement]] = field(default_factory=dict)
    _failed: str = ""

    def pytest_configure(self) -> None:
        """Examples are the same in every run, none is kept for the next, and none has to hurry."""
        from hypothesis import settings  # noqa: PLC0415  # pytest has to import it first

        settings.register_profile("mutation", derandomize=True, deadline=None)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn which tests reach what, then try all mutants."""
        began = time.monotonic()
        files = sorted({one.file for one in self.wanted})
        for file in files:
            importlib.import_module(_module(Path(file)))
        if session.testsfailed or threading.active_count() > 1:
            raise session.Failed("a test file cannot be imported, or leaves a thread behind")
        loaded = mutants.loaded_functions()
        _say(f"{len(session.items)} tests, {len(self.wanted)} mutants")
        tests = list(self._learn(session.items, files, loaded))
        _say(f"{time.monotonic() - began:.0f} s: it is known which tests reach what")
        for result in self._try_all(session.items, tests, loaded):
            self.results.append(result)
            if len(self.results) % 50 == 0:
                _say(f"{time.monotonic() - began:.0f} s: {len(self.results)} mutants")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failure in any part of a test counts."""
        if report.failed:
            self._failed = report.nodeid

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """What a shared fixture reaches is reached for every test that uses it."""
        before = set(self._hits)
        self._hits.clear()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._hits_of_fixtures.setdefault(fixturedef, set()).update(self._hits)
            self._hits |= before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        """By now it is known which fixtures the test has used, whoever has set them up."""
        for fixture in item._request._fixture_defs.values():
            self._hits |= self._hits_of_fixtures.get(fixture, set())

    def _learn(
        self, items: Sequence[pytest.Item], files: Iterable[str], loaded: mutants.Loaded
    ) -> Iterator[_Test]:
        """All tests that pass. This process has its own code back when they have run."""
        codes = {function: function.__code__ for found in loaded.values() for function in found}
        paths = {str(Path(file).resolve()) for file in files}
        caches = [
            one for one in mutants.loaded(functools._lru_cache_wrapper) if _file(one) in paths
        ]
        setattr(builtins, mutants.HIT, self._hits.add)
        for file in files:
            mutants.swap(loaded, mutants.recording(file))
        groups = [list(group) for _, group in groupby(enumerate(items), lambda one: one[1].path)]
        try:
            for _ in range(2):  # those that do not pass in their file have another try each alone
                missing = dict(pair for group in groups for pair in group)
                jobs = (
                    forks.Job(None, functools.partial(self._record, one, caches), LEARN_S, LEARN_S)
                    for one in groups
                )
                for _, told, _ in forks.run(jobs, self.limits.processes):
                    for number, cpu_s, wall_s, reached in told or ():
                        del missing[number]
                        statements = frozenset((file, line) for file, line in reached)
                        yield _Test(number, cpu_s, wall_s, statements)
                groups = [[pair] for pair in missing.items()]
        finally:
            for function, code in codes.items():
                function.__code__ = code
        for item in missing.values():
            _say(f"fails without a mutant, is left out: {item.nodeid}")

    def _record(self, group: Sequence[tuple[int, pytest.Item]], caches: Sequence[Any]) -> list[Any]:
        """In a child: number, seconds, and what was reached, of each test that passes."""
        wanted = {(one.file, one.statement) for one in self.wanted}
        told = []
        for (number, item), (_, following) in zip(group, (*group[1:], (0, None)), strict=True):
            self._hits.clear()
            cpu_s, wall_s = sum(os.times()[:4]), time.monotonic()
            failed = self._fails(item, following)
            seconds = (sum(os.times()[:4]) - cpu_s, time.monotonic() - wall_s)
            if not failed:
                told.append((number, *seconds, sorted(self._hits & wanted)))
            for cache in caches:  # what it remembers would not be reached by the next test
                cache.cache_clear()
        return told

    def _fails(self, item: pytest.Item, following: pytest.Item | None) -> str:
        self._failed = ""
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._failed

    def _try_all(
        self, items: Sequence[pytest.Item], tests: Sequence[_Test], loaded: mutants.Loaded
    ) -> Iterator[Result]:
        reaching: dict[Statement, list[_Test]] = {}
        for test in sorted(tests, key=lambda one: one.wall_s):
            for statement in test.reached:
                reaching.setdefault(statement, []).append(test)
        known = [(one, reaching.get((one.file, one.statement), [])) for one in self.wanted]
        yield from (Result(mutant, "untested") for mutant, found in known if not found)
        jobs = (self._job(mutant, found, items, loaded) for mutant, found in known if found)
        for (mutant, *counts), failed, ended in forks.run(jobs, self.limits.processes):
            if ended == "time-out":
                yield Result(mutant, "time-out", ended, *counts)
            else:
                verdict = "killed" if failed or ended else "survived"
                yield Result(mutant, verdict, failed or ended, *counts)

    def _job(
        self,
        mutant: Mutant,
        found: Sequence[_Test],
        items: Sequence[pytest.Item],
        loaded: mutants.Loaded,
    ) -> forks.Job:
        """Of the tests that reach it the fastest, within the limits, but one in any case."""
        spent_s = accumulate(test.cpu_s for test in found)
        within = sum(seconds <= self.limits.cpu_s for seconds in spent_s)
        chosen = found[: min(max(within, 1), self.limits.tests)]
        work = functools.partial(self._try, mutant, [items[one.number] for one in chosen], loaded)
        cpu_s = self.limits.spare_s + SLACK * sum(test.cpu_s for test in chosen)
        wall_s = self.limits.spare_s + SLACK * sum(test.wall_s for test in chosen)
        return forks.Job((mutant, len(chosen), len(found)), work, cpu_s, wall_s)

    def _try(self, mutant: Mutant, items: Sequence[pytest.Item], loaded: mutants.Loaded) -> str:
        """In a child: the first test that fails, or nothing."""
        try:
            if not self.limits.control:
                mutants.swap(loaded, mutants.compiled(mutant.source(), mutant.file))
        except SyntaxError:
            return "the compiler"
        pairs = zip(items, (*items[1:], None), strict=True)
        return next((failed for pair in pairs if (failed := self._fails(*pair))), "")


def _module(path: Path) -> str:
    """The name under which a file is imported: its packages and itself."""
    name = [] if path.stem == "__init__" else [path.stem]
    while (path.parent / "__init__.py").exists():
        path = path.parent
        name.insert(0, path.name)
    return ".".join(name)


def _file(cache: Any) -> str:
    """Where the function is written whose answers are remembered."""
    return str(getattr(getattr(cache.__wrapped__, "__code__", None), "co_filename", ""))


def _say(line: str) -> None:
    """Past pytest, which holds back what is printed."""
    (sys.__stdout__ or sys.stdout).write(line + "\n")
    (sys.__stdout__ or sys.stdout).flush()
