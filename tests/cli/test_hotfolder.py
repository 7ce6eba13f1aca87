"""The watched folder: what goes up, when, and what comes back where."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from infra.cli.hot_folder.sync import HotFolder, attend, changes_of
from tests.cli.makes import make_photo


class MemoryBuckets:
    """`hotfolder.Buckets` in memory; `broken` makes every call fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.results: dict[str, bytes] = {}
        self.waiting: dict[str, Sequence[str]] = {}
        self.broken = False

    def send(self, path: Path, key: str) -> str:
        """Keep the file's bytes; each upload makes a task of its own."""
        self._check()
        self.sent.append((key, path.read_bytes()))
        return f"task-{len(self.sent)}"

    def missing(self, task_id: str) -> Sequence[str] | None:
        """What the test says that the task waits for."""
        self._check()
        return self.waiting.get(task_id)

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
        self.now = 0.0
        self.whole = True
        self.hot = HotFolder(
            folder,
            self.buckets,
            self.said.append,
            clock=lambda: self.now,
            whole=lambda _path: self.whole,
        )

    def restarted(self) -> "Bench":
        """A new start on the same folder: the buckets are empty, the disk is as it was."""
        bench = Bench(self.folder)
        bench.hot.notice(self.folder)
        return bench

    def drop(self, name: str, content: bytes = b"x") -> Path:
        """Write a file and tell the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.hot.notice(path)
        return path

    def settle(self) -> list[str]:
        """Look twice, two seconds apart; the keys that were sent so far."""
        self.hot.settle()
        self.now += 2
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
        bench.now += 3
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
    make_photo().save(tmp_path / "cat.jpg")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line == "sent     cat.jpg":
            (tmp_path / "sub").mkdir()
            make_photo().save(tmp_path / "sub" / "dog.jpg")
        elif line == "sent     sub/dog.jpg":
            buckets.results["sub/dog.jpg/upscale.png"] = b"z"
        elif line.startswith("brought"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attend(HotFolder(tmp_path, buckets, say))
    assert [key for key, _ in buckets.sent] == ["cat.jpg", "sub/dog.jpg"]
    assert (tmp_path / "out/sub/dog.jpg/upscale.png").read_bytes() == b"z"


def answer(bench: Bench, key: str, *inputs: str) -> None:
    """Let the last upload, a spec's, have succeeded; its manifest comes back."""
    manifest = {
        "task_id": f"task-{len(bench.buckets.sent)}",
        "status": "succeeded",
        "inputs": {"image": [{"key": one} for one in inputs]},
    }
    bench.buckets.results = {key: json.dumps(manifest).encode()}
    bench.hot.collect()


@pytest.fixture
def answered(bench: Bench) -> Bench:
    """A photo and its spec were sent, and the manifest has come back."""
    bench.drop("cat.jpg", b"photo")
    bench.drop("cat.jpg.json", b"{}")
    assert bench.settle() == ["cat.jpg", "cat.jpg.json"]
    answer(bench, "cat.jpg/upscale.manifest.json", "cat.jpg")
    return bench


def test_a_spec_that_was_answered_is_not_paid_again_at_the_next_start(answered: Bench) -> None:
    """The photo goes up, since the bucket is empty; the spec stays, and that is said."""
    (answered.folder / "cat.jpg.json").touch()
    again = answered.restarted()
    assert again.settle() == ["cat.jpg"]
    assert any(line.startswith("skipped  cat.jpg.json: ") for line in again.said)
    assert "out/cat.jpg/upscale.manifest.json" in again.said[-1]
    assert answered.restarted().restarted().settle() == ["cat.jpg"]


@pytest.mark.parametrize("name", ["cat.jpg", "cat.jpg.json"])
def test_other_bytes_of_spec_or_photo_are_another_task(answered: Bench, name: str) -> None:
    """What was edited while nobody watched is done."""
    (answered.folder / name).write_bytes(b'{"other": 1}')
    assert answered.restarted().settle() == ["cat.jpg", "cat.jpg.json"]


def test_without_its_manifest_a_spec_is_sent_again(answered: Bench) -> None:
    """Deleting the manifest is how one asks for the task anew."""
    (answered.folder / "out/cat.jpg/upscale.manifest.json").unlink()
    assert answered.restarted().settle() == ["cat.jpg", "cat.jpg.json"]


def test_a_spec_that_got_no_answer_is_sent_again(bench: Bench) -> None:
    """Stopping forgets what was on its way, and an older spec's manifest answers no newer one."""
    bench.drop("cat.jpg.json", b"{}")
    bench.settle()
    answer(bench, "cat.jpg/upscale.manifest.json")
    bench.drop("cat.jpg.json", b'{"newer": 1}')
    bench.settle()
    assert bench.restarted().settle() == ["cat.jpg.json"]


@pytest.mark.parametrize("ledger", ["[]", "{", '{"cat.jpg.json": 1}'])
def test_a_ledger_that_cannot_be_read_is_none(answered: Bench, ledger: str) -> None:
    """A damaged file costs a task, not the watch."""
    (answered.folder / "out/.darkroom.json").write_text(ledger)
    assert answered.restarted().settle() == ["cat.jpg", "cat.jpg.json"]


def test_a_touch_sends_nothing(bench: Bench) -> None:
    """Bytes are compared, not times."""
    path = bench.drop("cat.jpg")
    bench.settle()
    os.utime(path, ns=(1, 1))
    bench.hot.notice(path)
    assert bench.settle() == ["cat.jpg"]


def test_a_file_is_left_alone_for_two_seconds(bench: Bench) -> None:
    """A copy that pauses is not taken for a whole one."""
    bench.drop("cat.jpg")
    bench.hot.settle()
    bench.now += 1.9
    bench.hot.settle()
    assert bench.buckets.sent == []
    bench.now += 0.1
    bench.hot.settle()
    assert len(bench.buckets.sent) == 1


def test_an_image_that_cannot_be_read_is_held_back_for_a_while(bench: Bench) -> None:
    """Half a photo waits for its other half, and goes as it is after 30 seconds."""
    bench.whole = False
    bench.drop("cat.jpg")
    for _ in range(14):
        assert bench.settle() == []
    assert bench.said == ["holding  cat.jpg: it cannot be read as an image yet"]
    bench.settle()
    assert bench.settle() == ["cat.jpg"]
    assert "letting  cat.jpg go as it is" in bench.said[1]


def test_an_image_that_became_whole_goes_at_once(bench: Bench) -> None:
    """Holding ends with the reason for it."""
    bench.whole = False
    bench.drop("cat.jpg")
    assert bench.settle() == []
    bench.whole = True
    assert bench.settle() == ["cat.jpg"]


def test_a_spec_that_waits_is_told_once_with_what_it_waits_for(bench: Bench) -> None:
    """After five seconds without a manifest nobody has to guess."""
    bench.drop("cat.jpg.json", b"{}")
    bench.settle()
    bench.buckets.waiting = {"task-1": ["cat.jpg", "cat.mask.png"]}
    bench.now += 4
    bench.hot.tell_waiting()
    assert bench.said == ["sent     cat.jpg.json"]
    bench.now += 1
    bench.hot.tell_waiting()
    bench.hot.tell_waiting()
    assert bench.said[1:] == ["waits    cat.jpg.json: for cat.jpg, cat.mask.png"]


def test_a_file_whose_name_is_no_text_is_told_of_and_the_others_go(bench: Bench) -> None:
    """Said once, also where it was held back as a picture before; it can be no key."""
    bench.drop(os.fsdecode(b"caf\xe9.jpg"))
    bench.drop(os.fsdecode(b"f\xe9/cat.jpg"))
    bench.drop("good.jpg")
    assert bench.settle() == ["good.jpg"]
    bench.hot.notice(bench.folder)
    assert bench.settle() == ["good.jpg"]
    left = [line for line in bench.said if line.startswith("left alone")]
    assert len(left) == 2
    assert all("not UTF-8" in line for line in left)


class Watchers:
    """Watchers that tell what they are given, and break down where that is an error."""

    def __init__(self, *tells: list[set[tuple[object, str]] | Exception]) -> None:
        self._tells = list(tells)

    def __call__(self) -> Iterator[set[tuple[object, str]]]:
        """The next one."""
        for told in self._tells.pop(0):
            if isinstance(told, Exception):
                raise told
            yield told


def test_a_watcher_that_breaks_down_is_started_anew(tmp_path: Path) -> None:
    """A name that is not UTF-8 is enough; then everything counts as changed."""
    watchers = Watchers([set(), RuntimeError("cannot decode")], [{(1, "/hot/a.jpg")}])
    paused: list[float] = []
    told = list(changes_of(watchers, tmp_path, paused.append))
    assert told == [[], [tmp_path], [Path("/hot/a.jpg")]]
    assert len(paused) == 1


@pytest.mark.parametrize("error", [RuntimeError("no more watches"), FileNotFoundError("gone")])
def test_a_watcher_that_cannot_be_started_is_an_error(tmp_path: Path, error: Exception) -> None:
    """It would not start the next time either."""
    with pytest.raises(type(error)):
        list(changes_of(Watchers([error]), tmp_path, lambda _s: None))


def test_a_result_whose_name_no_file_can_have_is_told_of(bench: Bench) -> None:
    """And the others are brought."""
    bench.buckets.results = {"a\0b.png": b"x", "cat.png": b"y"}
    bench.hot.collect()
    assert (bench.folder / "out" / "cat.png").read_bytes() == b"y"
    assert any(line.startswith("not saved: a\0b.png") for line in bench.said)
