"""The simulation's stores pass the contract tests of the ports."""

import pytest

from darkroom.domain.errors import Conflict
from darkroom.ports import Tasks
from tests.contract.ports import test_buckets, test_tasks
from tests.contract.ports.test_tasks import *  # noqa: F403 - the tests themselves, for another store
from tests.simulation.stores import PlainOutputs, PlainTasks


@pytest.fixture
def tasks() -> Tasks:
    """An empty task store."""
    return PlainTasks()


def test_every_contract_test_of_task_stores_runs_here() -> None:
    """The import left none of them out."""
    tests = {name for name in vars(test_tasks) if name.startswith("test_")}
    assert tests <= set(globals())
    assert len(tests) > 10


@pytest.mark.parametrize("key", test_buckets.ODD_KEYS)
def test_get_returns_the_newest_version(key: str) -> None:
    """The newest version, for any key; None if there is no object."""
    outputs = PlainOutputs()
    assert outputs.get(key) is None
    for body in (b"one", b"two"):
        outputs.put(key, body, "image/png")
    assert outputs.get(key) == b"two"


def test_put_over_refuses_an_unexpected_version() -> None:
    """Not if an object exists unexpectedly, has another version, or is gone."""
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
