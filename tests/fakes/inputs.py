"""The input bucket, in memory; versioned like the real one."""

import hashlib
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from darkroom.domain.errors import InputRefused, InputWithheld
from darkroom.domain.order import Input
from darkroom.ports import Current, Found


@dataclass(frozen=True)
class _Version:
    version_id: str
    etag: str
    body: bytes
    modified_at: datetime | None
    wish: str = ""


class InMemoryInputs:
    """Fulfils `darkroom.ports.Inputs`; `put` and `delete` are what people do to a bucket.

    Attributes:
        unreadable: keys of objects that need a decryption key of their own.
        archived: keys of objects that lie in an archive -> whether they are on their way.
        forbidden: keys of objects that we may not read for now.
        now: the time, for what is put.
    """

    def __init__(self, bucket: str = "input") -> None:
        self._bucket = bucket
        self._versions: dict[str, list[_Version]] = {}
        self._deleted: set[str] = set()
        self._count = 0
        self.unreadable: set[str] = set()
        self.archived: dict[str, bool] = {}
        self.forbidden: set[str] = set()
        self.now: Callable[[], datetime | None] = lambda: None

    @property
    def bucket(self) -> str:
        """Its name."""
        return self._bucket

    def put(self, key: str, body: bytes, wish: str = "") -> Input:
        """Write a new version; returns it pinned."""
        self._count += 1
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        version = _Version(f"v{self._count}", etag, body, self.now(), wish)
        self._versions.setdefault(key, []).append(version)
        self._deleted.discard(key)
        return Input(key, version.version_id, etag, len(body))

    def delete(self, key: str) -> None:
        """Hide the current version behind a delete marker; pinned versions stay readable."""
        self._deleted.add(key)

    def undelete(self, key: str) -> None:
        """Remove the delete marker: what lies below it is there again."""
        self._deleted.discard(key)

    def find(self, key: str) -> Found | None:
        """The object's current version, or None."""
        if key in self._deleted or key not in self._versions:
            return None
        if key in self.unreadable:
            raise InputRefused("input-unreadable", f"{key} cannot be read.", "Upload it plainly.")
        if key in self.forbidden:
            raise InputWithheld("input-forbidden", f"{key} may not be read.", "Give the right.")
        now = self._versions[key][-1]
        coming = self.archived.get(key)
        withheld = "" if coming is None else f"{key} lies in an archive."
        return Found(
            key,
            now.version_id,
            now.etag,
            len(now.body),
            withheld,
            coming is True,
            now.modified_at,
            now.wish,
        )

    def read(self, key: str, version_id: str, limit: int) -> bytes | None:
        """The whole object; None when that version is gone."""
        body = self._body(key, version_id)
        if body is not None and len(body) > limit:
            raise InputRefused(
                "spec-too-large", f"{key} has more than {limit} bytes.", "Make it smaller."
            )
        return body

    def read_each(
        self, keys: Sequence[str], limit: int
    ) -> Sequence[Current | InputRefused | InputWithheld | None]:
        """The whole objects as they are now."""
        return [self._read_current(key, limit) for key in keys]

    def _read_current(self, key: str, limit: int) -> Current | InputRefused | InputWithheld | None:
        try:
            found = self.find(key)
            body = self.read(key, found.version_id, limit) if found else None
        except (InputRefused, InputWithheld) as error:
            return error
        return Current(found.version_id, body) if found and body is not None else None

    def list_keys(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        """Keys with this prefix that come after `after`."""
        there = sorted(self._versions.keys() - self._deleted, key=str.encode)
        found = (k for k in there if k.startswith(prefix) and k.encode() > after.encode())
        return list(itertools.islice(found, most))

    def list_recent(self, prefix: str, since: datetime) -> Iterator[str]:
        """Keys with this prefix that were written since then; all, without a clock."""
        for key in self.list_keys(prefix, most=len(self._versions)):
            modified_at = self._versions[key][-1].modified_at
            if modified_at is None or modified_at >= since.replace(microsecond=0):
                yield key

    @property
    def public(self) -> bool:
        """No other machine reads this memory."""
        return False

    def link(self, key: str, version_id: str, lifetime_s: int) -> str:
        """An address that names what it is for."""
        return f"https://inputs.test/{key}?version={version_id}&seconds={lifetime_s}"

    @contextmanager
    def open(self, key: str, version_id: str) -> Iterator[BinaryIO]:
        """The object's bytes in a seekable file."""
        body = self._body(key, version_id)
        if body is None:
            raise InputRefused("input-gone", f"{key} is no longer there.", "Upload it again.")
        yield io.BytesIO(body)

    def _body(self, key: str, version_id: str | None) -> bytes | None:
        found = self.find(key)
        if found and found.withheld:
            raise InputWithheld("input-archived", found.withheld, "Restore it.", announced=True)
        wanted = version_id or (found.version_id if found else None)
        for version in self._versions.get(key, []):
            if version.version_id == wanted:
                return version.body
        return None
