"""A cancelled transaction undoes no other write."""

import threading
from collections.abc import Callable
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from infra.local.emulator import ACCOUNT, REGION
from tests.local.sample_template import Stack

TABLE = "writes"


class ConcurrentWrite:
    """Part of a table that starts a write while the table is copied, and waits a little."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.thread = threading.Thread(target=act)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        self.thread.start()
        self.thread.join(0.5)
        return self


def test_cancelled_transaction_keeps_concurrent_writes(stack: Stack) -> None:
    """Moto restores a copy of the whole table; no write may fall between the two."""
    table = stack.client("dynamodb")
    table.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(TableName=TABLE, Item={"pk": {"S": "taken"}})
    writer = stack.client("dynamodb")
    concurrent = ConcurrentWrite(
        lambda: writer.put_item(TableName=TABLE, Item={"pk": {"S": "theirs"}})
    )
    vars(dynamodb_backends[ACCOUNT][REGION].tables[TABLE])["concurrent"] = concurrent

    again = {"TableName": TABLE, "Item": {"pk": {"S": "taken"}}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.transact_write_items(
            TransactItems=[{"Put": {**again, "ConditionExpression": "attribute_not_exists(pk)"}}]
        )
    concurrent.thread.join()

    stored = {item["pk"]["S"] for item in table.scan(TableName=TABLE)["Items"]}
    assert stored == {"taken", "theirs"}
