"""The runner on a toy: what is killed, what survives, and what two runs say of each other."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mutmut", reason="`make mutate` installs it")

from tests.mutation.__main__ import main
from tests.mutation.mutants import find_mutants, sample

ROOT = Path(__file__).parents[2]
TOY = """
import functools
import os

class Till:
    def __init__(self, start: int = 3) -> None:
        self.made = super().__init__()
        self.sum = start

    @property
    def doubled(self) -> int:
        return self.sum * 2

    def word(self) -> str:
        return "much"

@functools.cache
def limit() -> int:
    return 10

def wait(left: int) -> int:
    while left > 0:
        left -= 1
    return left

def leave(hard: bool) -> int:
    if not hard:
        return 1
    os._exit(7)

def nobody() -> int:
    return 4
"""
TESTS = """
import pytest
import toy

@pytest.fixture(scope="module")
def till():
    return toy.Till()

def test_it_has_a_word(till, tmp_path):
    (tmp_path / "word").write_text(till.word())

def test_it_doubles(till):
    assert till.doubled == 6

@pytest.mark.parametrize("strict", [False, True])
def test_the_limit(strict):
    assert toy.limit() == 10 or not strict

def test_waiting_ends():
    assert toy.wait(2) == 0

def test_nobody_leaves():
    assert toy.leave(False) == 1

def test_this_fails_as_it_is():
    assert toy.nobody() == 5
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy and its tests, and with an empty one for temporary files."""
    folder = tmp_path_factory.mktemp("toy")
    for name in ("tests", "tmp"):
        (folder / name).mkdir()
    (folder / "toy.py").write_text(TOY)
    (folder / "tests" / "test_toy.py").write_text(TESTS)
    return folder


@pytest.fixture(scope="module")
def report(toy: Path) -> Mapping[str, Any]:
    """What became of all of the toy's mutants."""
    command = [sys.executable, "-m", "tests.mutation", "--paths", "toy.py", "--spare", "1"]
    paths = os.pathsep.join((str(ROOT), str(toy), *sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(toy / "tmp")}
    done = subprocess.run(
        command, cwd=toy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((toy / ".darkroom" / "mutation.json").read_text())
    return found


def became_of(report: Mapping[str, Any], function: str, text: str) -> Mapping[str, Any]:
    """The one mutant of the function with this line."""
    (found,) = (
        row
        for name, row in report.items()
        if f"::{function}::" in name and any(line[1:].strip() == text for line in row["diff"])
    )
    return dict(found)


@pytest.mark.parametrize(
    ("function", "text", "killer"),
    [
        ("wait", "while left > 1:", "test_waiting_ends"),
        ("Till.doubled", "return self.sum / 2", "test_it_doubles"),  # decorated
        ("Till.__init__", "self.sum = None", "test_it_doubles"),  # in a fixture of its file
        ("limit", "return 11", "test_the_limit[True]"),  # remembered since the test before
        ("leave", "if hard:", "exit 7"),  # the process dies
    ],
)
def test_a_mutant_is_killed(
    report: Mapping[str, Any], function: str, text: str, killer: str
) -> None:
    """By the test that fails, or by its own end."""
    row = became_of(report, function, text)
    assert (row["verdict"], row["by"].split("::")[-1]) == ("killed", killer)


def test_a_loop_without_end_is_ended(report: Mapping[str, Any]) -> None:
    """It counts as killed."""
    assert became_of(report, "wait", "left += 1")["verdict"] == "time-out"


@pytest.mark.parametrize(
    ("function", "text", "line"),
    [
        ("Till.word", 'return "MUCH"', 15),
        ("Till.__init__", "self.made = None", 7),  # its cell for `super()` goes unused
    ],
)
def test_what_no_test_notices_survives(
    report: Mapping[str, Any], function: str, text: str, line: int
) -> None:
    """It is named with its line."""
    row = became_of(report, function, text)
    assert (row["verdict"], row["line"], row["by"]) == ("survived", line, "")


def test_a_test_that_fails_anyway_kills_nothing(report: Mapping[str, Any]) -> None:
    """Nothing else reaches that function."""
    assert became_of(report, "nobody", "return 5")["verdict"] == "untested"


def test_nothing_is_left_behind(toy: Path, report: Mapping[str, Any]) -> None:
    """Neither temporary files nor examples."""
    assert report
    assert list((toy / "tmp").iterdir()) == []
    assert not (toy / ".hypothesis").exists()


def test_every_mutant_is_another_program(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And has an id of its own."""
    monkeypatch.chdir(toy)
    found = find_mutants("toy.py")
    programs = {ast.dump(ast.parse(one.source())) for one in found}
    assert len(programs - {ast.dump(ast.parse(TOY))}) == len(found)
    assert len({one.id for one in found}) == len(found)


def test_the_sample_depends_on_the_product_and_the_seed_alone(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A larger one begins with the smaller one."""
    monkeypatch.chdir(toy)
    found = find_mutants("toy.py")
    few = sample(found, 5, seed=1)
    assert few == sample(reversed(found), 20, seed=1)[:5]
    assert few != sample(found, 5, seed=2)
    assert set(sample(found, None, seed=1)) == set(found)


def test_two_runs_are_compared(
    tmp_path: Path, report: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not killed any more is named, and is an error."""
    name = next(name for name, row in report.items() if row["by"].endswith("test_it_doubles"))
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(report))
    after.write_text(json.dumps({**report, name: {**report[name], "verdict": "survived"}}))
    assert main(["--compare", str(before), str(after)]) == 1
    said = capsys.readouterr().out
    assert name in said
    assert "test_it_doubles" in said
    assert "1 lost, 0 gained" in said
    assert main(["--compare", str(after), str(before)]) == 0
