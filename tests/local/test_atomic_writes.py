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
    """Part of an item that starts a write while the item is copied, and waits a little."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.thread = threading.Thread(target=act)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        if self.thread.ident is None:
            self.thread.start()
            self.thread.join(0.5)
        return self


def test_cancelled_transaction_keeps_concurrent_writes(stack: Stack) -> None:
    """It puts back copies of its items; no write of theirs may fall between the two."""
    table = stack.client("dynamodb")
    table.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for name in ("taken", "shared"):
        table.put_item(TableName=TABLE, Item={"pk": {"S": name}})
    writer = stack.client("dynamodb")
    theirs = {"pk": {"S": "shared"}, "by": {"S": "them"}}
    concurrent = ConcurrentWrite(lambda: writer.put_item(TableName=TABLE, Item=theirs))
    backend = dynamodb_backends[ACCOUNT][REGION]
    shared = backend.get_item(TABLE, {"pk": {"S": "shared"}})
    assert shared is not None
    dict.__setitem__(shared.attrs, "concurrent", concurrent)

    ours = {"pk": {"S": "shared"}, "by": {"S": "us"}}
    again = {"TableName": TABLE, "Item": {"pk": {"S": "taken"}}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": ours}},
                {"Put": {**again, "ConditionExpression": "attribute_not_exists(pk)"}},
            ]
        )
    assert concurrent.thread.ident is not None
    concurrent.thread.join()

    stored = {item["pk"]["S"]: item for item in table.scan(TableName=TABLE)["Items"]}
    assert stored == {"taken": {"pk": {"S": "taken"}}, "shared": theirs}
