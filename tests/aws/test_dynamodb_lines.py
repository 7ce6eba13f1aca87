"""The lines' requests: lost races, repeated writes, faults, and pages that DynamoDB ends early."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_items import line_key
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.turns import Place, Turns
from tests.aws.request_recorder import Answer, Request, RequestRecorder, recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud_table
from tests.fakes.task_factory import sample_task

PLACE = Place("beta", START)
LOST = "ConditionalCheckFailedException"


@pytest.fixture
def lines() -> Iterator[tuple[RequestRecorder, DynamoLines]]:
    """Lines that lose every race."""
    with recorded_table() as (recorder, table):
        recorder.answers = lambda _: Answer({}, 400, LOST)
        yield recorder, DynamoLines(table)


def test_turns_of_another_version_are_not_overwritten(
    lines: tuple[RequestRecorder, DynamoLines],
) -> None:
    """The first write expects no item, later ones the version that was read."""
    recorder, store = lines
    assert store.compare_and_set("beta", Turns(), Turns()) is False
    assert store.compare_and_set("beta", Turns(version=6), Turns(version=9)) is False

    first, later = (request.body for request in recorder.sent)
    assert first["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert first["ExpressionAttributeNames"] == {"#n0": "pk"}
    assert later["ConditionExpression"] == "#n0 = :v0"
    assert later["ExpressionAttributeNames"] == {"#n0": "version"}
    assert later["ExpressionAttributeValues"] == {":v0": {"N": "6"}}
    assert later["Item"]["version"] == {"N": "7"}


def test_write_of_turns_that_lost_to_itself_has_succeeded(
    lines: tuple[RequestRecorder, DynamoLines],
) -> None:
    """Its response was lost, boto3 repeated it, and DynamoDB returns the stored item."""
    recorder, store = lines

    def own(request: Request) -> Answer:
        return Answer({"Item": {"write_id": request.body["Item"]["write_id"]}}, 400, LOST)

    recorder.answers = own
    assert store.compare_and_set("beta", Turns(version=6), Turns()) is True

    others: Any = {"Item": {"write_id": {"S": "another"}}}
    recorder.answers = lambda _: Answer(others, 400, LOST)
    assert store.compare_and_set("beta", Turns(version=6), Turns()) is False
    ids = [request.body["Item"]["write_id"]["S"] for request in recorder.sent]
    assert len(set(ids)) == len(ids)


def test_mark_of_a_task_that_has_just_left_does_nothing(
    lines: tuple[RequestRecorder, DynamoLines],
) -> None:
    """An update without this condition would make an item, and a turn for nobody."""
    recorder, store = lines
    store.mark("t", PLACE, missed=True)
    (request,) = recorder.sent
    assert request.body["ConditionExpression"] == "attribute_exists(pk)"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_fault_is_not_a_lost_race(lines: tuple[RequestRecorder, DynamoLines], code: str) -> None:
    """Repeating would not help."""
    recorder, store = lines
    recorder.answers = lambda _: Answer({}, 400, code)
    for call in (
        lambda: store.compare_and_set("beta", Turns(), Turns()),
        lambda: store.mark("t", PLACE, missed=True),
        lambda: store.turns("beta"),
        lambda: store.first("beta", 5),
    ):
        with pytest.raises(ClientError):
            call()
    assert len(recorder.sent) == 4


@pytest.mark.parametrize("page", [1, 2])
def test_all_pages_of_a_line_are_read(page: int) -> None:
    """DynamoDB ends a page at 1 MB, and counts filtered items to a page's limit."""
    with cloud_table(), recorded_table() as (recorder, table):
        tasks, store = DynamoTasks(table), DynamoLines(table)
        places = [replace(PLACE, since=START + timedelta(seconds=n)) for n in range(6)]
        for number, place in enumerate(places):
            tasks.create(sample_task(number, place=place), previous=None, owner=None)
        for number in (0, 1, 3):
            store.mark(sample_task(number).task_id, places[number], missed=True)
        recorder.page = page
        recorder.sent.clear()

        ids = [sample_task(number).task_id for number in range(6)]
        assert [one.task_id for one in store.first("beta", 9)] == [ids[2], ids[4], ids[5]]
        assert [one.task_id for one in store.first("beta", 2)] == [ids[2], ids[4]]
        assert [one.task_id for one in store.missed("beta")] == [ids[0], ids[1], ids[3]]
        assert store.ahead(ids[5], places[5]) == 5
    assert any("ExclusiveStartKey" in request.body for request in recorder.of("Query"))


def test_first_in_line_are_read_in_one_short_page() -> None:
    """A line of thousands must not be read for one turn; the number ahead needs no items."""
    with cloud_table(), recorded_table() as (recorder, table):
        store = DynamoLines(table)
        store.first("beta", 7)
        store.ahead("t", PLACE)

    first, ahead = (request.body for request in recorder.sent)
    assert (first["Limit"], first.get("ScanIndexForward", True)) == (7, True)
    assert ahead["Select"] == "COUNT"
    assert {"S": line_key("t", PLACE)["sk"]} in ahead["ExpressionAttributeValues"].values()
