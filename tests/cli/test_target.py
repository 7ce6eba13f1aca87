"""`put` and `status` against a stack on (an imitation of) AWS, and how environments are found."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from infra.cli.hot_folder.s3_buckets import TargetBuckets
from infra.cli.main import main
from infra.cli.target import Target, find_target
from infra.cli.tasks.find import newest
from infra.local import running_file
from tests.cli.makes import START, make_task

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
    """A file that is called like a photo."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"meow")
    return str(path)


def run(*arguments: str) -> Result:
    """The command, with both streams apart."""
    return CliRunner().invoke(main, arguments)


def place(target: Target, photo: str) -> str:
    """Put the photo; the task's id."""
    said = run("put", photo, "--operation", "upscale", "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert [one["key"] for one in told] == ["photos/cat.jpg.upscale.json"]
    assert target.input_bucket == "the-input"
    task_id: str = told[0]["task_id"]
    return task_id


def test_put_uploads_photo_and_spec_and_names_the_task(target: Target, photo: str) -> None:
    """Both are in the input bucket, the spec last; the id is the one that intake will use."""
    task_id = place(target, photo)
    body = target.s3.get_object(Bucket="the-input", Key="photos/cat.jpg")["Body"].read()
    assert body == b"meow"
    head = target.s3.get_object(Bucket="the-input", Key="photos/cat.jpg.upscale.json")
    assert json.loads(head["Body"].read()) == {"operation": "upscale"}
    assert head["ContentType"] == "application/json"
    # The bucket of this test has no versions, so the ETag stands in and the id can be told again.
    assert place(target, photo) == task_id


def test_put_waits_for_the_results_and_prints_their_keys(target: Target, photo: str) -> None:
    """With `--wait` stdout holds the addresses of results and manifest."""
    task_id = place(target, photo)
    target.tasks.create(make_task(task_id), previous=None, owner=None)
    said = run("put", photo, "--operation", "upscale", "--wait")
    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        "s3://the-output/photos/cat.jpg/upscale.png",
        "s3://the-output/photos/cat.jpg/upscale.manifest.json",
    ]


def test_put_saves_the_results_where_it_is_told(target: Target, photo: str, tmp_path: Path) -> None:
    """`--out` waits and brings results and manifest; nobody needs another command."""
    task_id = place(target, photo)
    target.tasks.create(make_task(task_id), previous=None, owner=None)
    for name in ("upscale.png", "upscale.manifest.json"):
        target.s3.put_object(Bucket="the-output", Key=f"photos/cat.jpg/{name}", Body=b"made")
    said = run("put", photo, "--operation", "upscale", "--out", str(tmp_path / "new"))
    assert said.exit_code == 0, said.output
    for name in ("upscale.png", "upscale.manifest.json"):
        assert (tmp_path / "new/photos/cat.jpg" / name).read_bytes() == b"made"


def test_put_exits_with_1_when_a_task_failed(target: Target, photo: str) -> None:
    """The reason is on stderr, the manifest's key on stdout."""
    task_id = place(target, photo)
    target.tasks.create(make_task(task_id, "failed"), previous=None, owner=None)
    said = run("put", photo, "--operation", "upscale", "--wait")
    assert said.exit_code == 1
    assert "SnapAPI has no credits left. Buy some." in said.stderr
    assert said.stdout == "s3://the-output/photos/cat.jpg/upscale.manifest.json\n"


def test_put_exits_with_1_when_time_is_up(target: Target, photo: str) -> None:
    """A task that has not begun in time is told as such."""
    del target
    said = run("put", photo, "--operation", "upscale", "--wait", "--timeout", "0")
    assert said.exit_code == 1
    assert "did not end in time; it is not begun" in said.stderr


def test_put_sends_nothing_when_the_spec_is_bad(target: Target, photo: str) -> None:
    """A refused spec costs no upload."""
    said = run(
        "put", photo, "--operation", "upscale", "--param", "scale=3", "--provider", "snapapi"
    )
    assert said.exit_code == 1
    assert "2 or 4" in said.stderr
    assert target.s3.list_objects_v2(Bucket="the-input")["KeyCount"] == 0


def test_status_finds_a_task_by_id_spec_photo_and_folder(target: Target) -> None:
    """Whatever one has at hand leads to the task."""
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
        said = run("status", what, "--json")
        assert said.exit_code == 0, what
        assert [one["task_id"] for one in json.loads(said.stdout)] == [task.task_id]
    detail = run("status", task.task_id).stdout
    assert "because    SnapAPI has no credits left. (no-credits)" in detail


def test_status_without_argument_shows_what_needs_attention(target: Target) -> None:
    """Failed and unclear tasks, and not those that are well."""
    assert "no task needs attention" in run("status").stderr
    target.tasks.create(make_task("a" * 32, "failed"), previous=None, owner=None)
    well = make_task("b" * 32, key="photos/dog.jpg.json", source="photos/dog.jpg")
    target.tasks.create(well, previous=None, owner=None)
    said = run("status")
    assert "photos/cat.jpg" in said.stdout
    assert "photos/dog.jpg" not in said.stdout


def test_status_finds_what_a_watched_folder_placed_at_the_root(target: Target) -> None:
    """A folder called `photos` that is watched sends keys without it."""
    task = make_task("a" * 32, key="cat.jpg.json", source="cat.jpg")
    target.tasks.create(task, previous=None, owner=None)
    for what in ("cat.jpg", "photos/cat.jpg", "photos/cat.jpg.json", "photos/"):
        said = run("status", what, "--json")
        assert [one["task_id"] for one in json.loads(said.stdout)] == [task.task_id], what
    assert list(newest(target.tasks, 5)) == [task]


def test_status_without_argument_shows_what_waits_and_why(target: Target) -> None:
    """A task that waits for a file is no failure, and still wants somebody; in whatever folder."""
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
    told = json.loads(run("status", "--json").stdout)
    assert {one["key"] for one in told} == {"dog.jpg.json", "late/cat.jpg.json", "old.jpg.json"}
    assert {one["wait_reason"] for one in told} == {"waits for m.png"}


def test_a_watched_folder_s_buckets_know_what_a_task_waits_for(target: Target, photo: str) -> None:
    """Only what is still not there is named, and nothing of a task that nobody knows."""
    buckets = TargetBuckets(target)
    task_id = buckets.send(Path(photo), "cat.jpg.json")
    assert buckets.missing(task_id) is None
    task = make_task(task_id, "waiting", "cat.jpg.json", wants=("cat.jpg", "m.png"))
    target.tasks.create(task, previous=None, owner=None)
    assert buckets.missing(task_id) == ["cat.jpg", "m.png"]
    buckets.send(Path(photo), "cat.jpg")
    assert buckets.missing(task_id) == ["m.png"]


def test_status_of_nothing_exits_with_1(target: Target) -> None:
    """What is not there is said to be not there."""
    del target
    said = run("status", "photos/none.jpg")
    assert said.exit_code == 1
    assert "there is no task for 'photos/none.jpg'" in said.stderr


def test_a_stack_that_is_not_there_is_named(aws: None) -> None:
    """The message says which stack was looked for and where."""
    del aws
    said = run("status", "--env", "staging")
    assert said.exit_code == 1
    assert "no stack 'darkroom-staging' in eu-central-1" in said.stderr


def test_put_leaves_out_a_name_that_is_no_text_and_uploads_the_others(
    target: Target, photo: str
) -> None:
    """One sentence for that file, and exit code 1."""
    bad = Path(photo).with_name(os.fsdecode(b"caf\xe9.jpg"))
    bad.write_bytes(b"x")
    said = run("put", str(Path(photo).parent), "--operation", "upscale", "--json")
    assert said.exit_code == 1
    assert [one["key"] for one in json.loads(said.stdout)] == ["photos/cat.jpg.upscale.json"]
    assert said.stderr.count("left out: ") == 1
    assert "caf\\xe9.jpg, whose name is not UTF-8" in said.stderr
    found = target.s3.list_objects_v2(Bucket=target.input_bucket)["Contents"]
    assert [one["Key"] for one in found] == ["photos/cat.jpg", "photos/cat.jpg.upscale.json"]


def test_another_region_is_named_with_aws_region(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the message promises, and as every other tool of AWS's does: before the usual one."""
    del aws
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert "no stack 'darkroom-dev' in ap-southeast-2" in run("status").stderr
    monkeypatch.setenv("AWS_REGION", "")
    assert "no stack 'darkroom-dev' in eu-central-1" in run("status").stderr


def test_aws_region_alone_will_do(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is spoken to where it says, not only the stack."""
    del aws
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    boto3.client("cloudformation", region_name="ap-southeast-2").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(TEMPLATE)
    )
    found = find_target("dev")
    assert {found.s3.meta.region_name, found.sqs.meta.region_name} == {"ap-southeast-2"}


def test_a_stack_without_our_outputs_is_refused(aws: None) -> None:
    """A stack that failed half-way is not spoken to."""
    del aws
    half = {"Resources": {"In": {"Type": "AWS::S3::Bucket"}}}
    boto3.client("cloudformation").create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(half)
    )
    said = run("status")
    assert said.exit_code == 1
    assert "has no output InputBucket, OutputBucket, Table" in said.stderr


def test_without_a_local_environment_the_command_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default environment is the one on this machine."""
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: None)
    for arguments in (["status"], ["watch"]):
        said = run(*arguments)
        assert said.exit_code == 1
        assert "no local environment is running; start one with `darkroom local`" in said.stderr


def test_a_running_local_environment_is_found_by_its_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Endpoint and names come from what it has written down; credentials are nobody's."""
    outputs = {"InputBucket": "a-input", "OutputBucket": "a-output", "Table": "t"}
    running = running_file.RunningEnvironment("http://127.0.0.1:4577", 1, outputs)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    found = find_target("local")
    assert (found.input_bucket, found.output_bucket) == ("a-input", "a-output")
    assert found.s3.meta.endpoint_url == "http://127.0.0.1:4577"
    signed = found.s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AKIAREAL" not in signed
