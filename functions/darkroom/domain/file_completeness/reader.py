"""Reads a file forwards in small steps, and knows its size."""

from typing import BinaryIO

MAX_STEPS = 1_000_000
"""No real file has this many parts; one that does was made to keep us busy."""


class TruncatedError(Exception):
    """The file ends before its format does."""


class MalformedError(Exception):
    """The file violates its format, so its expected end is not known."""


class Reader:
    """A seekable file, read piece by piece; every piece is small.

    Attributes:
        size: of the file, bytes.
        at: where the next piece begins; never beyond `size`.
    """

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        body.seek(0, 2)
        self.size = body.tell()
        self.at = 0
        self._steps = 0

    @property
    def left(self) -> int:
        """Bytes between the position and the end."""
        return self.size - self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises `TruncatedError` when there are fewer."""
        self.need(self.at + count)
        piece = self.some(count)
        if len(piece) < count:
            raise TruncatedError
        return piece

    def some(self, most: int) -> bytes:
        """At most `most` bytes; fewer at the end."""
        self._count()
        self._body.seek(self.at)
        piece = self._body.read(most)
        self.at += len(piece)
        return piece

    def number(self, count: int, order: str = "big") -> int:
        """The next `count` bytes as a number; `order` is "big" or "little"."""
        return int.from_bytes(self.take(count), "little" if order == "little" else "big")

    def skip(self, count: int) -> None:
        """Move on by `count` bytes. Raises `TruncatedError` when there are fewer."""
        self._count()
        self.need(self.at + count)
        self.at += count

    def go(self, at: int) -> None:
        """Move to this position. Raises `TruncatedError` when it is beyond the end."""
        self._count()
        self.need(at)
        self.at = at

    def need(self, end: int) -> None:
        """Raises `TruncatedError` when the file ends before `end`."""
        if end > self.size:
            raise TruncatedError

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise MalformedError
