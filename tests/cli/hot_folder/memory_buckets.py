"""The buckets of a hot folder, in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path


class MemoryBuckets:
    """`sync.Buckets` in memory; with `broken` every call fails."""

    def __init__(self) -> None:
        self.uploads: list[tuple[str, bytes]] = []
        self.results: dict[str, bytes] = {}
        self.waiting: dict[str, Sequence[str]] = {}
        self.broken = False

    def upload(self, path: Path, key: str) -> str:
        """Keep the file's contents; each upload makes a new task."""
        self._raise_if_broken()
        self.uploads.append((key, path.read_bytes()))
        return f"task-{len(self.uploads)}"

    def upload_photo(self, path: Path, key: str, labels: Sequence[str | None]) -> Sequence[str]:
        """Keep the photo's contents; its tasks are named after their labels too."""
        task_id = self.upload(path, key)
        return [f"{task_id}-{label}" if label else task_id for label in labels]

    def missing_inputs(self, task_id: str) -> Sequence[str] | None:
        """What the test has put into `waiting`."""
        self._raise_if_broken()
        return self.waiting.get(task_id)

    def list_results(self) -> Mapping[str, str]:
        """The contents are the version."""
        self._raise_if_broken()
        return {key: body.hex() for key, body in self.results.items()}

    def download(self, key: str, path: Path) -> None:
        """Write the result to the file."""
        self._raise_if_broken()
        path.write_bytes(self.results[key])

    def _raise_if_broken(self) -> None:
        if self.broken:
            raise OSError("the network is down")
