"""Two processes at the same files at once, in every order that a hold-up and a death can make."""

import pytest

from tests.simulation.races import RACES, run_race


@pytest.mark.parametrize("name", RACES)
def test_whoever_wins_a_race_there_is_one_end_and_one_manifest(name: str) -> None:
    """Table, manifest and event agree, and nobody writes over what is newer."""
    places = list(run_race(RACES[name]))
    assert len(places) > 5
    assert [(where, broken) for where, broken in places if broken] == []
