"""The hot folder: which files are uploaded and when, and where results are saved."""

import json
import os
from pathlib import Path

import pytest

from infra.cli.hot_folder.sync import HotFolder
from tests.cli.hot_folder.memory_buckets import MemoryBuckets


class Harness:
    """A hot folder on a clock of its own, with its buckets and its messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buckets = MemoryBuckets()
        self.messages: list[str] = []
        self.now = 0.0
        self.complete = True
        self.hot = HotFolder(
            folder,
            self.buckets,
            self.messages.append,
            clock=lambda: self.now,
            is_complete=lambda _path: self.complete,
        )

    def restart(self) -> "Harness":
        """A new start on the same folder, with empty buckets."""
        harness = Harness(self.folder)
        harness.hot.add_changed(self.folder)
        return harness

    def write(self, name: str, content: bytes = b"x") -> Path:
        """Write a file and report the change."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.hot.add_changed(path)
        return path

    def upload(self) -> list[str]:
        """Run the upload step twice, two seconds apart; all keys uploaded so far."""
        self.hot.upload_stable()
        self.now += 2
        self.hot.upload_stable()
        return [key for key, _ in self.buckets.uploads]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """An empty hot folder."""
    folder = tmp_path.resolve() / "hot"
    folder.mkdir()
    return Harness(folder)


def test_existing_files_are_uploaded_under_their_relative_paths(harness: Harness) -> None:
    """Subfolders become folders in the bucket."""
    for name in ("cat.jpg", "sub/deep/dog.jpg", "sub/dog.jpg.json"):
        (harness.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (harness.folder / name).write_bytes(b"x")
    harness.hot.add_changed(harness.folder)
    assert sorted(harness.upload()) == ["cat.jpg", "sub/deep/dog.jpg", "sub/dog.jpg.json"]


def test_results_dotfiles_and_unfinished_files_are_not_uploaded(harness: Harness) -> None:
    """Neither when they change nor when their folder does."""
    for name in (
        "out/cat.jpg/upscale.png",
        ".DS_Store",
        ".git/config",
        "sub/.hidden/cat.jpg",
        "cat.jpg.part",
        "cat.jpg.crdownload",
        "cat.jpg~",
        "CAT.TMP",
    ):
        harness.write(name)
    harness.hot.add_changed(harness.folder)
    assert harness.upload() == []


def test_a_subfolder_called_out_is_uploaded(harness: Harness) -> None:
    """Only the top folder's `out` holds results."""
    harness.write("sub/out/cat.jpg")
    assert harness.upload() == ["sub/out/cat.jpg"]


def test_a_growing_file_is_uploaded_once_and_whole(harness: Harness) -> None:
    """A copy in progress is not uploaded."""
    path = harness.write("cat.jpg", b"1")
    for size in range(2, 5):
        harness.hot.upload_stable()
        harness.now += 3
        path.write_bytes(b"1" * size)
        os.utime(path, ns=(size, size))
    assert harness.buckets.uploads == []
    harness.upload()
    assert harness.buckets.uploads == [("cat.jpg", b"1111")]


def test_a_file_is_uploaded_again_only_after_a_change(harness: Harness) -> None:
    """An event without a change uploads nothing."""
    path = harness.write("cat.jpg", b"one")
    harness.upload()
    harness.hot.add_changed(path)
    assert harness.upload() == ["cat.jpg"]
    harness.write("cat.jpg", b"other")
    assert harness.upload() == ["cat.jpg", "cat.jpg"]


def test_a_removed_file_is_forgotten(harness: Harness) -> None:
    """A file that was renamed or removed before it was stable is not uploaded."""
    harness.write("cat.jpg").unlink()
    assert harness.upload() == []


def test_a_failed_upload_is_tried_again(harness: Harness) -> None:
    """A network failure loses no file."""
    harness.write("cat.jpg")
    harness.buckets.broken = True
    assert harness.upload() == []
    assert "cannot upload cat.jpg yet: the network is down" in harness.messages[-1]
    harness.buckets.broken = False
    assert harness.upload() == ["cat.jpg"]


def test_a_name_too_long_for_a_key_is_skipped(harness: Harness) -> None:
    """A key has at most 1,024 bytes."""
    harness.write("/".join(["f" * 200] * 6) + "/cat.jpg")
    assert harness.upload() == []
    assert harness.messages[-1].startswith("skipped     fff")


def test_results_are_saved_in_out_and_manifests_last(harness: Harness) -> None:
    """When the manifest is there, so are the results."""
    harness.buckets.results = {
        "cat.jpg/a.manifest.json": b"{}",
        "cat.jpg/upscale.png": b"png",
        "_darkroom/work/1/1": b"secret",
        "_darkroom/1.manifest.json": b"{}",
    }
    harness.hot.download_new()
    assert (harness.folder / "out/cat.jpg/upscale.png").read_bytes() == b"png"
    assert (harness.folder / "out/_darkroom/1.manifest.json").exists()
    assert not (harness.folder / "out/_darkroom/work").exists()
    assert harness.messages[0] == "downloaded  out/cat.jpg/upscale.png"
    assert list((harness.folder / "out").rglob("*.part")) == []


def test_a_result_is_downloaded_again_only_after_a_change(harness: Harness) -> None:
    """A new version replaces the file."""
    harness.buckets.results = {"a.png": b"one"}
    harness.hot.download_new()
    harness.hot.download_new()
    assert len(harness.messages) == 1
    harness.buckets.results = {"a.png": b"two"}
    harness.hot.download_new()
    assert (harness.folder / "out/a.png").read_bytes() == b"two"


def test_a_failure_is_reported_with_its_sentence(harness: Harness) -> None:
    """The line for the manifest says why."""
    harness.buckets.results = {
        "a.manifest.json": b'{"status": "failed", "failure": {"sentence": "It is empty."}}'
    }
    harness.hot.download_new()
    assert harness.messages == ["downloaded  out/a.manifest.json  failed: It is empty."]


def test_a_key_cannot_lead_out_of_the_folder(harness: Harness) -> None:
    """No result is written elsewhere on the disk."""
    keys = ["../x.png", "/x.png", "a//b.png", "a/../../x.png", "a/"]
    harness.buckets.results = dict.fromkeys(keys, b"x")
    harness.hot.download_new()
    assert list(harness.folder.parent.rglob("*.png")) == []
    assert len(harness.messages) == len(keys)
    assert all(line.startswith("not saved   ") for line in harness.messages)


def test_a_result_that_cannot_be_saved_does_not_stop_the_others(harness: Harness) -> None:
    """A key that is both a file and a folder is reported; the others are saved."""
    harness.buckets.results = {"a": b"1", "a/b.png": b"2", "c.png": b"3"}
    harness.hot.download_new()
    assert (harness.folder / "out/c.png").exists()
    assert any(line.startswith("not saved   a/b.png") for line in harness.messages)


def test_a_failed_listing_is_reported_and_tried_again(harness: Harness) -> None:
    """A network failure loses no result."""
    harness.buckets.results = {"a.png": b"1"}
    harness.buckets.broken = True
    harness.hot.download_new()
    assert "the network is down" in harness.messages[0]
    harness.buckets.broken = False
    harness.hot.download_new()
    assert (harness.folder / "out/a.png").exists()


def succeed(harness: Harness, key: str, *inputs: str) -> None:
    """Let the task of the last uploaded spec succeed, and download its manifest."""
    manifest = {
        "task_id": f"task-{len(harness.buckets.uploads)}",
        "status": "succeeded",
        "inputs": {"image": [{"key": one} for one in inputs]},
    }
    harness.buckets.results = {key: json.dumps(manifest).encode()}
    harness.hot.download_new()


@pytest.fixture
def done(harness: Harness) -> Harness:
    """A photo and its spec were uploaded, and the manifest was downloaded."""
    harness.write("cat.jpg", b"photo")
    harness.write("cat.jpg.json", b"{}")
    assert harness.upload() == ["cat.jpg", "cat.jpg.json"]
    succeed(harness, "cat.jpg/upscale.manifest.json", "cat.jpg")
    return harness


def test_a_spec_with_a_manifest_is_not_uploaded_after_a_restart(done: Harness) -> None:
    """So it is not paid for again. Its photo is uploaded, and the message says how to repeat it."""
    (done.folder / "cat.jpg.json").touch()
    again = done.restart()
    assert again.upload() == ["cat.jpg"]
    assert any(line.startswith("skipped     cat.jpg.json: ") for line in again.messages)
    assert "out/cat.jpg/upscale.manifest.json" in again.messages[-1]
    assert done.restart().restart().upload() == ["cat.jpg"]


@pytest.mark.parametrize("name", ["cat.jpg", "cat.jpg.json"])
def test_a_changed_spec_or_photo_is_uploaded_after_a_restart(done: Harness, name: str) -> None:
    """Changes between two starts are found."""
    (done.folder / name).write_bytes(b'{"other": 1}')
    assert done.restart().upload() == ["cat.jpg", "cat.jpg.json"]


def test_a_spec_whose_manifest_was_deleted_is_uploaded_again(done: Harness) -> None:
    """Deleting the manifest is the way to repeat a task."""
    (done.folder / "out/cat.jpg/upscale.manifest.json").unlink()
    assert done.restart().upload() == ["cat.jpg", "cat.jpg.json"]


def test_a_spec_without_a_manifest_is_uploaded_after_a_restart(harness: Harness) -> None:
    """An older version's manifest does not count for the newer one."""
    harness.write("cat.jpg.json", b"{}")
    harness.upload()
    succeed(harness, "cat.jpg/upscale.manifest.json")
    harness.write("cat.jpg.json", b'{"newer": 1}')
    harness.upload()
    assert harness.restart().upload() == ["cat.jpg.json"]


@pytest.mark.parametrize("content", ["[]", "{", '{"cat.jpg.json": 1}'])
def test_a_broken_done_list_is_ignored(done: Harness, content: str) -> None:
    """The specs are uploaded again."""
    (done.folder / "out/.darkroom.json").write_text(content)
    assert done.restart().upload() == ["cat.jpg", "cat.jpg.json"]


def test_a_new_time_alone_uploads_nothing(harness: Harness) -> None:
    """Contents are compared, not times."""
    path = harness.write("cat.jpg")
    harness.upload()
    os.utime(path, ns=(1, 1))
    harness.hot.add_changed(path)
    assert harness.upload() == ["cat.jpg"]


def test_a_file_must_be_unchanged_for_two_seconds(harness: Harness) -> None:
    """A copy that pauses for less is not uploaded."""
    harness.write("cat.jpg")
    harness.hot.upload_stable()
    harness.now += 1.9
    harness.hot.upload_stable()
    assert harness.buckets.uploads == []
    harness.now += 0.1
    harness.hot.upload_stable()
    assert len(harness.buckets.uploads) == 1


def test_an_incomplete_image_is_held_back_for_30_seconds(harness: Harness) -> None:
    """After that it is uploaded as it is."""
    harness.complete = False
    harness.write("cat.jpg")
    for _ in range(14):
        assert harness.upload() == []
    assert harness.messages == ["holding     cat.jpg: it cannot be decoded as an image yet"]
    harness.upload()
    assert harness.upload() == ["cat.jpg"]
    assert "uploading   cat.jpg anyway" in harness.messages[1]


def test_a_completed_image_is_uploaded_at_once(harness: Harness) -> None:
    """Completion ends the hold."""
    harness.complete = False
    harness.write("cat.jpg")
    assert harness.upload() == []
    harness.complete = True
    assert harness.upload() == ["cat.jpg"]


def test_missing_inputs_are_reported_once(harness: Harness) -> None:
    """Five seconds after the upload, if there is no manifest yet."""
    harness.write("cat.jpg.json", b"{}")
    harness.upload()
    harness.buckets.waiting = {"task-1": ["cat.jpg", "cat.mask.png"]}
    harness.now += 4
    harness.hot.report_waiting()
    assert harness.messages == ["uploaded    cat.jpg.json"]
    harness.now += 1
    harness.hot.report_waiting()
    harness.hot.report_waiting()
    assert harness.messages[1:] == ["waiting     cat.jpg.json: for cat.jpg, cat.mask.png"]


def test_a_name_that_is_not_utf8_is_skipped_and_the_others_are_uploaded(harness: Harness) -> None:
    """It is reported once, because it cannot be a key."""
    harness.write(os.fsdecode(b"caf\xe9.jpg"))
    harness.write(os.fsdecode(b"f\xe9/cat.jpg"))
    harness.write("good.jpg")
    assert harness.upload() == ["good.jpg"]
    harness.hot.add_changed(harness.folder)
    assert harness.upload() == ["good.jpg"]
    skipped = [line for line in harness.messages if line.startswith("skipped")]
    assert len(skipped) == 2
    assert all("not UTF-8" in line for line in skipped)


def test_a_key_that_no_file_can_have_is_reported_and_the_others_are_saved(harness: Harness) -> None:
    """A null character is not allowed in a file's name."""
    harness.buckets.results = {"a\0b.png": b"x", "cat.png": b"y"}
    harness.hot.download_new()
    assert (harness.folder / "out" / "cat.png").read_bytes() == b"y"
    assert any(line.startswith("not saved   a\0b.png") for line in harness.messages)


DEFAULT = b'{"operation": "upscale", "settle_s": 7}'


def test_folder_default_is_uploaded_before_its_photos(harness: Harness) -> None:
    """Whatever their names: a photo that comes before it would be left alone."""
    harness.write("A.jpg")
    harness.write("sub/B.jpg")
    harness.write("_darkroom.json", DEFAULT)
    assert harness.upload() == ["_darkroom.json", "A.jpg", "sub/B.jpg"]


def test_photos_wait_for_a_folder_default_that_still_changes(harness: Harness) -> None:
    """Or that cannot be uploaded yet; files elsewhere do not."""
    harness.write("shop/a.jpg")
    harness.write("other.jpg")
    harness.hot.upload_stable()
    harness.now += 1
    harness.write("shop/_darkroom.json", DEFAULT)
    harness.hot.upload_stable()
    harness.now += 1
    harness.hot.upload_stable()
    assert [key for key, _ in harness.buckets.uploads] == ["other.jpg"]
    harness.now += 1
    harness.hot.upload_stable()
    assert [key for key, _ in harness.buckets.uploads][1:] == ["shop/_darkroom.json", "shop/a.jpg"]


def start_with_default(harness: Harness, default: bytes) -> None:
    """Upload a photo below a folder default."""
    harness.write("_darkroom.json", default)
    harness.write("cat.jpg", b"photo")
    assert harness.upload() == ["_darkroom.json", "cat.jpg"]


def test_photo_of_a_folder_default_is_not_uploaded_again_after_a_restart(harness: Harness) -> None:
    """A new version would be a new task; changed, or without its manifest, it is uploaded."""
    start_with_default(harness, DEFAULT)
    succeed(harness, "cat.jpg/upscale.manifest.json", "cat.jpg")
    again = harness.restart()
    assert again.upload() == ["_darkroom.json"]
    assert again.messages[-1].startswith("skipped     cat.jpg: done before; to repeat it, delete ")
    (harness.folder / "cat.jpg").write_bytes(b"another")
    assert harness.restart().upload() == ["_darkroom.json", "cat.jpg"]
    (harness.folder / "cat.jpg").write_bytes(b"photo")
    (harness.folder / "cat.jpg.json").write_bytes(b"{}")
    assert harness.restart().upload() == ["_darkroom.json", "cat.jpg", "cat.jpg.json"]
    (harness.folder / "cat.jpg.json").unlink()
    (harness.folder / "out/cat.jpg/upscale.manifest.json").unlink()
    assert harness.restart().upload() == ["_darkroom.json", "cat.jpg"]


def test_photo_with_several_labels_is_done_when_all_of_them_are(harness: Harness) -> None:
    """Each label has its manifest."""
    start_with_default(
        harness,
        b'[{"label": "big", "operation": "upscale"}, {"label": "cut", "operation": "colorize"}]',
    )
    for label in ("big", "cut"):
        assert harness.restart().upload() == ["_darkroom.json", "cat.jpg"]
        document = {"task_id": f"task-2-{label}", "inputs": {"image": [{"key": "cat.jpg"}]}}
        manifest = f"cat.jpg/{label}.manifest.json"
        harness.buckets.results = {manifest: json.dumps(document).encode()}
        harness.hot.download_new()
    assert harness.restart().upload() == ["_darkroom.json"]


def test_photo_that_a_folder_default_excludes_is_uploaded_as_before(harness: Harness) -> None:
    """It may be the mask of a spec."""
    harness.write("_darkroom.json", DEFAULT)
    harness.write("cat.mask.png")
    assert harness.upload() == ["_darkroom.json", "cat.mask.png"]
    assert harness.restart().upload() == ["_darkroom.json", "cat.mask.png"]


def test_missing_inputs_of_a_folder_default_are_reported_when_its_task_may_exist(
    harness: Harness,
) -> None:
    """After the time in which the photo waits for a spec of its own."""
    start_with_default(harness, DEFAULT)
    harness.buckets.waiting = {"task-2": ["logo.png"]}
    harness.now += 7 + 4
    harness.hot.report_waiting()
    assert not any(line.startswith("waiting") for line in harness.messages)
    harness.now += 1
    harness.hot.report_waiting()
    assert harness.messages[-1] == "waiting     cat.jpg.json: for logo.png"
