"""Finding an environment, and `put` and `status` against a stack on moto."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from infra.cli.hot_folder.s3_buckets import S3Buckets
from infra.cli.main import main
from infra.cli.target import Target, find_target
from infra.cli.tasks.find import newest_tasks
from infra.local import running_file
from tests.cli.factories import START, make_task

KEYS = {"AttributeType": "S"}
INDEXES = {"by-due": ("due", "due_at"), "by-folder": ("folder", "created_at")} | {
    "by-attention": ("attention", "updated_at")
}
TEMPLATE = {
    "Resources": {
        "In": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "the-input"}},
        "Out": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "the-output"}},
        "Tasks": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "the-table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    KEYS | {"AttributeName": name}
                    for name in ("pk", "sk", *dict.fromkeys(sum(INDEXES.values(), ())))
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": name,
                        "KeySchema": [
                            {"AttributeName": first, "KeyType": "HASH"},
                            {"AttributeName": second, "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                    for name, (first, second) in INDEXES.items()
                ],
            },
        },
    },
    "Outputs": {
        "InputBucket": {"Value": {"Ref": "In"}},
        "OutputBucket": {"Value": {"Ref": "Out"}},
        "Table": {"Value": {"Ref": "Tasks"}},
    },
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DARKROOM_ENV", "dev")
    with mock_aws():
        yield


@pytest.fixture
def target(aws: None) -> Target:
    """The environment `dev`, deployed."""
    del aws
    boto3.client("cloudformation").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(TEMPLATE)
    )
    return find_target("dev")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A file with the name of a photo."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"meow")
    return str(path)


def run(*arguments: str) -> Result:
    """Run the command; stdout and stderr are separate."""
    return CliRunner().invoke(main, arguments)


def put_photo(target: Target, photo: str) -> str:
    """Put the photo; the id of its task."""
    result = run("put", photo, "--operation", "upscale", "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert [one["key"] for one in printed] == ["photos/cat.jpg.upscale.json"]
    assert target.input_bucket == "the-input"
    task_id: str = printed[0]["task_id"]
    return task_id


def test_put_uploads_photo_and_spec_and_names_the_task(target: Target, photo: str) -> None:
    """Both are in the input bucket; the id is the one that INTAKE will use."""
    task_id = put_photo(target, photo)
    body = target.s3.get_object(Bucket="the-input", Key="photos/cat.jpg")["Body"].read()
    assert body == b"meow"
    head = target.s3.get_object(Bucket="the-input", Key="photos/cat.jpg.upscale.json")
    assert json.loads(head["Body"].read()) == {"operation": "upscale"}
    assert head["ContentType"] == "application/json"
    # This bucket is not versioned, so the ETag is the version and the id is the same again.
    assert put_photo(target, photo) == task_id


def test_put_waits_for_the_results_and_prints_their_keys(target: Target, photo: str) -> None:
    """With `--wait` stdout has the S3 URIs of results and manifest."""
    task_id = put_photo(target, photo)
    target.tasks.create(make_task(task_id), previous=None, owner=None)
    result = run("put", photo, "--operation", "upscale", "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "s3://the-output/photos/cat.jpg/upscale.png",
        "s3://the-output/photos/cat.jpg/upscale.manifest.json",
    ]


def test_put_saves_the_results_below_out(target: Target, photo: str, tmp_path: Path) -> None:
    """`--out` waits, and downloads results and manifest."""
    task_id = put_photo(target, photo)
    target.tasks.create(make_task(task_id), previous=None, owner=None)
    for name in ("upscale.png", "upscale.manifest.json"):
        target.s3.put_object(Bucket="the-output", Key=f"photos/cat.jpg/{name}", Body=b"made")
    result = run("put", photo, "--operation", "upscale", "--out", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    for name in ("upscale.png", "upscale.manifest.json"):
        assert (tmp_path / "new/photos/cat.jpg" / name).read_bytes() == b"made"


def test_put_exits_with_1_when_a_task_failed(target: Target, photo: str) -> None:
    """The reason is on stderr, the manifest's URI on stdout."""
    task_id = put_photo(target, photo)
    target.tasks.create(make_task(task_id, "failed"), previous=None, owner=None)
    result = run("put", photo, "--operation", "upscale", "--wait")
    assert result.exit_code == 1
    assert "SnapAPI has no credits left. Buy some." in result.stderr
    assert result.stdout == "s3://the-output/photos/cat.jpg/upscale.manifest.json\n"


def test_put_exits_with_1_after_the_timeout(target: Target, photo: str) -> None:
    """The message says that the task has not started."""
    del target
    result = run("put", photo, "--operation", "upscale", "--wait", "--timeout", "0")
    assert result.exit_code == 1
    assert "timed out; it is not started" in result.stderr


def test_put_uploads_nothing_if_the_spec_is_wrong(target: Target, photo: str) -> None:
    """The spec is checked before the first upload."""
    result = run(
        "put", photo, "--operation", "upscale", "--param", "scale=3", "--provider", "snapapi"
    )
    assert result.exit_code == 1
    assert "2 or 4" in result.stderr
    assert target.s3.list_objects_v2(Bucket="the-input")["KeyCount"] == 0


def test_status_finds_a_task_by_id_spec_photo_and_folder(target: Target) -> None:
    """With `photos/` or without."""
    task = make_task("a" * 32, state="failed")
    target.tasks.create(task, previous=None, owner=None)
    for what in (
        task.task_id,
        "photos/cat.jpg.upscale.json",
        "photos/cat.jpg",
        "/photos/cat.jpg",
        "photos/",
        "photos",
        "cat.jpg",
        "cat.jpg.upscale.json",
    ):
        result = run("status", what, "--json")
        assert result.exit_code == 0, what
        assert [one["task_id"] for one in json.loads(result.stdout)] == [task.task_id]
    detail = run("status", task.task_id).stdout
    assert "because    SnapAPI has no credits left. (no-credits)" in detail


def test_status_without_argument_shows_what_needs_attention(target: Target) -> None:
    """Failed tasks, but not succeeded ones."""
    assert "no task needs attention" in run("status").stderr
    target.tasks.create(make_task("a" * 32, "failed"), previous=None, owner=None)
    well = make_task("b" * 32, key="photos/dog.jpg.json", source="photos/dog.jpg")
    target.tasks.create(well, previous=None, owner=None)
    result = run("status")
    assert "photos/cat.jpg" in result.stdout
    assert "photos/dog.jpg" not in result.stdout


def test_status_finds_tasks_at_the_root_by_a_name_with_photos(target: Target) -> None:
    """A watched folder called `photos` uploads keys without it."""
    task = make_task("a" * 32, key="cat.jpg.json", source="cat.jpg")
    target.tasks.create(task, previous=None, owner=None)
    for what in ("cat.jpg", "photos/cat.jpg", "photos/cat.jpg.json", "photos/"):
        result = run("status", what, "--json")
        assert [one["task_id"] for one in json.loads(result.stdout)] == [task.task_id], what
    assert list(newest_tasks(target.tasks, 5)) == [task]


def test_status_without_argument_shows_what_waits_and_why(target: Target) -> None:
    """Waiting tasks of every folder."""
    now = datetime.now(UTC)
    for number, (key, at) in enumerate(
        {"dog.jpg.json": now, "late/cat.jpg.json": now, "old.jpg.json": START}.items()
    ):
        task = make_task(
            str(number) * 32,
            "waiting",
            key,
            source=key.removesuffix(".json"),
            wait_reason="waits for m.png",
            created_at=at,
        )
        target.tasks.create(task, previous=None, owner=None)
    printed = json.loads(run("status", "--json").stdout)
    assert {one["key"] for one in printed} == {"dog.jpg.json", "late/cat.jpg.json", "old.jpg.json"}
    assert {one["wait_reason"] for one in printed} == {"waits for m.png"}


def test_missing_inputs_are_those_that_do_not_exist_yet(target: Target, photo: str) -> None:
    """None for a task that does not exist."""
    buckets = S3Buckets(target)
    task_id = buckets.upload(Path(photo), "cat.jpg.json")
    assert buckets.missing_inputs(task_id) is None
    task = make_task(task_id, "waiting", "cat.jpg.json", wants=("cat.jpg", "m.png"))
    target.tasks.create(task, previous=None, owner=None)
    assert buckets.missing_inputs(task_id) == ["cat.jpg", "m.png"]
    buckets.upload(Path(photo), "cat.jpg")
    assert buckets.missing_inputs(task_id) == ["m.png"]


def test_status_of_an_unknown_name_exits_with_1(target: Target) -> None:
    """The message repeats the name."""
    del target
    result = run("status", "photos/none.jpg")
    assert result.exit_code == 1
    assert "no task found for 'photos/none.jpg'" in result.stderr


def test_a_missing_stack_is_named(aws: None) -> None:
    """The message names the stack and the region."""
    del aws
    result = run("status", "--env", "staging")
    assert result.exit_code == 1
    assert "no stack 'darkroom-staging' in eu-central-1" in result.stderr


def test_put_skips_a_name_that_is_not_utf8_and_uploads_the_others(
    target: Target, photo: str
) -> None:
    """It prints one line for that file, and exits with 1."""
    bad = Path(photo).with_name(os.fsdecode(b"caf\xe9.jpg"))
    bad.write_bytes(b"x")
    result = run("put", str(Path(photo).parent), "--operation", "upscale", "--json")
    assert result.exit_code == 1
    assert [one["key"] for one in json.loads(result.stdout)] == ["photos/cat.jpg.upscale.json"]
    assert result.stderr.count("skipped: ") == 1
    assert "caf\\xe9.jpg: the name is not UTF-8" in result.stderr
    found = target.s3.list_objects_v2(Bucket=target.input_bucket)["Contents"]
    assert [one["Key"] for one in found] == ["photos/cat.jpg", "photos/cat.jpg.upscale.json"]


def test_aws_region_names_another_region(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes precedence over AWS_DEFAULT_REGION, as with every other AWS tool."""
    del aws
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert "no stack 'darkroom-dev' in ap-southeast-2" in run("status").stderr
    monkeypatch.setenv("AWS_REGION", "")
    assert "no stack 'darkroom-dev' in eu-central-1" in run("status").stderr


def test_aws_region_alone_is_enough(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All clients use that region, not only the one for the stack."""
    del aws
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    boto3.client("cloudformation", region_name="ap-southeast-2").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(TEMPLATE)
    )
    found = find_target("dev")
    assert {found.s3.meta.region_name, found.sqs.meta.region_name} == {"ap-southeast-2"}


def test_a_stack_without_our_outputs_is_refused(aws: None) -> None:
    """For example one whose deployment failed."""
    del aws
    half = {"Resources": {"In": {"Type": "AWS::S3::Bucket"}}}
    boto3.client("cloudformation").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(half)
    )
    result = run("status")
    assert result.exit_code == 1
    assert "has no output InputBucket, OutputBucket, Table" in result.stderr


def test_a_missing_local_environment_is_reported_with_the_command_to_start_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default environment is the one on this machine."""
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: None)
    for arguments in (["status"], ["watch"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "no local environment is running; start one with `darkroom local`" in result.stderr


def test_a_running_local_environment_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Endpoint and names come from its file; the user's own credentials are not used."""
    outputs = {"InputBucket": "a-input", "OutputBucket": "a-output", "Table": "t"}
    running = running_file.Record("http://127.0.0.1:4577", 1, outputs)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    found = find_target("local")
    assert (found.input_bucket, found.output_bucket) == ("a-input", "a-output")
    assert found.s3.meta.endpoint_url == "http://127.0.0.1:4577"
    signed = found.s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AKIAREAL" not in signed
