"""What moto leaves out where several write at once: a write is whole, or it is not made."""

# ruff: noqa: ANN401 - what is passed on are moto's own objects, which it does not type

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.s3.responses import S3Response

from infra.local.moto_patches.patch import Patch, around

TABLE_CALLS = (
    "delete_item",
    "get_item",
    "put_item",
    "query",
    "scan",
    "transact_write_items",
    "update_item",
)


def patches() -> Iterator[Patch]:
    """The changes: one thread at a time in the tables, and one in a conditional PUT."""
    # A transaction that is cancelled puts back the whole table as it was when it began, and with
    # it undoes what others wrote meanwhile; and nothing may change while it copies that.
    table = threading.RLock()
    for name in TABLE_CALLS:
        yield around(DynamoDBBackend, name, functools.partial(_alone, table))
    # Whether the expected object is there is looked at first and written over later.
    yield around(S3Response, "put_object", functools.partial(_alone, threading.RLock()))


def _alone(lock: threading.RLock, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with lock:
        return original(*args, **kwargs)
