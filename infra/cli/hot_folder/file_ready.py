"""Whether a file is completely written, as far as its size, time and contents show."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from darkroom.domain.media import BY_EXTENSION, extension_of

STABLE_S: Final = 2.0
"""How long a file must keep its size and time before it counts as written."""
MAX_HOLD_S: Final = 30.0
"""How long an image that cannot be decoded is held back before it is uploaded anyway."""

Signature = tuple[int, int]
"""Size in bytes and modification time in nanoseconds."""


@dataclass
class ChangingFile:
    """A file that may still be written to.

    Attributes:
        since: when it was last seen to change, or found to be incomplete.
        held_since: when it was first found to be incomplete; None if it was not.
    """

    signature: Signature | None = None
    since: float = 0.0
    held_since: float | None = None

    def has_changed(self, signature: Signature, now: float) -> bool:
        """Whether the file has changed since the last call; if so, both times start again."""
        if signature == self.signature:
            return False
        self.signature, self.since, self.held_since = signature, now, None
        return True

    def is_stable(self, now: float) -> bool:
        """Whether it has stayed the same for long enough."""
        return now - self.since >= STABLE_S


def signature_of(path: Path) -> Signature | None:
    """What changes while a file is written; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() else None


def is_complete(path: Path) -> bool:
    """Whether an image can be decoded to its end; any other file counts as complete."""
    media = BY_EXTENSION.get(extension_of(path.name))
    if media is None or media.kind != "image":
        return True
    from PIL import Image  # noqa: PLC0415 - only images need it

    if f".{extension_of(path.name)}" not in Image.registered_extensions():
        return True
    try:
        # Pillow warns about large photos; that is no reason to hold them back.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.load()
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError, EOFError):
        return False
    return True
