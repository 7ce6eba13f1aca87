"""The tree of errors: what may be repeated, and where money may have moved, is the class's."""

import inspect
import re

import pytest

from darkroom.domain import errors
from darkroom.domain.errors import Conflict, DarkroomError, Failure, Throttled

TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DarkroomError) and kind is not DarkroomError
]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_tree_and_described(kind: type[DarkroomError]) -> None:
    """In the tree at the top of the file, and by its own sentence."""
    assert re.search(rf"── {kind.__name__} ", errors.__doc__ or "")
    assert kind.__doc__


def test_only_unclear_errors_may_have_moved_money() -> None:
    """After every other error it is certain that nothing was paid."""
    assert [kind.__name__ for kind in TREE if kind.money_moved == "maybe"] == ["Unclear"]


def test_refused_errors_are_not_repeatable() -> None:
    """A retry changes nothing; temporary errors may be repeated."""
    again = {kind.__name__ for kind in TREE if kind.repeatable}
    assert again == {
        *("Throttled", "AccountBlocked", "NotSent", "Conflict"),
        *("Busy", "OutOfTime", "InputWithheld", "OwnTrouble", "OverBudget"),
    }


def test_error_has_the_failure_of_the_manifest() -> None:
    """Code, sentence and next step."""
    assert Throttled("c", "S.", "N.", retry_after_s=3).failure == Failure("c", "S.", "N.")
    assert Throttled("c", "S.").retry_after_s is None
    assert Conflict("S.").failure == Failure("conflict", "S.")
    assert str(Conflict("S.")) == "S."
