"""The folder for the demo's results; only files of an earlier demo are removed from it."""

import json
from pathlib import Path
from typing import Final

from infra.cli.files.fetch import path_below

LIST: Final = ".darkroom-demo.json"


class OutputFolder:
    """A folder that keeps a list of the files written by this class."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: list[str] = []

    def clear(self) -> None:
        """Remove the files on the list of an earlier demo, and folders that become empty."""
        for path in self._listed_files():
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._folder or any(parent.iterdir()):
                    break
                parent.rmdir()
        (self._folder / LIST).unlink(missing_ok=True)

    def add(self, key: str) -> Path:
        """Put a key on the list; the path to write its file to, whose folder now exists.

        Raises:
            ValueError: the key leads out of the folder.
        """
        path = path_below(self._folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._keys.append(key)
        (self._folder / LIST).write_text(json.dumps(self._keys, indent=2) + "\n")
        return path

    def _listed_files(self) -> list[Path]:
        try:
            listed = json.loads((self._folder / LIST).read_text())
        except (OSError, ValueError):
            return []
        found = []
        for key in listed if isinstance(listed, list) else []:
            try:
                path = path_below(self._folder, str(key))
            except ValueError:
                continue
            if path.is_file():
                found.append(path)
        return found
