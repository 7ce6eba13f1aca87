"""Patch for DynamoDB's transactions: a cancelled one puts back the items that it has changed."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import copy
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from moto.dynamodb.models import DynamoDBBackend

from infra.local.moto_patches.patch import Patch, around


def patches() -> Iterator[Patch]:
    """The one patch; concurrent writes are kept away from a transaction by `atomic_writes`."""
    yield around(DynamoDBBackend, "transact_write_items", _put_back_items)


def _put_back_items(original: Callable[..., Any], backend: Any, actions: Any) -> Any:
    """Moto copies the whole table for every item of a transaction: slower with each stored item."""
    transaction = _Transaction(backend)
    try:
        return original(transaction, actions)
    except BaseException:
        transaction.undo()
        raise


class _Transaction:
    """A backend that keeps a copy of each item before it is written."""

    # Moto copies the tables that it finds here.
    tables: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._undo: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def put_item(self, table_name: str, item: Any, *args: Any, **kwargs: Any) -> Any:
        self._keep(table_name, item)
        return self._backend.put_item(table_name, item, *args, **kwargs)

    def update_item(self, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
        self._keep(table_name, key)
        return self._backend.update_item(table_name, key, *args, **kwargs)

    def delete_item(self, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
        self._keep(table_name, key)
        return self._backend.delete_item(table_name, key, *args, **kwargs)

    def undo(self) -> None:
        """Put everything back as it was."""
        while self._undo:
            self._undo.pop()()

    def _keep(self, table_name: str, key: Any) -> None:
        table = self._backend.get_table(table_name)
        hash_key, range_key = self._backend.get_keys_value(table, key)
        # A copy, because moto updates an item in place.
        before = copy.deepcopy(table.get_item(hash_key, range_key))
        shard = table.stream_shard
        records = None if shard is None else list(shard.items)

        def undo() -> None:
            if before is None:
                table.delete_item(hash_key, range_key)
            elif range_key is None:
                table.items[hash_key] = before
            else:
                table.items[hash_key][range_key] = before
            if shard is not None:
                shard.items = records

        self._undo.append(undo)
