"""The folder that results are saved in; what an earlier demo made is cleared, and nothing else."""

import json
from pathlib import Path
from typing import Final

LIST: Final = ".darkroom-demo.json"


class Shelf:
    """Files under one folder, with a list of them kept beside them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[str] = []

    def clear(self) -> None:
        """Remove what an earlier shelf on this folder saved, and the folders this empties."""
        for path in self._earlier():
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._folder or any(parent.iterdir()):
                    break
                parent.rmdir()
        (self._folder / LIST).unlink(missing_ok=True)

    def place(self, key: str) -> Path:
        """Where the file for a key goes, with its folder made; from now on it is on the list.

        Raises:
            ValueError: the key leads out of the folder.
        """
        path = self._inside(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._made.append(key)
        (self._folder / LIST).write_text(json.dumps(self._made, indent=2) + "\n")
        return path

    def _earlier(self) -> list[Path]:
        try:
            listed = json.loads((self._folder / LIST).read_text())
        except (OSError, ValueError):
            return []
        found = []
        for key in listed if isinstance(listed, list) else []:
            try:
                path = self._inside(str(key))
            except ValueError:
                continue
            if path.is_file():
                found.append(path)
        return found

    def _inside(self, key: str) -> Path:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{key!r} leads out of {self._folder}")
        return self._folder.joinpath(*parts)
