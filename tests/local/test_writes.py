"""A transaction that is cancelled undoes nobody else's write."""

import threading
from collections.abc import Callable
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from infra.local.emulator import ACCOUNT, REGION
from tests.local.stack import Stack

TABLE = "writes"


class Meanwhile:
    """Part of a table: lets something happen while the table is copied, and waits a little."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.thread = threading.Thread(target=act)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        self.thread.start()
        self.thread.join(0.5)
        return self


def test_what_is_written_during_a_cancelled_transaction_stays(stack: Stack) -> None:
    """Moto puts back a copy of the whole table: nobody may write between the two."""
    table = stack.client("dynamodb")
    table.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(TableName=TABLE, Item={"pk": {"S": "taken"}})
    writer = stack.client("dynamodb")
    meanwhile = Meanwhile(lambda: writer.put_item(TableName=TABLE, Item={"pk": {"S": "theirs"}}))
    vars(dynamodb_backends[ACCOUNT][REGION].tables[TABLE])["meanwhile"] = meanwhile

    again = {"TableName": TABLE, "Item": {"pk": {"S": "taken"}}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.transact_write_items(
            TransactItems=[{"Put": {**again, "ConditionExpression": "attribute_not_exists(pk)"}}]
        )
    meanwhile.thread.join()

    there = {item["pk"]["S"] for item in table.scan(TableName=TABLE)["Items"]}
    assert there == {"taken", "theirs"}
