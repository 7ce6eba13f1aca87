"""The simulation's task store passes the contract tests of its port."""

import pytest

from darkroom.ports import Tasks
from tests.contract.ports import test_tasks
from tests.contract.ports.test_tasks import *  # noqa: F403 - the tests themselves, for another store
from tests.simulation.stores import PlainTasks


@pytest.fixture
def tasks() -> Tasks:
    """An empty task store."""
    return PlainTasks()


def test_every_contract_test_of_task_stores_runs_here() -> None:
    """The import left none of them out."""
    tests = {name for name in vars(test_tasks) if name.startswith("test_")}
    assert tests <= set(globals())
    assert len(tests) > 10
