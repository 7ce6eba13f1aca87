"""`darkroom put`: what it uploads, prints, saves, and its exit codes."""

import json
import os
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_task
from tests.fakes.moto_aws import INPUT, OUTPUT

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
    env.tasks.create(make_task(task_id), previous=None, owner=None)
    names = ("upscale.png", "upscale.manifest.json")
    result = put(env, photo, "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"s3://{OUTPUT}/photos/cat.jpg/{n}" for n in names]
    for name in names:
        s3.put_object(Bucket=OUTPUT, Key=f"photos/cat.jpg/{name}", Body=b"made")
    result = put(env, photo, "--out", str(tmp_path / "new"), "--json")
    assert task_id_of(result) == task_id
    for name in names:
        assert (tmp_path / "new/photos/cat.jpg" / name).read_bytes() == b"made"


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
