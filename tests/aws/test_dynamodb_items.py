"""A task's item has the keys of its indexes, and expires in time."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from darkroom.aws.dynamodb_indexes import SHARDS, shard_of
from darkroom.aws.dynamodb_items import RETENTION, read_item, time_text, write_item
from darkroom.domain.strict_json import MAX_DEPTH
from darkroom.domain.task import FINISHED, State
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task


@pytest.mark.parametrize("state", get_args(State))
def test_item_has_the_index_keys_of_its_state(state: State) -> None:
    """All tasks are due until dismissed, ended ones expire, failed ones need attention."""
    item = write_item(sample_task(1, state))

    assert item["due_at"] == time_text(sample_task(1, state).due)
    assert item["due"] == f"due#{shard_of(item['pk'].removeprefix('task#'))}"
    assert ("expires_at" in item) == (state in FINISHED)
    assert ("attention" in item) == (state in ("failed", "unknown"))
    assert (item["tree_key"], item["state"]) == ("/photos/1.jpg.json", state)


def test_finished_task_is_kept_for_more_than_a_year() -> None:
    """A late redrive within that time cannot pay again."""
    item = write_item(sample_task(1, "succeeded"))

    assert item["expires_at"] == int((START + RETENTION).timestamp())
    assert timedelta(days=365) < RETENTION


def test_time_text_sorts_by_time() -> None:
    """Whole seconds too, which Python would format shorter."""
    times = [START + timedelta(microseconds=n) for n in (0, 1, 999_999, 1_000_000)]
    texts = [time_text(at) for at in times]

    assert texts == sorted(texts)
    assert len({len(text) for text in texts}) == 1


def test_item_reads_back_as_its_task() -> None:
    """With every field in use."""
    assert read_item(write_item(full_task())) == full_task()


def test_spec_at_its_depth_limit_fits_into_an_item() -> None:
    """DynamoDB allows 32 levels; the item adds its own to the spec's."""
    value: object = 1
    for _ in range(MAX_DEPTH - 2):  # the spec itself and its params are two
        value = [value]
    task = sample_task(1)
    deep = write_item(replace(task, order=replace(task.resolved_order, params={"a": value})))

    assert _depth(deep["task"]) <= 32


def test_tasks_are_spread_over_all_shards() -> None:
    """By the task's id."""
    assert {shard_of(f"{n:04x}" * 8) for n in range(64)} == set(range(SHARDS))


def _depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
