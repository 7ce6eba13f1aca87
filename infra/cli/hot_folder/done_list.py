"""The list of specs of a watched folder that have their manifests, kept in a file between starts.

It compares contents, never times. Entries that cannot be read are forgotten.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

NAME: Final = ".darkroom.json"
MANIFEST: Final = ".manifest.json"


class DoneList:
    """Spec -> its manifest, and the SHA-256 of the spec and of each of its inputs.

    Args:
        folder: the watched folder.
        out: the folder of the results; the list is kept in it.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self._folder = folder
        self._out = out
        self._entries = self._read()

    def find_manifest(self, key: str) -> Path | None:
        """The spec's manifest, if it exists, and spec and inputs have the same contents."""
        entry = self._entries.get(key)
        if entry is None or not all(
            digest_of(self._folder / name) == sent for name, sent in entry["files"].items()
        ):
            return None
        manifest = self._out / entry["manifest"]
        return manifest if manifest.is_file() else None

    def add(self, key: str, manifest: Path, files: Mapping[str, str | None]) -> None:
        """Record a spec's manifest.

        Args:
            key: the spec's key.
            manifest: the manifest's file, below `out`.
            files: key -> SHA-256 of what was uploaded; None for a file that was not in the folder.

        Raises:
            OSError: the list cannot be written.
        """
        entry = {"manifest": manifest.relative_to(self._out).as_posix(), "files": dict(files)}
        self._entries[key] = entry
        part = self._out / f"{NAME}.part"
        part.write_text(json.dumps(self._entries, indent=2) + "\n")
        part.replace(self._out / NAME)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            document = json.loads((self._out / NAME).read_bytes())
        except (OSError, ValueError):
            return {}
        entries = document.items() if isinstance(document, dict) else ()
        return {key: entry for key, entry in entries if _is_entry(entry)}


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file's contents as hex digits; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def inputs_of(manifest: Mapping[str, Any]) -> list[str]:
    """The keys of a manifest's inputs."""
    roles = manifest.get("inputs")
    inputs = [one for files in (roles or {}).values() for one in files]
    return [one["key"] for one in inputs]


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("manifest"), str)
        and isinstance(entry.get("files"), dict)
    )
