"""Two processes race for the same files, with a delay and a kill at every pair of calls."""

import pytest

from tests.simulation.races import RACES, run_race

LONG = "SUBMIT delivers and is delayed, a newer task begins"
"""It takes as long as all the others together: `make simulate` runs it."""


@pytest.mark.parametrize("name", [name for name in RACES if name != LONG])
def test_a_race_has_one_end_and_one_manifest(name: str) -> None:
    """Table, manifest and event agree, and an older task overwrites nothing of a newer one."""
    places = list(run_race(RACES[name]))
    assert len(places) > 5
    assert [(where, broken) for where, broken in places if broken] == []
