"""Pictures that nobody decodes: what is seen in them, and what goes wrong, is scripted."""

from collections import deque
from dataclasses import dataclass, field
from typing import BinaryIO

from darkroom.domain.quality import Look, Measured

PLAIN = Measured(Look(600, 400), Look(600, 400), changed_share=0.5, largest_change=200)
"""A result of the source's size that differs from it."""


@dataclass
class ScriptedPictures:
    """Fulfils `darkroom.ports.Pictures`.

    Attributes:
        script: what the next calls return or raise; later ones return `PLAIN`.
        sources: for each call, the bytes of the source, or None.
    """

    script: deque[Measured | BaseException] = field(default_factory=deque)
    sources: list[bytes | None] = field(default_factory=list)

    def measure(self, result: BinaryIO, source: BinaryIO | None, max_s: float) -> Measured:
        """The next of the script."""
        del max_s
        result.seek(0)
        if source is not None:
            source.seek(0)
        self.sources.append(None if source is None else source.read())
        answer = self.script.popleft() if self.script else PLAIN
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def look(self, picture: BinaryIO, max_s: float) -> Look:
        """The result of the next of the script."""
        return self.measure(picture, None, max_s).result
