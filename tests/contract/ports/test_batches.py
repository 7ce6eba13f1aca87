"""What every store of batches promises: one writer at a time, and those that are due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.batch import Batch, BatchId, BatchRule
from darkroom.domain.errors import Conflict
from darkroom.ports import Batches
from tests.fakes.clock import START

FOLDER = BatchId("folder", "photos/night 7/")
MESSAGE = BatchId("message", "photos/night 7/")
ONE = Batch(FOLDER, BatchRule(200, "_END", 600), START, START + timedelta(seconds=0.25))
LATER = START + timedelta(hours=1)


def test_batch_is_read_as_it_was_written(batches: Batches) -> None:
    """Every field, and its version."""
    full = replace(ONE, look_at=LATER, seen="a", closed=True, revision=3, digest="b")
    assert batches.write(None, full) == replace(full, version=1)
    assert batches.get_many([FOLDER]) == [replace(full, version=1)]


def test_only_those_that_exist_are_read(batches: Batches) -> None:
    """A folder and a name that are spelled alike are two batches; the root is one."""
    root = replace(ONE, id=BatchId("folder", ""))
    for one in (ONE, root):
        batches.write(None, one)
    found = batches.get_many([FOLDER, MESSAGE, root.id, FOLDER])
    assert {one.id for one in found} == {FOLDER, root.id}
    assert len(found) == 2


def test_batch_is_changed_by_one_of_its_readers(batches: Batches) -> None:
    """The other one reads again."""
    first = batches.write(None, ONE)
    with pytest.raises(Conflict):
        batches.write(None, ONE)
    second = batches.write(first, replace(first, revision=1))
    with pytest.raises(Conflict):
        batches.write(first, replace(first, revision=7))
    assert batches.get_many([FOLDER]) == [second]
    assert (second.version, second.revision) == (2, 1)


def test_due_batches_come_soonest_first(batches: Batches) -> None:
    """Those without a time never do."""
    for number, minutes in enumerate((30, 10, None, 50, 90)):
        look_at = None if minutes is None else START + timedelta(minutes=minutes)
        batches.write(None, replace(ONE, id=BatchId("message", str(number)), look_at=look_at))

    assert [one.name for one in batches.due(LATER, 10)] == ["1", "0", "3"]
    assert [one.name for one in batches.due(LATER, 2)] == ["1", "0"]
    assert batches.due(START, 10) == []


def test_looked_at_batch_is_not_due(batches: Batches) -> None:
    """Its entry moves or disappears with each write."""
    due = batches.write(None, replace(ONE, look_at=START))
    assert batches.due(LATER, 10) == [FOLDER]
    done = batches.write(due, replace(due, look_at=None))
    assert batches.due(LATER, 10) == []
    batches.write(done, replace(done, look_at=LATER + timedelta(seconds=1)))
    assert batches.due(LATER, 10) == []
