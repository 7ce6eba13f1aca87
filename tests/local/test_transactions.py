"""DynamoDB's transactions: all of its writes or none, whatever the table holds beside them."""

from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from infra.local.emulator import ACCOUNT, REGION
from tests.local.sample_template import Stack

BEFORE = [("a", 1), ("b", 2), ("c", 3), ("z", 26)]


class Uncopied:
    """Part of a table that must not be copied."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> NoReturn:
        raise AssertionError("the table was copied")


def key(name: str, *, ranged: bool) -> dict[str, Any]:
    """The key of an item."""
    return {"pk": {"S": name}} | ({"sk": {"S": "s"}} if ranged else {})


def item(name: str, number: int, *, ranged: bool) -> dict[str, Any]:
    """An item with a list, which an update changes in place."""
    return key(name, ranged=ranged) | {"list": {"L": [{"N": str(number)}]}}


def make_table(stack: Stack, name: str, *, ranged: bool, stream: bool = False) -> Any:
    """A table with items; returns a client."""
    client = stack.client("dynamodb")
    names = ("pk", "sk") if ranged else ("pk",)
    kinds = dict(zip(names, ("HASH", "RANGE"), strict=False))
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": one, "KeyType": kind} for one, kind in kinds.items()],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in names],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": stream}
        | ({"StreamViewType": "NEW_AND_OLD_IMAGES"} if stream else {}),
    )
    for one, number in BEFORE:
        client.put_item(TableName=name, Item=item(one, number, ranged=ranged))
    vars(dynamodb_backends[ACCOUNT][REGION].tables[name])["uncopied"] = Uncopied()
    return client


def writes(table: str, *, ranged: bool) -> list[dict[str, Any]]:
    """One write of each kind: an item changed, one replaced, one deleted, two made."""
    update = {
        "TableName": table,
        "UpdateExpression": "SET #list[0] = :n, extra = :n",
        "ExpressionAttributeNames": {"#list": "list"},
        "ExpressionAttributeValues": {":n": {"N": "9"}},
    }
    made = update | {"UpdateExpression": "SET #list = :n"}
    return [
        {"Update": {**update, "Key": key("a", ranged=ranged)}},
        {"Put": {"TableName": table, "Item": item("b", 9, ranged=ranged)}},
        {"Delete": {"TableName": table, "Key": key("c", ranged=ranged)}},
        {"Put": {"TableName": table, "Item": item("d", 9, ranged=ranged)}},
        {"Update": {**made, "Key": key("e", ranged=ranged)}},
    ]


def read(client: Any, table: str) -> dict[str, Any]:
    """All items by their hash key."""
    return {one["pk"]["S"]: one for one in client.scan(TableName=table)["Items"]}


@pytest.mark.parametrize("ranged", [True, False], ids=["hash-and-range", "hash"])
def test_transaction_writes_everything_without_a_copy_of_the_table(
    stack: Stack,
    ranged: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A copy would take longer with every item that was ever stored."""
    table = f"written-{ranged}"
    client = make_table(stack, table, ranged=ranged)
    client.transact_write_items(TransactItems=writes(table, ranged=ranged))
    found = read(client, table)
    assert sorted(found) == ["a", "b", "d", "e", "z"]
    assert found["a"]["list"] == {"L": [{"N": "9"}]}
    assert found["a"]["extra"] == {"N": "9"}
    assert found["b"] == item("b", 9, ranged=ranged)


def faults(table: str, *, ranged: bool) -> dict[str, list[dict[str, Any]]]:
    """Writes that cancel their transaction, by what is wrong with them."""
    last = {"TableName": table, "Item": item("z", 9, ranged=ranged)}
    update = {
        "TableName": table,
        "Key": key("f", ranged=ranged),
        "UpdateExpression": "SET nothing.here = :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }
    return {
        "condition": [{"Put": {**last, "ConditionExpression": "attribute_not_exists(pk)"}}],
        "same-item": [{"Put": last}, {"Put": last}],
        "no-key": [{"Put": {"TableName": table, "Item": {"other": {"S": "s"}}}}],
        "no-such-path": [{"Update": update}],
    }


@pytest.mark.parametrize("ranged", [True, False], ids=["hash-and-range", "hash"])
@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("wrong", ["condition", "same-item", "no-key", "no-such-path"])
def test_cancelled_transaction_changes_nothing(
    stack: Stack,
    wrong: str,
    at: int,
    ranged: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Wherever among its writes the error is."""
    table = f"cancelled-{wrong}-{at}-{ranged}"
    client = make_table(stack, table, ranged=ranged)
    before = read(client, table)
    actions = writes(table, ranged=ranged)
    actions[at:at] = faults(table, ranged=ranged)[wrong]
    with pytest.raises(ClientError, match=r"TransactionCanceled|ValidationException"):
        client.transact_write_items(TransactItems=actions)
    assert read(client, table) == before


def test_stream_has_no_record_of_a_cancelled_transaction(stack: Stack) -> None:
    """And the records of one that was written."""
    client = make_table(stack, "streamed", ranged=True, stream=True)
    shard = dynamodb_backends[ACCOUNT][REGION].tables["streamed"].stream_shard
    assert shard is not None
    assert len(shard.items) == len(BEFORE)
    actions = writes("streamed", ranged=True)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        client.transact_write_items(
            TransactItems=[*actions, *faults("streamed", ranged=True)["condition"]]
        )
    assert len(shard.items) == len(BEFORE)
    client.transact_write_items(TransactItems=actions)
    assert len(shard.items) > len(BEFORE)
