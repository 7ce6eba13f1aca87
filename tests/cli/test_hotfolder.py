"""The watched folder: what goes up, when, and what comes back where."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.cli.hotfolder import HotFolder, attend


class MemoryBuckets:
    """`hotfolder.Buckets` in memory; `broken` makes every call fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.results: dict[str, bytes] = {}
        self.broken = False

    def send(self, path: Path, key: str) -> None:
        """Keep the file's bytes."""
        self._check()
        self.sent.append((key, path.read_bytes()))

    def listing(self) -> Mapping[str, str]:
        """The content stands for the version."""
        self._check()
        return {key: body.hex() for key, body in self.results.items()}

    def bring(self, key: str, path: Path) -> None:
        """Write the result's bytes."""
        self._check()
        path.write_bytes(self.results[key])

    def _check(self) -> None:
        if self.broken:
            raise OSError("the network is down")


class Bench:
    """A hot folder with its buckets and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buckets = MemoryBuckets()
        self.said: list[str] = []
        self.hot = HotFolder(folder, self.buckets, self.said.append)

    def drop(self, name: str, content: bytes = b"x") -> Path:
        """Write a file and tell the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.hot.notice(path)
        return path

    def settle(self) -> list[str]:
        """Look twice; the keys that were sent so far."""
        self.hot.settle()
        self.hot.settle()
        return [key for key, _ in self.buckets.sent]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench on an empty folder."""
    folder = tmp_path.resolve() / "hot"
    folder.mkdir()
    return Bench(folder)


def test_what_lies_there_at_the_start_is_sent_under_its_relative_path(bench: Bench) -> None:
    """Folders below become folders in the bucket."""
    for name in ("cat.jpg", "sub/deep/dog.jpg", "sub/dog.jpg.json"):
        (bench.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.folder / name).write_bytes(b"x")
    bench.hot.notice(bench.folder)
    assert sorted(bench.settle()) == ["cat.jpg", "sub/deep/dog.jpg", "sub/dog.jpg.json"]


@pytest.mark.parametrize(
    "name",
    [
        "out/cat.jpg/upscale.png",
        ".DS_Store",
        ".git/config",
        "sub/.hidden/cat.jpg",
        "cat.jpg.part",
        "cat.jpg.crdownload",
        "cat.jpg~",
        "CAT.TMP",
    ],
)
def test_results_dotfiles_and_unfinished_files_stay(bench: Bench, name: str) -> None:
    """What is not meant for the bucket is not sent, also when its folder is looked through."""
    bench.drop(name)
    bench.hot.notice(bench.folder)
    assert bench.settle() == []


def test_a_folder_called_out_further_below_is_an_ordinary_one(bench: Bench) -> None:
    """Only the folder's own `out` holds results."""
    bench.drop("sub/out/cat.jpg")
    assert bench.settle() == ["sub/out/cat.jpg"]


def test_a_file_that_still_grows_waits(bench: Bench) -> None:
    """A copy in progress is sent once, whole."""
    path = bench.drop("cat.jpg", b"1")
    for size in range(2, 5):
        bench.hot.settle()
        path.write_bytes(b"1" * size)
        os.utime(path, ns=(size, size))
    assert bench.buckets.sent == []
    bench.settle()
    assert bench.buckets.sent == [("cat.jpg", b"1111")]


def test_a_file_is_sent_again_only_when_it_changed(bench: Bench) -> None:
    """An event without a change makes no new version; a change does."""
    path = bench.drop("cat.jpg", b"one")
    bench.settle()
    bench.hot.notice(path)
    assert bench.settle() == ["cat.jpg"]
    bench.drop("cat.jpg", b"other")
    assert bench.settle() == ["cat.jpg", "cat.jpg"]


def test_a_file_that_vanished_is_forgotten(bench: Bench) -> None:
    """What was renamed before it settled is not looked for any more."""
    bench.drop("cat.jpg").unlink()
    assert bench.settle() == []


def test_an_upload_that_fails_is_tried_again(bench: Bench) -> None:
    """A pause of the network loses no file."""
    bench.drop("cat.jpg")
    bench.buckets.broken = True
    assert bench.settle() == []
    assert "cannot upload cat.jpg yet: the network is down" in bench.said[-1]
    bench.buckets.broken = False
    assert bench.settle() == ["cat.jpg"]


def test_a_name_that_no_key_can_have_is_left_alone(bench: Bench) -> None:
    """A key has at most 1,024 bytes; the rest goes on."""
    bench.drop("/".join(["f" * 200] * 6) + "/cat.jpg")
    assert bench.settle() == []
    assert bench.said[-1].startswith("left alone: fff")


def test_results_come_to_out_under_their_keys_and_manifests_last(bench: Bench) -> None:
    """Whoever waits for the manifest finds the results beside it."""
    bench.buckets.results = {
        "cat.jpg/a.manifest.json": b"{}",
        "cat.jpg/upscale.png": b"png",
        "_darkroom/work/1/1": b"secret",
        "_darkroom/1.manifest.json": b"{}",
    }
    bench.hot.collect()
    assert (bench.folder / "out/cat.jpg/upscale.png").read_bytes() == b"png"
    assert (bench.folder / "out/_darkroom/1.manifest.json").exists()
    assert not (bench.folder / "out/_darkroom/work").exists()
    assert bench.said[0] == "brought  out/cat.jpg/upscale.png"
    assert list((bench.folder / "out").rglob("*.part")) == []


def test_a_result_is_brought_again_only_when_it_changed(bench: Bench) -> None:
    """A new version replaces the file; the same one is left alone."""
    bench.buckets.results = {"a.png": b"one"}
    bench.hot.collect()
    bench.hot.collect()
    assert len(bench.said) == 1
    bench.buckets.results = {"a.png": b"two"}
    bench.hot.collect()
    assert (bench.folder / "out/a.png").read_bytes() == b"two"


def test_a_failure_is_told_with_its_sentence(bench: Bench) -> None:
    """Nobody has to open the manifest to learn why."""
    bench.buckets.results = {
        "a.manifest.json": b'{"status": "failed", "failure": {"sentence": "It is empty."}}'
    }
    bench.hot.collect()
    assert bench.said == ["brought  out/a.manifest.json  failed: It is empty."]


@pytest.mark.parametrize("key", ["../x.png", "/x.png", "a//b.png", "a/../../x.png", "a/"])
def test_no_key_leads_out_of_the_folder(bench: Bench, key: str) -> None:
    """A result's name cannot write elsewhere on the disk."""
    bench.buckets.results = {key: b"x"}
    bench.hot.collect()
    assert list(bench.folder.parent.rglob("x.png")) == []
    assert bench.said[0].startswith("not saved: ")


def test_a_result_that_cannot_be_saved_does_not_stop_the_others(bench: Bench) -> None:
    """A key that is a file and a folder at once costs only itself."""
    bench.buckets.results = {"a": b"1", "a/b.png": b"2", "c.png": b"3"}
    bench.hot.collect()
    assert (bench.folder / "out/c.png").exists()
    assert any(line.startswith("not saved: a/b.png") for line in bench.said)


def test_a_listing_that_fails_is_told_and_tried_again(bench: Bench) -> None:
    """A pause of the network loses no result."""
    bench.buckets.results = {"a.png": b"1"}
    bench.buckets.broken = True
    bench.hot.collect()
    assert "the network is down" in bench.said[0]
    bench.buckets.broken = False
    bench.hot.collect()
    assert (bench.folder / "out/a.png").exists()


def test_attending_sends_what_is_there_and_what_comes_and_brings_results(tmp_path: Path) -> None:
    """On the real disk: a photo at the start, one in a new folder later, a result back."""
    buckets = MemoryBuckets()
    (tmp_path / "cat.jpg").write_bytes(b"x")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line == "sent     cat.jpg":
            (tmp_path / "sub").mkdir()
            (tmp_path / "sub" / "dog.jpg").write_bytes(b"y")
        elif line == "sent     sub/dog.jpg":
            buckets.results["sub/dog.jpg/upscale.png"] = b"z"
        elif line.startswith("brought"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attend(HotFolder(tmp_path, buckets, say))
    assert [key for key, _ in buckets.sent] == ["cat.jpg", "sub/dog.jpg"]
    assert (tmp_path / "out/sub/dog.jpg/upscale.png").read_bytes() == b"z"
