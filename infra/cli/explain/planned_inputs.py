"""The input bucket as it will be after an upload: the part of `ports.Inputs` that finds specs."""

import bisect
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from darkroom.domain.errors import InputRefused, InputWithheld
from darkroom.domain.object_keys import DEFAULT_NAME
from darkroom.ports import Current, Found, Inputs


class PlannedInputs:
    """Files that are about to be uploaded, over what is in the bucket.

    Folder defaults in the bucket are read once. It may be used by several threads.

    Args:
        planned: key -> the file, or its bytes.
        bucket: for everything else.
    """

    def __init__(self, planned: Mapping[str, Path | bytes], bucket: Inputs) -> None:
        self._planned = planned
        self._names = sorted(key.encode() for key in planned)
        self._bucket = bucket
        self._read: dict[str, Current | InputRefused | InputWithheld | None] = {}

    @property
    def bucket(self) -> str:
        """Its name."""
        return self._bucket.bucket

    def find(self, key: str) -> Found | None:
        """The object, or None. Raises as `ports.Inputs.find`."""
        if key not in self._planned:
            return self._bucket.find(key)
        planned = self._planned[key]
        size = len(planned) if isinstance(planned, bytes) else planned.stat().st_size
        return Found(key, "", "", size)

    def read_each(
        self, keys: Sequence[str], limit: int
    ) -> Sequence[Current | InputRefused | InputWithheld | None]:
        """See `ports.Inputs.read_each`."""
        unknown = [key for key in keys if key not in self._planned and key not in self._read]
        found = self._bucket.read_each(unknown, limit) if unknown else ()
        answers = dict(zip(unknown, found, strict=True))
        self._read |= {key: each for key, each in answers.items() if _is_default(key)}
        known = self._read | answers
        return [
            self._planned_file(key, limit) if key in self._planned else known[key] for key in keys
        ]

    def _planned_file(self, key: str, limit: int) -> Current | InputRefused:
        planned = self._planned[key]
        body = planned if isinstance(planned, bytes) else planned.read_bytes()
        if len(body) > limit:
            return InputRefused(
                "spec-too-large", f"It has {len(body):,} bytes; a spec may have {limit:,}."
            )
        return Current(hashlib.sha256(body).hexdigest(), body)

    def list_keys(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        """The keys of the bucket and of the plan that begin with this prefix."""
        there = self._bucket.list_keys(prefix, after, most)
        first = bisect.bisect_left(self._names, prefix.encode())
        below = itertools.takewhile(
            lambda name: name.startswith(prefix.encode()),
            itertools.islice(self._names, first, None),
        )
        planned = [name.decode() for name in below if name > after.encode()]
        return sorted({*there, *planned}, key=str.encode)[:most]


def _is_default(key: str) -> bool:
    return key.rpartition("/")[2] == DEFAULT_NAME
