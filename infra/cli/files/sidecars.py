"""Finds the specs that lie beside photos on this disk."""

from pathlib import Path

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import classify_key, parse_spec_name


class Sidecars:
    """The specs beside photos; each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[Path]]] = {}

    def of(self, photo: Path) -> list[Path]:
        """The specs of a photo in its own folder, sorted."""
        folder = photo.parent
        if folder not in self._folders:
            self._folders[folder] = _list(folder)
        return self._folders[folder].get(photo.name, [])


def source_of(path: Path) -> str | None:
    """The name of the photo that a spec's name says it is for; None if it is not a spec."""
    if classify_key(path.name) != "spec":
        return None
    try:
        return parse_spec_name(path.name).source
    except SpecRefused:
        return None  # a label that is not allowed; `check_spec` reports it


def _list(folder: Path) -> dict[str, list[Path]]:
    """Photo's name -> its specs."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        source = source_of(path)
        if source is not None:
            found.setdefault(source, []).append(path)
    return found
