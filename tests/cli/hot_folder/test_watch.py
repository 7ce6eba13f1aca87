"""The loop that watches a folder on the real disk, and what it does if the watcher fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cli.hot_folder.sync import HotFolder
from infra.cli.hot_folder.watch import changes_in, run
from tests.cli.factories import make_photo
from tests.cli.hot_folder.memory_buckets import MemoryBuckets


def test_run_uploads_existing_and_new_files_and_downloads_results(tmp_path: Path) -> None:
    """A photo at the start, one in a new folder later, and a result."""
    buckets = MemoryBuckets()
    make_photo().save(tmp_path / "cat.jpg")

    def say(line: str) -> None:
        if line == "uploaded    cat.jpg":
            (tmp_path / "sub").mkdir()
            make_photo().save(tmp_path / "sub" / "dog.jpg")
        elif line == "uploaded    sub/dog.jpg":
            buckets.results["sub/dog.jpg/upscale.png"] = b"z"
        elif line.startswith("downloaded"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(HotFolder(tmp_path, buckets, say))
    assert [key for key, _ in buckets.uploads] == ["cat.jpg", "sub/dog.jpg"]
    assert (tmp_path / "out/sub/dog.jpg/upscale.png").read_bytes() == b"z"


class ScriptedWatchers:
    """Watchers that yield what they are given, and raise what is an error."""

    def __init__(self, *scripts: list[set[tuple[object, str]] | Exception]) -> None:
        self._scripts = list(scripts)

    def __call__(self) -> Iterator[set[tuple[object, str]]]:
        """The next watcher."""
        for item in self._scripts.pop(0):
            if isinstance(item, Exception):
                raise item
            yield item


def test_a_watcher_that_fails_is_started_again(tmp_path: Path) -> None:
    """A name that is not UTF-8 makes it fail; then the whole folder counts as changed."""
    watchers = ScriptedWatchers([set(), RuntimeError("cannot decode")], [{(1, "/hot/a.jpg")}])
    sleeps: list[float] = []
    changes = list(changes_in(tmp_path, watchers, sleeps.append))
    assert changes == [[], [tmp_path], [Path("/hot/a.jpg")]]
    assert len(sleeps) == 1


@pytest.mark.parametrize("error", [RuntimeError("no more watches"), FileNotFoundError("gone")])
def test_a_watcher_that_cannot_be_started_is_an_error(tmp_path: Path, error: Exception) -> None:
    """It would not start the next time either."""
    with pytest.raises(type(error)):
        list(changes_in(tmp_path, ScriptedWatchers([error]), lambda _s: None))
