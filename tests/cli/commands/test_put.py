"""`darkroom put`: what it uploads, prints, saves, and its exit codes."""

import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from darkroom.domain.task import Result as TaskResult
from infra.cli.files import upload_all
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_task
from tests.fakes.moto_aws import INPUT, OUTPUT, client

SPEC = "photos/cat.jpg.upscale.json"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file with the name of a photo."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"meow")
    return path


def put(env: MotoEnvironment, photo: Path, *options: str) -> Result:
    """Upscale the photo."""
    return env.run("put", str(photo), "--operation", "upscale", *options)


def task_id_of(result: Result) -> str:
    """The id of the only task."""
    assert result.exit_code == 0, result.output
    (task,) = json.loads(result.stdout)
    assert task["key"] == SPEC
    return str(task["task_id"])


def test_put_uploads_photo_and_spec_and_downloads_the_results(
    unversioned_env: MotoEnvironment, photo: Path, tmp_path: Path
) -> None:
    """`--wait` prints the S3 URIs of results and manifest; `--out` also saves the files."""
    env, s3 = unversioned_env, unversioned_env.target.s3
    task_id = task_id_of(put(env, photo, "--json"))
    assert s3.get_object(Bucket=INPUT, Key="photos/cat.jpg")["Body"].read() == b"meow"
    spec = s3.get_object(Bucket=INPUT, Key=SPEC)
    assert json.loads(spec["Body"].read()) == {"operation": "upscale"}
    assert spec["ContentType"] == "application/json"

    # This bucket is not versioned, so the ETag is the version and the id is the same again.
    made = {
        "upscale.png": b"made",
        "upscale.manifest.json": json.dumps({"run": 1, "task_id": task_id}).encode(),
    }
    digest = hashlib.sha256(made["upscale.png"]).hexdigest()
    file = TaskResult("photos/cat.jpg/upscale.png", "image", "image/png", 4, digest)
    env.tasks.create(make_task(task_id, results=(file,)), previous=None, owner=None)
    names = tuple(made)
    result = put(env, photo, "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"s3://{OUTPUT}/photos/cat.jpg/{n}" for n in names]
    for name, body in made.items():
        s3.put_object(Bucket=OUTPUT, Key=f"photos/cat.jpg/{name}", Body=body)
    result = put(env, photo, "--out", str(tmp_path / "new"), "--json")
    assert task_id_of(result) == task_id
    for name in names:
        assert (tmp_path / "new/photos/cat.jpg" / name).read_bytes() == made[name]


def test_put_exits_with_1_after_the_timeout_and_after_a_failure(
    unversioned_env: MotoEnvironment, photo: Path
) -> None:
    """The reason is on stderr, the manifest's URI on stdout."""
    env = unversioned_env
    result = put(env, photo, "--wait", "--timeout", "0")
    assert result.exit_code == 1
    assert "timed out; it is not started" in result.stderr

    task_id = task_id_of(put(env, photo, "--json"))
    env.tasks.create(make_task(task_id, "failed"), previous=None, owner=None)
    result = put(env, photo, "--wait")
    assert result.exit_code == 1
    assert "SnapAPI has no credits left. Buy some." in result.stderr
    assert result.stdout == f"s3://{OUTPUT}/photos/cat.jpg/upscale.manifest.json\n"


def test_put_uploads_only_what_was_checked(env: MotoEnvironment, photo: Path) -> None:
    """Nothing if a spec is wrong; and not a file whose name is not UTF-8, which is reported."""
    result = put(env, photo, "--param", "scale=3", "--provider", "snapapi")
    assert result.exit_code == 1
    assert "2 or 4" in result.stderr
    assert env.target.s3.list_objects_v2(Bucket=INPUT)["KeyCount"] == 0

    photo.with_name(os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    result = put(env, photo.parent, "--json")
    assert result.exit_code == 1
    assert [task["key"] for task in json.loads(result.stdout)] == [SPEC]
    assert result.stderr.count("skipped: ") == 1
    assert "caf\\xe9.jpg: the name is not UTF-8" in result.stderr
    listing = env.target.s3.list_objects_v2(Bucket=INPUT)["Contents"]
    assert [one["Key"] for one in listing] == ["photos/cat.jpg", SPEC]


def test_same_put_again_uploads_and_pays_nothing(env: MotoEnvironment, photo: Path) -> None:
    """Unless the photo or the spec has changed, or `--again` says so."""
    versions = client("s3").list_object_versions

    def count() -> int:
        return len(versions(Bucket=INPUT)["Versions"])

    first = task_id_of(put(env, photo, "--json"))
    result = put(env, photo, "--json")
    assert task_id_of(result) == first
    assert "1 of 1 are there already" in result.stderr
    assert count() == 2

    changed = task_id_of(put(env, photo, "--json", "--param", "scale=2"))
    assert changed != first
    assert count() == 3
    photo.write_bytes(b"purr")
    new_photo = task_id_of(put(env, photo, "--json", "--param", "scale=2"))
    assert new_photo not in (first, changed)
    assert count() == 5
    assert task_id_of(put(env, photo, "--json", "--param", "scale=2", "--again")) != new_photo
    assert count() == 7


def test_spec_that_never_became_a_task_is_uploaded_again(
    env: MotoEnvironment, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If that was long ago; with a task it stays."""
    first = task_id_of(put(env, photo, "--json"))
    monkeypatch.setattr(upload_all, "READ_WITHIN", timedelta(0))
    second = task_id_of(put(env, photo, "--json"))
    assert second != first
    env.tasks.create(make_task(second), previous=None, owner=None)
    assert task_id_of(put(env, photo, "--json")) == second


def test_put_takes_sub_folders_along_and_says_what_it_leaves_out(
    env: MotoEnvironment, photo: Path
) -> None:
    """Under their names below the folder."""
    folder = photo.parent
    (folder / "sub/deep").mkdir(parents=True)
    for name in ("sub/deep/dog.png", "cat.mask.png", "notes.txt", ".hidden.jpg"):
        (folder / name).write_bytes(b"x")
    result = put(env, folder)
    assert "a sub-folder; --recursive takes it along" in result.stderr
    assert "left out (not a photo, by its extension): " in result.stderr
    assert "left out (a mask, by its name): " in result.stderr
    assert "left out (its name begins with a dot): " in result.stderr
    result = put(env, folder, "--recursive", "--json")
    assert [task["key"] for task in json.loads(result.stdout)] == [
        SPEC,
        "photos/sub/deep/dog.png.upscale.json",
    ]


def test_put_names_further_inputs_beside_each_photo(env: MotoEnvironment, photo: Path) -> None:
    """Each photo its own, by its stem."""
    folder = photo.parent
    for name in ("dog.png", "cat.mask.png", "dog.mask.png"):
        (folder / name).write_bytes(name.encode())
    options = ("--operation", "remove-objects", "--input", "mask={stem}.mask.png", "--json")
    result = env.run("put", str(folder), *options)
    assert result.exit_code == 0, result.output
    for name in ("cat.jpg", "dog.png"):
        key = f"photos/{name}.remove-objects.json"
        spec = json.loads(env.target.s3.get_object(Bucket=INPUT, Key=key)["Body"].read())
        assert spec["inputs"] == {"mask": f"{name[:3]}.mask.png"}
    mask = env.target.s3.get_object(Bucket=INPUT, Key="photos/dog.mask.png")["Body"].read()
    assert mask == b"dog.mask.png"
    assert env.run("put", str(photo), "--operation", "upscale", "--input", "mask").exit_code == 2


def test_wrong_option_is_reported_once(env: MotoEnvironment, photo: Path) -> None:
    """However many photos there are."""
    for number in range(9):
        photo.with_name(f"{number}.jpg").write_bytes(b"x")
    result = put(env, photo.parent, "--param", "scale=3", "--provider", "snapapi")
    assert result.exit_code == 1
    assert result.stderr.count("2 or 4") == 1


def test_put_keeps_going_without_a_wrong_spec(env: MotoEnvironment, photo: Path) -> None:
    """It is named, and the exit code is 1."""
    folder = photo.parent
    (folder / "cat.jpg.json").write_text('{"operation": "upscale"}')
    (folder / "dog.jpg").write_bytes(b"x")
    (folder / "dog.jpg.json").write_text('{"operation": "upscail"}')
    assert env.run("put", str(folder), "--json").stdout == ""
    result = env.run("put", str(folder), "--json", "--keep-going")
    assert result.exit_code == 1
    assert [task["key"] for task in json.loads(result.stdout)] == ["photos/cat.jpg.json"]
    assert "not uploaded: " in result.stderr
    assert "upscail" in result.stderr


@pytest.mark.parametrize("size", [0, 1, upload_all.PART_BYTES, 2 * upload_all.PART_BYTES + 1])
def test_etag_is_that_of_the_uploaded_file(env: MotoEnvironment, photo: Path, size: int) -> None:
    """In one part or in several; so a file that is there is not uploaded again."""
    photo.write_bytes(b"x" * size)
    task_id_of(put(env, photo, "--json"))
    head = env.target.s3.head_object(Bucket=INPUT, Key="photos/cat.jpg")
    assert head["ETag"].strip('"') == upload_all.etag_of(photo)


def test_one_name_for_the_results_of_two_photos_is_said_before_the_upload(
    env: MotoEnvironment, photo: Path
) -> None:
    """A spec for all needs a name with the photo's in it."""
    photo.with_name("dog.jpg").write_bytes(b"x")
    spec = photo.parent / "spec.json"
    for name, code in (("hero", 1), ("{stem}", 0)):
        spec.write_text(json.dumps({"operation": "upscale", "output": {"name": name}}))
        result = env.run("put", str(photo.parent), "--spec", str(spec))
        assert result.exit_code == code, result.output
        taken = "'photos/hero' belongs to 'photos/cat.jpg.upscale.json'"
        assert (taken in result.stderr) is (code == 1), result.stderr
