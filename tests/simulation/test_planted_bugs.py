"""The simulation is tested, too: bugs are planted, and it must find them.

Here some that are found at once; `make simulate` plants all of them.
"""

import inspect

import pytest

from darkroom.pipeline import continue_in_place, intake, retry, submit
from tests.simulation.planted_bugs import hunt
from tests.simulation.planted_bugs.hunt import BUGS, Hunt, find_bug
from tests.simulation.planted_bugs.plant import Bug, planted

QUICK = (
    "a call is paid before its intent is written",
    "what the history says is not written",
    "the state is written before the manifest",
    "a submitted task is cancelled",
    "a job that is given up is not cancelled",
    "retry pays again",
    "the last in line gets the turn",
    "SWEEP gives no turns",
    "FAIL ends a paid task at the first broken run",
    "results copied before a bad end are not listed",
    "a blocked account fails the task",
    "a batch ends though a task has not",
)
CPU_S = 60


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(name: str) -> None:
    """Within seconds; the limit is for slow machines."""
    assert find_bug(name, CPU_S).found


def test_there_are_at_least_a_hundred_planted_bugs() -> None:
    """Each with a name of its own."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 100


def test_every_bug_can_be_planted_and_is_undone() -> None:
    """Each name that it replaces exists, and is restored afterwards."""
    for bug in BUGS:
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in bug.swaps()]
        with planted(bug):
            changed = [getattr(owner, name) is not value for owner, name, value in before]
        assert all(changed), bug.name
        for owner, name, value in before:
            assert getattr(owner, name) is value, f"{bug.name} leaves {name} replaced"


def test_every_replacement_takes_what_the_original_takes() -> None:
    """A bug that fits no more is noticed here, not only by the long hunt."""
    misfits = []
    for bug in BUGS:
        for owner, name, replacement in bug.swaps():
            original = getattr(owner, name)
            if not (inspect.isfunction(original) and inspect.isfunction(replacement)):
                continue
            parameters = inspect.signature(original).parameters.values()
            plain = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
            keywords = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
            try:
                inspect.signature(replacement).bind(*plain, **dict.fromkeys(keywords))
            except TypeError as error:
                misfits.append(f"{bug.name}: {name}: {error}")
    assert misfits == []


def test_a_bug_that_replaces_an_unknown_name_cannot_be_planted() -> None:
    """A renamed function must not make a planted bug harmless unnoticed."""
    bug = Bug("nothing", lambda: [(submit, "no_such_name", None)])
    with pytest.raises(AttributeError), planted(bug):
        pass


def test_a_bug_that_replaces_an_unused_name_cannot_be_planted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function that moved may leave its old name behind, where nothing calls the replacement."""
    monkeypatch.setattr(submit, "left_behind", None, raising=False)
    bug = Bug("nothing", lambda: [(submit, "left_behind", None)])
    with pytest.raises(LookupError, match=r"submit\.left_behind, which is not used"), planted(bug):
        pass


def test_the_hunt_reports_a_replacement_that_was_never_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not found because nothing reached the bug, instead of not found although it was reached."""
    unreached = Bug("unreached", lambda: [(retry, "retry", lambda *_: None)], ("event-delayed",))
    reached = Bug("reached", lambda: [(intake, "receive", intake.receive)], ("event-delayed",))
    monkeypatch.setattr(hunt, "BUGS", (unreached, reached))
    assert find_bug("unreached", 0) == Hunt(
        ("retry.retry",), violation="NOT FOUND; never called: retry.retry"
    )
    assert find_bug("reached", 0) == Hunt(("intake.receive",), violation="NOT FOUND")


def test_a_bug_that_no_longer_fits_the_product_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error because of a wrong argument violates no invariant: it comes from the plant."""
    misfit = Bug("a misfit", lambda: [(continue_in_place, "submit", lambda: None)])
    monkeypatch.setattr(hunt, "BUGS", (misfit,))
    found = find_bug("a misfit", CPU_S)
    assert not found.found
    assert found.violation.startswith("NO LONGER FITS THE PRODUCT")
