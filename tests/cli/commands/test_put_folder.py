"""`darkroom put FOLDER` with a `_darkroom.json`: photos need no specs; their tasks are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.arrivals import PhotoErrand
from darkroom.domain.order import Trigger
from darkroom.domain.task import State
from infra.cli.batch import uploaded_tasks
from infra.cli.files.folder_plan import apply_defaults
from infra.cli.files.make_plan import plan_upload
from infra.cli.files.upload_all import PlanUpload
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_task
from tests.fakes.moto_aws import INPUT, client

DEFAULT = {"operation": "upscale", "provider": "snapapi", "params": {"scale": 2}, "settle_s": 7}


def write(path: Path, content: Any = "a photo") -> Path:
    """Write a file and its folders, as JSON unless it is a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a default, two photos and a mask."""
    write(tmp_path / "shop/_darkroom.json", DEFAULT)
    for name in ("a.jpg", "b.png", "a.mask.png"):
        write(tmp_path / "shop" / name, name)
    return tmp_path / "shop"


def keys(env: MotoEnvironment) -> list[str]:
    """The keys in the input bucket, in the order in which they were uploaded last."""
    found = env.target.s3.list_objects_v2(Bucket=INPUT).get("Contents", [])
    return [each["Key"] for each in found]


def versions() -> int:
    """How many versions of objects there are in the input bucket."""
    return len(client("s3").list_object_versions(Bucket=INPUT).get("Versions", []))


def put(env: MotoEnvironment, folder: Path, *options: str) -> dict[str, str]:
    """Upload a folder; the key of each task's spec, were there one -> the task's id."""
    result = env.run("put", str(folder), "--json", *options)
    assert result.exit_code == 0, result.output
    return {task["key"]: task["task_id"] for task in json.loads(result.stdout)}


def task_id(env: MotoEnvironment, photo: str, label: str | None = None) -> str:
    """The id of the task that INTAKE makes of a photo that is in the bucket now."""
    version = env.target.s3.head_object(Bucket=INPUT, Key=photo)["VersionId"]
    return Trigger.of_photo(INPUT, photo, version, label).task_id


def test_photos_and_their_default_are_uploaded_and_their_tasks_are_known(
    env: MotoEnvironment, shop: Path
) -> None:
    """No spec is written; what the default excludes is named and not uploaded."""
    result = env.run("put", str(shop), "--json")
    assert result.exit_code == 0, result.output
    assert keys(env) == ["photos/_darkroom.json", "photos/a.jpg", "photos/b.png"]
    assert json.loads(result.stdout) == [
        {"task_id": task_id(env, f"photos/{name}"), "key": f"photos/{name}.json"}
        for name in ("a.jpg", "b.png")
    ]
    assert "1 left alone by photos/_darkroom.json: '*.mask.*' excludes it" in result.stderr
    assert "photos wait 7 s for specs of their own" in result.stderr


def test_default_and_own_specs_are_uploaded_before_their_photos(
    env: MotoEnvironment, shop: Path
) -> None:
    """Else INTAKE would leave the first photos alone, or take one for a photo without a spec."""
    write(shop / "b.png.json", {"params": {"scale": 4}})
    plan = plan_upload([shop], None, "photos/", bare=True)
    apply_defaults(plan, env.target.open_ports)
    sent: list[str] = []
    env.target.s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: sent.append(params["Key"])
    )
    PlanUpload(env.target, plan).run()
    assert sent[0] == "photos/_darkroom.json"
    assert sent.index("photos/b.png.json") < sent.index("photos/b.png")


def test_every_label_of_a_default_is_a_task(env: MotoEnvironment, shop: Path) -> None:
    """As INTAKE makes them."""
    specs = [
        {"label": "large", "operation": "upscale"},
        {"label": "cut", "operation": "remove-background"},
    ]
    write(shop / "_darkroom.json", specs)
    (shop / "b.png").unlink()
    assert put(env, shop) == {
        f"photos/a.jpg.{label}.json": task_id(env, "photos/a.jpg", label)
        for label in ("large", "cut")
    }


def test_defaults_in_the_bucket_count_too(env: MotoEnvironment, shop: Path) -> None:
    """Those above the folder fill it; one that is the same is not uploaded again."""
    write(shop / "_darkroom.json", {"params": {"scale": 4}})
    env.target.s3.put_object(
        Bucket=INPUT, Key="_darkroom.json", Body=b'{"operation": "upscale", "provider": "snapapi"}'
    )
    assert set(put(env, shop)) == {"photos/a.jpg.json", "photos/b.png.json"}
    (shop / "_darkroom.json").unlink()
    write(shop / "new.jpg")
    assert set(put(env, shop)) >= {"photos/new.jpg.json"}


def test_own_spec_wins_and_may_leave_its_operation_to_the_default(
    env: MotoEnvironment, shop: Path
) -> None:
    """The default fills it."""
    write(shop / "a.jpg.json", {"params": {"scale": 4}})
    tasks = put(env, shop)
    version = env.target.s3.head_object(Bucket=INPUT, Key="photos/a.jpg.json")["VersionId"]
    assert tasks == {
        "photos/a.jpg.json": Trigger("upload", INPUT, "photos/a.jpg.json", version).task_id,
        "photos/b.png.json": task_id(env, "photos/b.png"),
    }


def test_photo_with_a_spec_in_the_bucket_is_left_alone(env: MotoEnvironment, shop: Path) -> None:
    """No task of the folder is waited for that never comes."""
    env.target.s3.put_object(
        Bucket=INPUT, Key="photos/a.jpg.json", Body=b'{"operation": "colorize"}'
    )
    result = env.run("put", str(shop), "--json")
    assert [task["key"] for task in json.loads(result.stdout)] == ["photos/b.png.json"]
    assert "1 left alone by folder defaults, for a spec of its own" in result.stderr


def test_inputs_of_a_default_are_uploaded(env: MotoEnvironment, shop: Path) -> None:
    """They lie in its folder, and are no photos themselves."""
    write(shop / "_darkroom.json", {"operation": "remove-objects", "inputs": {"mask": "m/all.png"}})
    write(shop / "m/all.png", "mask")
    assert set(put(env, shop, "--recursive")) == {"photos/a.jpg.json", "photos/b.png.json"}
    assert "photos/m/all.png" in keys(env)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"operation": "upscail"}', "upscail"),
        ("{", "photos/_darkroom.json"),
        ({**DEFAULT, "params": {"scale": 3}}, "2 or 4"),
        ({**DEFAULT, "output": {"name": "hero"}}, "'photos/b.png: The name"),
    ],
)
def test_nothing_is_uploaded_if_a_default_is_wrong(
    env: MotoEnvironment, shop: Path, content: Any, sentence: str
) -> None:
    """Its sentence is said once; two photos with one name of results are wrong too."""
    write(shop / "_darkroom.json", content)
    result = env.run("put", str(shop))
    assert result.exit_code == 1
    assert result.stderr.count(sentence.removeprefix("'")) == 1, result.stderr
    assert keys(env) == []


def test_name_that_an_older_task_has_is_said_before_the_upload(
    env: MotoEnvironment, shop: Path
) -> None:
    """With whose it is; `--keep-going` uploads the others."""
    write(shop / "_darkroom.json", {**DEFAULT, "output": {"name": "{stem}", "folder": "/done"}})
    env.add_task("old/x.jpg.json", "succeeded", output="done/a")
    result = env.run("put", str(shop))
    assert result.exit_code == 1
    assert "photos/a.jpg: The name 'done/a' belongs to 'old/x.jpg.json'" in result.stderr
    result = env.run("put", str(shop), "--keep-going", "--json")
    assert [task["key"] for task in json.loads(result.stdout)] == ["photos/b.png.json"]
    assert "photos/a.jpg" not in keys(env)


def test_broken_default_of_one_sub_folder_keeps_only_its_photos_back(
    env: MotoEnvironment, shop: Path
) -> None:
    """With `--keep-going`; it is not uploaded either."""
    write(shop / "sub/_darkroom.json", "{")
    write(shop / "sub/c.jpg")
    result = env.run("put", str(shop), "--recursive", "--keep-going", "--json")
    assert result.exit_code == 1
    assert result.stderr.count("photos/sub/_darkroom.json") == 1
    assert keys(env) == ["photos/_darkroom.json", "photos/a.jpg", "photos/b.png"]


def test_sub_folder_without_a_default_gets_that_above(env: MotoEnvironment, shop: Path) -> None:
    """Or its own, if it has one; with `--recursive`."""
    write(shop / "sub/c.jpg")
    write(shop / "own/_darkroom.json", {"specs": [{"label": "x", "operation": "colorize"}]})
    write(shop / "own/d.jpg")
    assert set(put(env, shop, "--recursive")) == {
        "photos/a.jpg.json",
        "photos/b.png.json",
        "photos/sub/c.jpg.json",
        "photos/own/d.jpg.x.json",
    }


def test_same_put_again_uploads_nothing_and_begins_what_has_no_task(
    env: MotoEnvironment, shop: Path
) -> None:
    """A photo that lay there before its default is given to INTAKE, with its time to settle."""
    first = put(env, shop)
    there = versions()
    task = make_task(first["photos/a.jpg.json"], key="photos/a.jpg.json", source="photos/a.jpg")
    env.tasks.create(task, previous=None, owner=None)
    result = env.run("put", str(shop), "--json")
    assert {t["key"]: t["task_id"] for t in json.loads(result.stdout)} == first
    assert versions() == there
    assert "1 of 2 are there already" in result.stderr
    attributes = env.target.sqs.get_queue_attributes(
        QueueUrl=env.intake_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1"


def test_photo_without_a_task_is_begun_by_its_version(env: MotoEnvironment, shop: Path) -> None:
    """Nothing is uploaded for it."""
    write(shop / "_darkroom.json", {**DEFAULT, "settle_s": 0})
    put(env, shop)
    put(env, shop)
    sent = {body for _ in range(2) for body in env.visible_bodies(env.intake_url)}
    ids = {
        name: env.target.s3.head_object(Bucket=INPUT, Key=name)["VersionId"]
        for name in ("photos/a.jpg", "photos/b.png")
    }
    assert sent == {PhotoErrand(key, version).as_message() for key, version in ids.items()}


def test_changed_photo_and_again_are_new_tasks(env: MotoEnvironment, shop: Path) -> None:
    """Of a changed photo only; `--again` uploads all."""
    first = put(env, shop)
    write(shop / "a.jpg", "another photo")
    second = put(env, shop)
    assert second["photos/b.png.json"] == first["photos/b.png.json"]
    assert second["photos/a.jpg.json"] != first["photos/a.jpg.json"]
    third = put(env, shop, "--again")
    assert not set(third.values()) & set(second.values())


def test_results_are_saved_and_the_exit_code_tells_a_failure(
    unversioned_env: MotoEnvironment, shop: Path, tmp_path: Path
) -> None:
    """`--out` waits for the tasks that will come of the photos."""
    env = unversioned_env
    tasks = put(env, shop)
    states: tuple[State, ...] = ("succeeded", "failed")
    for key, state in zip(tasks, states, strict=True):
        source = key.removesuffix(".json")
        task = make_task(
            tasks[key], state, key, source=source, results=(), trigger=Trigger("photo", "", key, "")
        )
        env.tasks.create(task, previous=None, owner=None)
        env.target.s3.put_object(
            Bucket=env.target.output_bucket,
            Key=task.manifest_key,
            Body=json.dumps({"run": 1, "task_id": task.task_id}).encode(),
        )
    result = env.run("put", str(shop), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "SnapAPI has no credits left" in result.stderr
    assert (tmp_path / "out/photos/a.jpg/upscale.manifest.json").is_file()


def test_photo_without_any_default_is_refused(env: MotoEnvironment, tmp_path: Path) -> None:
    """With what to do."""
    photo = write(tmp_path / "plain/cat.jpg")
    for what in (photo, photo.parent):
        result = env.run("put", str(what))
        assert result.exit_code == 2
        assert "--operation" in result.stderr
    assert "_darkroom.json" in result.stderr
    assert keys(env) == []


def test_wait_ends_with_the_newest_version_of_a_photo(
    env: MotoEnvironment, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was replaced and one deleted by somebody else before their tasks existed."""
    monkeypatch.setattr(uploaded_tasks, "LOOK_AFTER_S", 0)
    monkeypatch.setattr(PlanUpload, "run", with_accident(env, PlanUpload.run))
    write(shop / "_darkroom.json", {**DEFAULT, "settle_s": 0})
    result = env.run("put", str(shop), "--wait", "--json")
    assert result.exit_code == 1
    assert "photos/a.jpg was replaced; its newest version is followed" in result.stderr
    assert "photos/b.png was deleted before it began" in result.stderr
    tasks = {task["key"]: task for task in json.loads(result.stdout)}
    assert tasks.keys() == {"photos/a.jpg.json"}
    assert tasks["photos/a.jpg.json"]["task_id"] == task_id(env, "photos/a.jpg")
    assert tasks["photos/a.jpg.json"]["state"] == "succeeded"


def with_accident(env: MotoEnvironment, run: Any) -> Any:
    """An upload after which somebody replaces one photo, and deletes the other one."""

    def run_then_replace(upload: PlanUpload, *args: Any) -> Any:
        uploaded = run(upload, *args)
        env.target.s3.put_object(Bucket=INPUT, Key="photos/a.jpg", Body=b"newer")
        client("s3").delete_object(Bucket=INPUT, Key="photos/b.png")
        task = make_task(task_id(env, "photos/a.jpg"), key="photos/a.jpg.json")
        env.tasks.create(task, previous=None, owner=None)
        return uploaded

    return run_then_replace
