"""A task that an older release has stored is finished by the code of today.

`stored_by_0_1.json` has one item for each state of a task that is under way, as release 0.1 wrote
it, in DynamoDB's own JSON. It is never changed: another form of the items is another file.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from boto3.dynamodb.types import TypeDeserializer

from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.task import FINISHED, State
from darkroom.pipeline.money.held import release_where_room_is
from tests.pipeline.harness import PHOTO, in_state

STORED: dict[State, dict[str, Any]] = json.loads(
    Path(__file__).with_name("stored_by_0_1.json").read_text("utf-8")
)


def test_every_state_of_a_task_under_way_was_stored() -> None:
    """A state that is new has no older form."""
    assert STORED.keys() == set(get_args(State)) - FINISHED


@pytest.mark.parametrize("state", sorted(STORED))
def test_stored_task_is_finished_with_one_charge(state: State) -> None:
    """From where the older code has left it."""
    harness = in_state(state)
    task_id = harness.task.task_id
    item = TypeDeserializer().deserialize({"M": STORED[state]})
    assert item["pk"] == f"task#{task_id}"
    harness.tasks._items[task_id] = item
    if state == "waiting":
        harness.upload(PHOTO)
    if state == "held":
        harness.ports = replace(harness.ports, money=MoneyRules())
        release_where_room_is(harness.ports)
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
