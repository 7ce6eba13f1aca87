"""Some simulations of `make simulate`: no invariant is violated, and faults strike."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from darkroom.ports import Ports
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.fault_kinds import CALLS, KINDS
from tests.simulation.runner import Report, run_seed, run_seeds

ROOT = Path(__file__).parents[2]
SEEDS = range(12)
TASKS = 50


CALLED: set[str] = set()
"""The calls of ports in the simulations of `report`."""


@pytest.fixture(scope="module")
def report() -> Report:
    """The outcomes of some simulations."""
    begin = FaultInjector.before_call

    def noted(self: FaultInjector, name: str, *seconds: float) -> str | None:
        CALLED.add(name)
        return begin(self, name, *seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultInjector, "before_call", noted)
        return run_seeds(SEEDS, TASKS)


def test_no_invariant_is_violated(report: Report) -> None:
    """Whatever fails, repeats, comes late or is killed."""
    assert report.broken == []


def test_at_least_twenty_kinds_of_fault_strike(report: Report) -> None:
    """A simulation without faults would prove nothing."""
    assert len(report.faults) >= 20
    assert set(report.faults) <= set(KINDS)


def test_tasks_reach_every_end(report: Report) -> None:
    """Most succeed; some fail, are cancelled, or stay unknown."""
    assert set(report.states) == {"succeeded", "failed", "cancelled", "unknown"}
    assert report.states["succeeded"] > report.tasks / 2


def test_a_report_can_be_read(report: Report) -> None:
    """It names every kind of fault, also those that did not strike."""
    text = "\n".join(report.lines())
    assert "broken invariants: 0" in text
    for kind in KINDS:
        assert kind in text


@pytest.mark.parametrize("seed", [1, 4])
def test_a_seed_replays_exactly(seed: int) -> None:
    """The same calls at the same times with the same faults; another seed differs."""
    digests = [
        run_seed(one, 20, trace=True)[0].injector.trace_digest() for one in (seed, seed, seed + 1)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_seed_replays_in_another_process() -> None:
    """Whatever the order of sets in that process: a seed reproduces a violation."""
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
    assert "replayed identically" in traces.pop()


@pytest.mark.usefixtures("report")
def test_every_call_may_fail() -> None:
    """Otherwise the calls of a new port or method would never fail."""
    assert CALLED
    assert set(CALLS) >= CALLED
    unseen = {field.name for field in fields(Ports)} - {name.split(".")[0] for name in CALLED}
    assert unseen <= {"clock", "limits", "money", "dead_letters", "errands", "metrics"}
