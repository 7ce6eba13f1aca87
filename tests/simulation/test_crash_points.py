"""Every call of a task's life is struck in every way: nothing is paid twice, lost or stuck."""

import pytest

from tests.simulation.crash_points import STORIES, Doom, enumerate_points, table, tell

every_story = pytest.mark.parametrize("story", STORIES)
every_event = pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])


@every_story
@every_event
def test_no_crash_point_breaks_a_promise(story: str, *, twice: bool) -> None:
    """With a key everything ends well; without one only the doubtful call stays unknown."""
    row = enumerate_points(story, twice=twice)

    assert row.points > 100
    assert row.broken == []
    assert (row.duplicates, row.lost, row.stuck) == (0, 0, 0)
    assert set(row.outcomes) <= {"succeeded", "unknown"}
    assert sum(row.doubtful.values()) == row.outcomes["unknown"]
    if story.startswith("key"):
        assert row.outcomes["unknown"] == 0
    else:
        assert 0 < row.outcomes["unknown"] < row.points / 10
    if story.startswith("look-up"):
        assert row.adopted > 0
        assert "crash-after providers.pay" not in row.doubtful


@every_story
def test_an_unharmed_story_ends_well(story: str) -> None:
    """One charge, one success."""
    world = tell(story, Doom())
    assert [task.state for task in world.tasks.stored.values()] == ["succeeded"]
    assert len(world.providers.ledger.jobs) == 1


def test_the_table_lists_what_is_doubtful() -> None:
    """A row for the story, and a line for each call after which it was unknown."""
    row = enumerate_points("none, a job", twice=False)
    lines = list(table({("none, a job", False): row}))
    assert lines[1].startswith("none, a job")
    assert any("unknown after crash-before providers.pay" in line for line in lines)
