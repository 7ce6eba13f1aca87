"""The batches, in memory, kept as the items that the real store writes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from darkroom.aws.dynamodb_batches import read_batch, write_batch
from darkroom.domain.batch import Batch, BatchId
from darkroom.domain.errors import Conflict


class InMemoryBatches:
    """Fulfils `darkroom.ports.Batches`; `all` and `writes` are for tests."""

    def __init__(self) -> None:
        self._items: dict[BatchId, Batch] = {}
        self.writes = 0

    @property
    def all(self) -> Sequence[Batch]:
        """Every batch."""
        return list(self._items.values())

    def get_many(self, ids: Iterable[BatchId]) -> Sequence[Batch]:
        """Those that exist."""
        return [self._items[one] for one in dict.fromkeys(ids) if one in self._items]

    def write(self, old: Batch | None, new: Batch) -> Batch:
        """Write `new` where `old` is still stored."""
        stored = self._items.get(new.id)
        if (stored.version if stored else None) != (old.version if old else None):
            raise Conflict(f"The batch {new.id.name} changed.")
        self.writes += 1
        written = replace(new, version=old.version + 1 if old else 1)
        self._items[new.id] = read_batch(write_batch(written))
        return written

    def due(self, now: datetime, most: int) -> Sequence[BatchId]:
        """Those that are to be looked at, soonest first."""
        due = [(b.look_at, b.id) for b in self._items.values() if b.look_at and b.look_at <= now]
        return [one for _, one in sorted(due, key=lambda pair: pair[0])][:most]
