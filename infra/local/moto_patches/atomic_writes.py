"""Patches for concurrent writes: each write to a table or a conditional PUT is atomic."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

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
    """The patches: one thread at a time in the tables, and one in a PUT of an object."""
    # A transaction keeps copies of its items and puts them back when it is cancelled. Without the
    # lock that would undo concurrent writes, and others would see a part of a transaction.
    table = threading.RLock()
    for name in TABLE_CALLS:
        yield around(DynamoDBBackend, name, functools.partial(_locked, table))
    # Moto checks the condition first and writes later.
    yield around(S3Response, "put_object", functools.partial(_locked, threading.RLock()))


def _locked(lock: threading.RLock, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with lock:
        return original(*args, **kwargs)
