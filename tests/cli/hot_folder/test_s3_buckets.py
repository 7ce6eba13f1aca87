"""The hot folder's buckets on S3."""

from pathlib import Path

import pytest

from darkroom.domain.order import Trigger
from infra.cli.hot_folder.s3_buckets import S3Buckets
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_task
from tests.fakes.moto_aws import INPUT, OUTPUT


def test_missing_inputs_are_those_that_do_not_exist_yet(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """None for a task that does not exist."""
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(b"meow")
    buckets = S3Buckets(env.target)
    task_id = buckets.upload(photo, "cat.jpg.json")
    assert buckets.missing_inputs(task_id) is None
    task = make_task(task_id, "waiting", "cat.jpg.json", wants=("cat.jpg", "m.png"))
    env.tasks.create(task, previous=None, owner=None)
    assert buckets.missing_inputs(task_id) == ["cat.jpg", "m.png"]
    buckets.upload(photo, "cat.jpg")
    assert buckets.missing_inputs(task_id) == ["m.png"]


def test_results_are_listed_with_versions_and_downloaded(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """Another content is another version; errors of AWS become `OSError`."""
    buckets, s3 = S3Buckets(env.target), env.target.s3
    versions = []
    for body in (b"one", b"two"):
        s3.put_object(Bucket=OUTPUT, Key="cat.jpg/upscale.png", Body=body)
        versions.append(buckets.list_results()["cat.jpg/upscale.png"])
    assert versions[0] != versions[1]
    buckets.download("cat.jpg/upscale.png", tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes() == b"two"
    with pytest.raises(OSError, match="404"):
        buckets.download("none.png", tmp_path / "n.png")


def test_tasks_of_a_photo_are_those_of_its_version(env: MotoEnvironment, tmp_path: Path) -> None:
    """By label, as INTAKE makes them."""
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(b"meow")
    ids = S3Buckets(env.target).upload_photo(photo, "cat.jpg", (None, "cut"))
    version = env.target.s3.head_object(Bucket=INPUT, Key="cat.jpg")["VersionId"]
    assert ids == [
        Trigger.of_photo(INPUT, "cat.jpg", version, label).task_id for label in (None, "cut")
    ]
