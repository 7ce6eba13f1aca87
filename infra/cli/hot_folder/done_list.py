"""Which specs of a watched folder have their manifests already, kept in a file between two starts.

It compares bytes, never times; and it forgets whatever it cannot read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

NAME: Final = ".darkroom.json"
MANIFEST: Final = ".manifest.json"


class Ledger:
    """Spec -> its manifest, and the SHA-256 of the spec and of every file it was about."""

    def __init__(self, folder: Path, out: Path) -> None:
        self._folder = folder
        self._out = out
        self._entries = self._read()

    def answered(self, key: str) -> Path | None:
        """The manifest of exactly these bytes of a spec and its inputs, if it is still there."""
        entry = self._entries.get(key)
        if entry is None or not all(
            digest_of(self._folder / name) == sent for name, sent in entry["files"].items()
        ):
            return None
        manifest = self._out / entry["manifest"]
        return manifest if manifest.is_file() else None

    def note(self, key: str, manifest: Path, files: Mapping[str, str | None]) -> None:
        """Remember a spec's manifest and what was sent; None for a file that is not in the folder.

        Raises:
            OSError: it cannot be written down.
        """
        entry = {"manifest": manifest.relative_to(self._out).as_posix(), "files": dict(files)}
        self._entries[key] = entry
        half = self._out / f"{NAME}.part"
        half.write_text(json.dumps(self._entries, indent=2) + "\n")
        half.replace(self._out / NAME)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            document = json.loads((self._out / NAME).read_bytes())
        except (OSError, ValueError):
            return {}
        entries = document.items() if isinstance(document, dict) else ()
        return {key: entry for key, entry in entries if _is_entry(entry)}


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file's bytes as hex digits; None when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def inputs_of(manifest: Mapping[str, Any]) -> list[str]:
    """The keys of the files that a manifest says its task was about."""
    roles = manifest.get("inputs")
    found = [one for files in (roles or {}).values() for one in files]
    return [one["key"] for one in found]


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("manifest"), str)
        and isinstance(entry.get("files"), dict)
    )
