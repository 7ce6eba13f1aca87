"""A file read forwards in small steps, which knows where it ends."""

from typing import BinaryIO

MAX_STEPS = 1_000_000
"""So many parts has no file; whoever made one with more made it for us to count them."""


class CutError(Exception):
    """The file ends before its format does."""


class StrangeError(Exception):
    """The file is not as its format says, so where it should end cannot be told."""


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
        """Bytes between here and the end."""
        return self.size - self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises `CutError` when there are fewer."""
        self.need(self.at + count)
        piece = self.some(count)
        if len(piece) < count:
            raise CutError
        return piece

    def some(self, most: int) -> bytes:
        """At most so many bytes; fewer at the end."""
        self._count()
        self._body.seek(self.at)
        piece = self._body.read(most)
        self.at += len(piece)
        return piece

    def number(self, count: int, order: str = "big") -> int:
        """The next `count` bytes as a number; `order` is "big" or "little"."""
        return int.from_bytes(self.take(count), "little" if order == "little" else "big")

    def skip(self, count: int) -> None:
        """Go on by so many bytes. Raises `CutError` when there are fewer."""
        self._count()
        self.need(self.at + count)
        self.at += count

    def go(self, at: int) -> None:
        """Go to this place. Raises `CutError` when it is beyond the end."""
        self._count()
        self.need(at)
        self.at = at

    def need(self, end: int) -> None:
        """Raises `CutError` when the file ends before `end`."""
        if end > self.size:
            raise CutError

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise StrangeError
