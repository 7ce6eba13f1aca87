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
def test_every_error_is_drawn_and_described(kind: type[DarkroomError]) -> None:
    """In the tree at the top of the file, and by a sentence of its own."""
    assert re.search(rf"── {kind.__name__} ", errors.__doc__ or "")
    assert kind.__doc__


def test_money_may_only_have_moved_where_it_is_unclear() -> None:
    """Every other error is certain that nothing was paid by it."""
    assert [kind.__name__ for kind in TREE if kind.money_moved == "maybe"] == ["Unclear"]


def test_what_was_refused_is_not_repeated() -> None:
    """Asking again changes nothing; what passes may be asked again."""
    again = {kind.__name__ for kind in TREE if kind.repeatable}
    assert again == {
        *("Throttled", "AccountBlocked", "NotSent", "Conflict"),
        *("Busy", "OutOfTime", "InputWithheld", "OwnTrouble"),
    }


def test_an_error_carries_what_the_manifest_says() -> None:
    """Code, sentence and next step."""
    assert Throttled("c", "S.", "N.", retry_after_s=3).failure == Failure("c", "S.", "N.")
    assert Throttled("c", "S.").retry_after_s is None
    assert Conflict("S.").failure == Failure("conflict", "S.")
    assert str(Conflict("S.")) == "S."
