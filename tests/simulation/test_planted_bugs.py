"""The simulation is tested too: bugs are planted, and it must find them.

Here a handful that show at once; `make simulate` plants them all.
"""

import pytest

from darkroom.pipeline import submit
from tests.simulation.planted_bugs import hunt
from tests.simulation.planted_bugs.hunt import BUGS, find_bug
from tests.simulation.planted_bugs.plant import Bug, planted

QUICK = (
    "a call is paid before its intent is written",
    "a call without an answer is sent again",
    "the attempt's number stays 1",
    "every failed job is taken to be free",
    "a write does not look at what is there",
    "the state is written before the manifest",
    "the event is sent before the state is written",
    "what is submitted is cancelled",
    "a new run is begun while the old one is alive",
    "a job that is given up runs on",
    "retry pays again",
    "a retry is the same run",
    "a lane is lent without end",
    "files are written over whatever is there",
    "SWEEP does not write the manifest again",
    "FAIL ends what is paid for at the first broken run",
    "a cancelled task's call is not found out about",
    "what was copied before a bad end is not told",
    "SWEEP stops at the first that cannot be read",
    "a task ends though its manifest cannot be written",
    "a blocked account fails the task",
    "a refused key loses the job",
)
CPU_S = 10


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(name: str) -> None:
    """Within seconds."""
    assert find_bug(name, CPU_S) is not None


def test_there_are_at_least_a_hundred_bugs_to_plant() -> None:
    """Each with a name of its own."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 100


def test_every_bug_can_be_planted_and_leaves_nothing_behind() -> None:
    """Each name that it swaps is there, and stands for what it stood for afterwards."""
    for bug in BUGS:
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in bug.swaps()]
        with planted(bug):
            changed = [getattr(owner, name) is not value for owner, name, value in before]
        assert all(changed), bug.name
        for owner, name, value in before:
            assert getattr(owner, name) is value, f"{bug.name} leaves {name} behind"


def test_a_bug_that_swaps_what_is_not_there_cannot_be_planted() -> None:
    """A renamed function must not make a bug harmless unnoticed."""
    bug = Bug("nothing", lambda: [(submit, "no_such_name", None)])
    with pytest.raises(AttributeError), planted(bug):
        pass


def test_a_bug_that_does_not_fit_its_place_any_more_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What breaks for want of an argument is the plant, and not the promise."""
    misfit = Bug("a misfit", lambda: [(submit, "submit", lambda: None)])
    monkeypatch.setattr(hunt, "BUGS", (misfit,))
    with pytest.raises(ValueError, match="cannot be planted any more"):
        find_bug("a misfit", CPU_S)
