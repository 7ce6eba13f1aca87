"""The simulation's stores promise what every store promises: they pass the ports' own suite."""

import pytest

from darkroom.domain.errors import Conflict
from darkroom.ports import Tasks
from tests.contract.ports import test_buckets, test_tasks
from tests.contract.ports.test_tasks import *  # noqa: F403 - the suite itself, on another store
from tests.simulation.stores import PlainOutputs, PlainTasks


@pytest.fixture
def tasks() -> Tasks:
    """An empty task store."""
    return PlainTasks()


def test_the_whole_suite_of_task_stores_is_run_here() -> None:
    """Nothing of it was left behind by the import."""
    suite = {name for name in vars(test_tasks) if name.startswith("test_")}
    assert suite <= set(globals())
    assert len(suite) > 10


@pytest.mark.parametrize("key", test_buckets.ODD_KEYS)
def test_what_is_written_can_be_got(key: str) -> None:
    """The newest version, whatever the key looks like; and nothing where nothing is."""
    outputs = PlainOutputs()
    assert outputs.get(key) is None
    for body in (b"one", b"two"):
        outputs.put(key, body, "image/png")
    assert outputs.get(key) == b"two"


def test_nothing_is_written_over_what_was_not_expected() -> None:
    """Neither where nothing should be, nor over another version, nor where it is gone."""
    outputs = PlainOutputs()
    outputs.put_over("a.png", b"one", "image/png", None)
    one = outputs.find("a.png")
    outputs.put_over("a.png", b"two", "image/png", one)
    for expected in (None, one):
        with pytest.raises(Conflict):
            outputs.put_over("a.png", b"three", "image/png", expected)
    with pytest.raises(Conflict):
        outputs.put_over("b.png", b"three", "image/png", one)
    assert outputs.get("a.png") == b"two"
    assert outputs.find("b.png") is None
