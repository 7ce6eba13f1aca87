"""Every call of a task fails once in every way: no task is paid twice, lost or stuck."""

from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.ports import Step
from tests.simulation.crash_points import KEYED, READS, enumerate_points, table
from tests.simulation.fault_injection import FunctionError
from tests.simulation.fault_kinds import CALLS
from tests.simulation.scenarios import BASIC, OTHER_UPLOADS, SCENARIOS, SPECIAL
from tests.simulation.system import SimulatedSystem

every_event = pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])


@pytest.mark.parametrize("name", BASIC)
@every_event
def test_no_crash_point_violates_an_invariant(name: str, *, twice: bool) -> None:
    """With a key every task succeeds; without one only an unclear paid call stays unknown.

    Here the spec comes first where every event comes once; `make simulate` has all four cases.
    """
    row = enumerate_points(BASIC[name], twice=twice, spec_first=not twice)

    assert row.points > 100
    assert row.wrong(name) == []
    assert sum(row.doubtful.values()) == row.outcomes["unknown"]
    if not name.startswith(KEYED):
        assert 0 < row.outcomes["unknown"] < row.points / 10
        assert row.misplaced == []
    if name.startswith("look-up"):
        assert row.adopted > 0
        assert "crash-after providers.pay" not in row.doubtful


LONG = frozenset(
    {
        "bucket down for minutes, none, large",
        "credentials refused for minutes, none, a job",
        "cut short at its end, retried",
        "default, key, a budget for one call a day",
        "default, key, corrected to labels",
        "default, key, photo replaced",
        "default, key, photo replaced at once",
        "default, key, the same photo again",
        "default, key, two labels",
        "elsewhere, none, two versions",
        "no credits for minutes, key, a job",
        "outputs down for a while, none, a job",
        "outputs down for hours, none, sync",
        "refused for an hour, key",
        "throttled late, key, a job",
    }
)
"""Each takes as long as a dozen others together: `make simulate` runs them."""


@pytest.mark.parametrize("name", [name for name in SPECIAL if name not in LONG])
def test_no_crash_point_of_a_special_scenario_violates_an_invariant(name: str) -> None:
    """Whatever users do and whichever run is lost; also where their own command is killed.

    Here a sample of their points; `make simulate` has all. With a key no call is unclear in the
    end, however often the provider refuses to answer.
    """
    row = enumerate_points(SCENARIOS[name], twice=False, spec_first=False, every=11)

    assert row.points > 5
    assert row.wrong(name) == []


@pytest.mark.parametrize("name", OTHER_UPLOADS)
def test_no_crash_point_of_other_uploads_violates_an_invariant(name: str) -> None:
    """Specs and photos that are bad, missing, deleted, late or replaced; a provider that refuses.

    Here a sample of their points; `make simulate` has all. Only a fault around the paid call leaves
    a task unknown, and a key none.
    """
    row = enumerate_points(OTHER_UPLOADS[name], twice=False, every=5)

    assert row.points > 10
    assert row.wrong(name) == []
    assert row.misplaced == []


def test_a_fault_of_a_read_has_the_same_outcome_whether_it_was_carried_out() -> None:
    """Each pair of ways is run once for both; run apart, they give the same row."""
    assert set(CALLS) > READS
    for name in ("look-up, a job", "no photo"):
        rows = [
            enumerate_points(
                SCENARIOS[name], twice=True, spec_first=True, share_reads=share, every=3
            )
            for share in (True, False)
        ]
        assert rows[0] == rows[1]


def test_every_call_to_a_port_fails_in_some_scenario() -> None:
    """Missed turns, what cannot be read or taken in, lines and books are left to random ones."""
    calls: set[str] = set()
    for scenario in SCENARIOS.values():
        fault = scenario.build_fault()
        scenario.play(fault)
        calls |= set(fault.calls)
    random = {
        *("dead_letters.put", "tasks.put_off", "lines.mark", "budgets.forget_holding"),
        "providers.history",
    }
    assert calls == set(CALLS) - random


@pytest.mark.parametrize("name", BASIC)
def test_a_basic_scenario_without_faults_succeeds(name: str) -> None:
    """One charge, one success."""
    system = BASIC[name].play(BASIC[name].build_fault())
    assert [task.state for task in system.tasks.stored.values()] == ["succeeded"]
    assert len(system.providers.ledger.jobs) == 1


@pytest.mark.parametrize(
    ("name", "verbs"),
    [
        ("none, synchronous", ["submit"]),
        ("none, a job", ["submit"]),
        ("key, a job, polled in place", ["submit"]),
        ("key, a job, the workflow waits", ["submit", "poll", "poll"]),
        ("none, a job, a large result", ["submit", "deliver"]),
        ("none, synchronous, many results", ["submit", "deliver"]),
    ],
)
def test_a_basic_scenario_calls_the_functions_that_its_name_says(
    name: str, verbs: list[str]
) -> None:
    """A function goes on with the next verb; the workflow waits, and DELIVER takes the large."""
    begun: list[str] = []
    original = SimulatedSystem.invoke_function

    def invoke(self: SimulatedSystem, verb: str, event: Mapping[str, Any]) -> Step | FunctionError:
        begun.append(verb)
        return original(self, verb, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedSystem, "invoke_function", invoke)
        BASIC[name].play(BASIC[name].build_fault())
    assert begun == verbs


@pytest.mark.parametrize(
    ("name", "ends", "outcomes"),
    [
        ("not a spec", ["not-a-spec"], [[]]),
        ("empty photo", ["input-empty"], [[]]),
        ("no photo", ["inputs-missing"], [[]]),
        ("deleted spec", ["spec-deleted"], [[]]),
        ("two versions, key", ["superseded", "succeeded"], [["throttled"], ["succeeded"]]),
        ("two versions out of order, key", ["succeeded", "superseded"], [["succeeded"], []]),
        ("large answer, none", ["succeeded"], [["succeeded"]]),
        ("fallback, none", ["succeeded"], [["refused", "succeeded"]]),
        ("photo arrives while its task is created, none", ["succeeded"], [["succeeded"]]),
    ],
)
def test_a_scenario_with_other_uploads_ends_as_its_name_says(
    name: str, ends: list[str], outcomes: list[list[str]]
) -> None:
    """Otherwise its crash points would be those of another scenario."""
    scenario = OTHER_UPLOADS[name]
    fault = scenario.build_fault()
    tasks = scenario.play(fault).tasks.stored.values()
    assert [task.ending.failure.code if task.ending else task.state for task in tasks] == ends
    assert [[attempt.outcome for attempt in task.attempts] for task in tasks] == outcomes
    assert ("outputs.put" in fault.calls) == ("large" in name)


@pytest.mark.parametrize(
    ("name", "ends", "runs"),
    [
        ("cancelled, key, a job", ["cancelled"], [1]),
        ("cancelled early, none", ["cancelled"], [1]),
        ("cancelled in doubt, key", ["cancelled"], [1]),
        ("cancelled in doubt, look-up", ["cancelled"], [1]),
        ("cancelled in doubt, none", ["unknown"], [1]),
        ("cancelled in doubt, last run", ["unknown"], [1]),
        ("cancelled, refused, none", ["cancelled"], [1]),
        ("aborted in doubt, key", ["succeeded"], [2]),
        ("aborted in doubt, look-up", ["succeeded"], [2]),
        ("aborted in doubt, none", ["unknown"], [2]),
        ("refused for an hour, key", ["succeeded"], [1]),
        ("cut short at its end, retried", ["succeeded"], [2]),
        ("denied, none, retried", ["succeeded"], [2]),
        ("unclear, none, retried", ["unknown"], [1]),
        ("unclear, none, paid again", ["succeeded"], [2]),
        ("aborted, key, retried", ["succeeded"], [2]),
        ("aborted, look-up, retried", ["succeeded"], [2]),
        ("aborted while SUBMIT lingers, key", ["succeeded"], [1]),
        ("run lost, key, a job", ["succeeded"], [2]),
        ("run lost while SUBMIT lingers, none", ["succeeded"], [1]),
        ("cancelled while the workflow waits, key", ["cancelled"], [1]),
        ("run lost at the call, none", ["succeeded"], [2]),
        ("overwritten, none, a job", ["succeeded", "succeeded"], [1, 1]),
    ],
)
def test_a_scenario_with_user_events_ends_as_its_name_says(
    name: str, ends: list[str], runs: list[int]
) -> None:
    """Otherwise its crash points would be those of another scenario."""
    scenario = SCENARIOS[name]
    system = scenario.play(scenario.build_fault())
    tasks = system.tasks.stored.values()
    assert [task.state for task in tasks] == ends
    assert [task.run for task in tasks] == runs
    assert len({task.output for task in tasks}) == 1


@pytest.mark.parametrize(
    ("name", "ends", "runs"),
    [
        ("table down for seconds, none, sync", ["succeeded"], 1),
        ("table down for minutes, none, a job", ["succeeded"], 1),
        ("bucket down for minutes, none, large", ["succeeded"], 1),
        ("outputs down for a while, none, a job", ["succeeded"], 1),
        ("late result, none, sync", ["succeeded"], 1),
        ("late result, none, a job", ["succeeded"], 1),
        ("refused late, none, a job", ["failed"], 2),
        ("not sent late, look-up, a job", ["succeeded"], 2),
        ("throttled late, key, a job", ["succeeded"], 2),
        ("no credits for minutes, key, a job", ["succeeded"], 2),
        ("credentials refused for minutes, none, a job", ["succeeded"], 1),
        ("another account for minutes, none, a job", ["succeeded"], 1),
        ("an older job is named, none", ["succeeded", "unknown"], 1),
    ],
)
def test_a_scenario_with_an_outage_ends_as_its_name_says(
    name: str, ends: list[str], runs: int
) -> None:
    """Outages and account problems cost time, and nothing else."""
    scenario = SCENARIOS[name]
    system = scenario.play(scenario.build_fault())
    tasks = system.tasks.stored.values()
    assert [task.state for task in tasks] == ends
    assert {task.run for task in tasks} == {runs}


def test_the_table_lists_doubtful_calls() -> None:
    """A row for the scenario, and a line for each call after which it was unknown."""
    row = enumerate_points(SCENARIOS["none, a job"], twice=False, spec_first=False)
    lines = list(table({("none, a job", False): row}))
    assert lines[1].startswith("none, a job")
    assert any("unknown after crash-before providers.pay" in line for line in lines)
