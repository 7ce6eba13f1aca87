"""Whether a file is written to its end, as far as that can be told from outside."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from darkroom.domain.media import BY_EXTENSION, extension_of

STEADY_S: Final = 2.0
"""How long a file must keep its size and time before it counts as written."""
HELD_S: Final = 30.0
"""How long an image that cannot be read is held back; then it goes as it is."""

Signature = tuple[int, int]


@dataclass
class Pending:
    """A file that may still be written to.

    Attributes:
        since: when it was last seen to change, or found to be no whole image.
        held_since: when it was first found to be no whole image; None when it was not.
    """

    signature: Signature | None = None
    since: float = 0.0
    held_since: float | None = None

    def changed(self, signature: Signature, now: float) -> bool:
        """Whether the file is another than at the last look; then its time begins anew."""
        if signature == self.signature:
            return False
        self.signature, self.since, self.held_since = signature, now, None
        return True

    def steady(self, now: float) -> bool:
        """Whether it has stayed the same for long enough."""
        return now - self.since >= STEADY_S


def signature_of(path: Path) -> Signature | None:
    """What changes while a file is written; None when there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() else None


def is_whole(path: Path) -> bool:
    """Whether an image can be decoded to its end; what is no image by its name is whole."""
    media = BY_EXTENSION.get(extension_of(path.name))
    if media is None or media.kind != "image":
        return True
    from PIL import Image  # noqa: PLC0415 - only images need it

    if f".{extension_of(path.name)}" not in Image.registered_extensions():
        return True
    try:
        # A large photo is no reason to hold it back, and no news either.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.load()
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError, EOFError):
        return False
    return True
