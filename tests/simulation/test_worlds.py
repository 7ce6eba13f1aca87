"""A few worlds of the many that `make simulate` plays: no promise is broken, and faults do fire."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from darkroom.ports import Ports
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.fault_kinds import CALLS, KINDS
from tests.simulation.runner import Report, play, play_some

ROOT = Path(__file__).parents[2]
SEEDS = range(40)
TASKS = 50


@pytest.fixture(scope="module")
def report() -> Report:
    """What came of forty worlds."""
    return play_some(SEEDS, TASKS)


def test_no_promise_is_broken(report: Report) -> None:
    """Whatever fails, repeats, comes late or dies."""
    assert report.broken == []


def test_at_least_twenty_kinds_of_fault_fire(report: Report) -> None:
    """A simulation without faults would prove nothing."""
    assert len(report.faults) >= 20
    assert set(report.faults) <= set(KINDS)


def test_tasks_come_to_every_end(report: Report) -> None:
    """Most succeed; some fail, are cancelled, or stay unknown."""
    assert set(report.states) == {"succeeded", "failed", "cancelled", "unknown"}
    assert report.states["succeeded"] > report.tasks / 2


def test_a_report_can_be_read(report: Report) -> None:
    """It names every kind of fault, also those that did not fire."""
    text = "\n".join(report.lines())
    assert "broken invariants: 0" in text
    for kind in KINDS:
        assert kind in text


@pytest.mark.parametrize("seed", [1, 4])
def test_a_world_replays_exactly(seed: int) -> None:
    """The same calls at the same times with the same faults; another seed is another world."""
    digests = [play(one, 20, trace=True)[0].injector.digest() for one in (seed, seed, seed + 1)]
    assert digests[0] == digests[1] != digests[2]


def test_a_world_replays_in_another_process() -> None:
    """Whatever order that process gives to sets: a seed is all that a failing world is."""
    traces = {
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "4", "--tasks", "20"],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(traces) == 1
    assert "the same twice" in traces.pop()


def test_every_call_that_is_made_may_be_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new port or method would else go through the simulation unharmed."""
    made: set[str] = set()
    begin = FaultInjector.begin

    def noted(self: FaultInjector, name: str, *seconds: float) -> str | None:
        made.add(name)
        return begin(self, name, *seconds)

    monkeypatch.setattr(FaultInjector, "begin", noted)
    play_some(range(8), TASKS)
    assert made <= set(CALLS)
    unseen = {field.name for field in fields(Ports)} - {name.split(".")[0] for name in made}
    assert unseen <= {"clock", "limits", "dead_letters", "errands"}
