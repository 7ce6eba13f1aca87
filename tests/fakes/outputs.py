"""The output bucket, in memory; every version is kept."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from darkroom.domain.errors import Conflict


@dataclass(frozen=True)
class Written:
    """One version of an object."""

    body: bytes
    content_type: str


class InMemoryOutputs:
    """Fulfils `darkroom.ports.Outputs`; the rest is what tests look at."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Written]] = {}
        self._writers: dict[str, str] = {}

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """Write an object; the same key again makes a new version."""
        data = body if isinstance(body, bytes) else body.read()
        self._versions.setdefault(key, []).append(Written(data, content_type))
        self._writers.pop(key, None)

    def put_over(
        self,
        key: str,
        body: BinaryIO | bytes,
        content_type: str,
        etag: str | None,
        writer: str = "",
    ) -> None:
        """Write an object where one with this ETag is, or where None is."""
        if self.find(key) != etag:
            raise Conflict(f"Something else was written to {key}.")
        self.put(key, body, content_type)
        self._writers[key] = writer

    def find(self, key: str) -> str | None:
        """The ETag of the object that is there, or None."""
        body = self.get(key)
        return None if body is None else hashlib.sha256(body).hexdigest()

    def writer(self, key: str) -> str:
        """Who wrote the object."""
        return self._writers.get(key, "")

    def get(self, key: str) -> bytes | None:
        """A small object, or None."""
        return self._versions[key][-1].body if key in self._versions else None

    def list_etags(self, prefix: str, after: str, most: int) -> Sequence[tuple[str, str]]:
        """Key and ETag of objects with this prefix that come after `after`."""
        there = sorted(self._versions, key=str.encode)
        found = (k for k in there if k.startswith(prefix) and k.encode() > after.encode())
        return [(key, self.find(key) or "") for key in itertools.islice(found, most)]

    @property
    def keys(self) -> set[str]:
        """Every key that was ever written."""
        return set(self._versions)

    def versions(self, key: str) -> list[Written]:
        """Every version of an object, oldest first."""
        return self._versions.get(key, [])
