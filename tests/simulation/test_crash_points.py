"""Every call of a task's life is struck in every way: nothing is paid twice, lost or stuck."""

import pytest

from tests.simulation.crash_points import KEYED, enumerate_points, table
from tests.simulation.scenarios import PLAIN, STORIES, TOLD
from tests.simulation.single_fault import SingleFault

every_event = pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])


@pytest.mark.parametrize("name", PLAIN)
@every_event
def test_no_crash_point_breaks_a_promise(name: str, *, twice: bool) -> None:
    """With a key everything ends well; without one only the doubtful call stays unknown."""
    row = enumerate_points(PLAIN[name], twice=twice)

    assert row.points > 100
    assert row.wrong(name) == []
    assert sum(row.doubtful.values()) == row.outcomes["unknown"]
    if not name.startswith(KEYED):
        assert 0 < row.outcomes["unknown"] < row.points / 10
    if name.startswith("look-up"):
        assert row.adopted > 0
        assert "crash-after providers.pay" not in row.doubtful


LONG = frozenset(
    {
        "bucket shut for minutes, none, large",
        "outputs shut for a while, none, a job",
        "outputs shut for hours, none, sync",
    }
)
"""Each takes as long as all others do: `make simulate` enumerates them."""


@pytest.mark.parametrize("name", [name for name in TOLD if name not in LONG])
def test_no_crash_point_of_an_eventful_story_breaks_a_promise(name: str) -> None:
    """Whatever people do, whichever run is lost: also where their own command dies.

    With a key nothing of it is doubtful, however often the provider refuses to tell.
    """
    row = enumerate_points(STORIES[name], twice=False, spec_first=False)

    assert row.points > 50
    assert row.wrong(name) == []


@pytest.mark.parametrize("name", PLAIN)
def test_an_unharmed_story_ends_well(name: str) -> None:
    """One charge, one success."""
    system = PLAIN[name].tell(SingleFault())
    assert [task.state for task in system.tasks.stored.values()] == ["succeeded"]
    assert len(system.providers.ledger.jobs) == 1


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
        ("doubtful, none, retried", ["unknown"], [1]),
        ("doubtful, none, paid again", ["succeeded"], [2]),
        ("aborted, key, retried", ["succeeded"], [2]),
        ("aborted, look-up, retried", ["succeeded"], [2]),
        ("run lost, key, a job", ["succeeded"], [2]),
        ("run lost at the call, none", ["succeeded"], [2]),
        ("written over, none, a job", ["succeeded", "succeeded"], [1, 1]),
    ],
)
def test_an_eventful_story_is_what_it_is_called(
    name: str, ends: list[str], runs: list[int]
) -> None:
    """Else its crash points would be those of another story."""
    scenario = STORIES[name]
    system = scenario.tell(scenario.doom())
    tasks = system.tasks.stored.values()
    assert [task.state for task in tasks] == ends
    assert [task.run for task in tasks] == runs
    assert len({task.output for task in tasks}) == 1


@pytest.mark.parametrize(
    ("name", "ends", "runs"),
    [
        ("table shut for seconds, none, sync", ["succeeded"], 1),
        ("table shut for minutes, none, a job", ["succeeded"], 1),
        ("bucket shut for minutes, none, large", ["succeeded"], 1),
        ("outputs shut for a while, none, a job", ["succeeded"], 1),
        ("late result, none, sync", ["succeeded"], 1),
        ("late result, none, a job", ["succeeded"], 1),
        ("refused late, none, a job", ["failed"], 2),
        ("not sent late, look-up, a job", ["succeeded"], 2),
        ("throttled late, key, a job", ["succeeded"], 2),
        ("no credits for minutes, key, a job", ["succeeded"], 1),
        ("secret refused for minutes, none, a job", ["succeeded"], 1),
        ("another account for minutes, none, a job", ["succeeded"], 1),
        ("an older job is named, none", ["succeeded", "unknown"], 1),
    ],
)
def test_a_story_of_trouble_ends_as_it_should(name: str, ends: list[str], runs: int) -> None:
    """What our own stores and the providers' accounts do for a while costs time, and no more."""
    scenario = STORIES[name]
    system = scenario.tell(scenario.doom())
    tasks = system.tasks.stored.values()
    assert [task.state for task in tasks] == ends
    assert {task.run for task in tasks} == {runs}


def test_the_table_lists_what_is_doubtful() -> None:
    """A row for the story, and a line for each call after which it was unknown."""
    row = enumerate_points(STORIES["none, a job"], twice=False, spec_first=False)
    lines = list(table({("none, a job", False): row}))
    assert lines[1].startswith("none, a job")
    assert any("unknown after crash-before providers.pay" in line for line in lines)
