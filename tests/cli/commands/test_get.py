"""`darkroom get`: what it fetches, what it leaves, and under which names."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.order import Order
from darkroom.domain.output_names import PLACEHOLDERS
from darkroom.domain.task import Result, Task
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import CHOICES
from tests.fakes.moto_aws import OUTPUT


def add(env: MotoEnvironment, key: str, *bodies: bytes, **changes: Any) -> Task:
    """A succeeded task, its results and its manifest."""
    source = key.removesuffix(".json")
    results = []
    for number, body in enumerate(bodies, start=1):
        name = f"{source}/upscale{f'-{number}' if len(bodies) > 1 else ''}.png"
        env.target.s3.put_object(Bucket=OUTPUT, Key=name, Body=body)
        results.append(
            Result(name, "image", "image/png", len(body), hashlib.sha256(body).hexdigest())
        )
    task = env.add_task(key, "succeeded", results=tuple(results), **changes)
    manifest = json.dumps({"run": task.run, "task_id": task.task_id}).encode()
    env.target.s3.put_object(Bucket=OUTPUT, Key=task.manifest_key, Body=manifest)
    return task


def outcomes(env: MotoEnvironment, out: Path, *options: str) -> dict[str, str]:
    """File below `out` -> what was done."""
    result = env.run("get", "a/", "--out", str(out), "--json", *options)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    return {str(Path(row["file"]).relative_to(out)): row["outcome"] for row in rows}


def test_get_fetches_each_result_once(env: MotoEnvironment, tmp_path: Path) -> None:
    """And again what is missing, cut off or changed; unfinished tasks are counted."""
    for number in range(3):
        add(env, f"a/{number}.jpg.json", f"picture {number}".encode())
    env.add_task("a/9.jpg.json", "queued")
    first = outcomes(env, tmp_path)
    assert len(first) == 6
    assert set(first.values()) == {"saved"}
    assert (tmp_path / "a/1.jpg/upscale.png").read_bytes() == b"picture 1"

    add(env, "a/3.jpg.json", b"late")
    (tmp_path / "a/0.jpg/upscale.png").write_bytes(b"pict")
    (tmp_path / "a/1.jpg/upscale.png").write_bytes(b"PICTURE 1")
    (tmp_path / "a/2.jpg/upscale.manifest.json").write_text("{")
    again = {name for name, what in outcomes(env, tmp_path).items() if what == "saved"}
    assert again == {
        "a/0.jpg/upscale.png",
        "a/1.jpg/upscale.png",
        "a/2.jpg/upscale.manifest.json",
        "a/3.jpg/upscale.png",
        "a/3.jpg/upscale.manifest.json",
    }
    assert not list(tmp_path.rglob("*.part"))
    result = env.run("get", "a/", "--out", str(tmp_path))
    assert result.stdout == ""
    assert "0 saved, 8 there already, 0 failed; 1 tasks have not ended yet" in result.stderr


def test_manifest_of_an_older_task_is_replaced(env: MotoEnvironment, tmp_path: Path) -> None:
    """A new version of a photo is a new task, and its run is the first again."""
    first = add(env, "a/1.jpg.json", b"one")
    outcomes(env, tmp_path)
    add(env, "a/1.jpg.json", b"two", created_at=first.created_at + timedelta(seconds=1))
    assert set(outcomes(env, tmp_path).values()) == {"saved"}
    assert set(outcomes(env, tmp_path).values()) == {"there already"}


def test_result_that_is_not_what_was_noted_is_not_saved(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """The others are; what is on the disk stays."""
    add(env, "a/1.jpg.json", b"right")
    task = add(env, "a/2.jpg.json", b"right")
    env.target.s3.put_object(Bucket=OUTPUT, Key=task.results[0].key, Body=b"wrong")
    old = tmp_path / "a/2.jpg/upscale.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    result = env.run("get", "a/", "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "a/2.jpg/upscale.png: its content is not what its manifest says" in result.stderr
    assert old.read_bytes() == b"old"
    assert (tmp_path / "a/1.jpg/upscale.png").read_bytes() == b"right"
    assert not list(tmp_path.rglob("*.part"))


def test_get_names_files_by_a_template(env: MotoEnvironment, tmp_path: Path) -> None:
    """Of the photo, the label, the number and the metadata; the extension is the result's."""
    order = Order("upscale", CHOICES, keys={"image": ("a/1.jpg",)}, metadata={"sku": "A/113"})
    add(env, "a/1.jpg.json", b"one", order=order)
    assert set(outcomes(env, tmp_path, "--name", "{metadata.sku}-{stem}-{ext}-{label}")) == {
        "A_113-1-jpg-upscale.png"
    }
    add(env, "a/b/2.jpg.json", b"two", b"three", order=order)
    assert set(outcomes(env, tmp_path, "--name", "{folder}/{stem}")) == {
        "a/1.png",
        "a/b/2-1.png",
        "a/b/2-2.png",
    }
    assert "a/2_2.png" in outcomes(env, tmp_path, "--name", "a/{stem}_{n}")


def test_folder_of_a_photo_in_the_root_is_left_out_of_the_template(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """With its slash, as in `output.name`."""
    add(env, "1.jpg.json", b"one")
    result = env.run("get", "1.jpg", "--out", str(tmp_path), "--name", "{folder}/{stem}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "1.png").read_bytes() == b"one"


def test_placeholders_are_those_of_output_name(env: MotoEnvironment, tmp_path: Path) -> None:
    """So a name can be tried here and written into a spec."""
    order = Order("upscale", CHOICES, keys={"image": ("a/1.jpg",)})
    add(env, "a/1.jpg.json", b"one", order=order)
    template = "".join(f"{{{name}}}." for name in PLACEHOLDERS if name != "metadata.FIELD")
    assert set(outcomes(env, tmp_path, "--name", template)) == {"1.jpg.upscale.a.1..png"}


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{sku}", "there is no '{sku}'. Known are {stem}"),
        ("{stam}", "Did you mean 'stem'?"),
        ("{stem", "a brace belongs to a placeholder"),
        ("{metadata.sku}", ".jpg.json: --name has {metadata.sku}, and 'metadata' has no 'sku'"),
        ("same", "/upscale.png' would both become"),
        ("../{stem}", "'.' and '..' cannot be used"),
        ("/etc/{stem}", "is not a file name below"),
    ],
)
def test_template_that_cannot_work_saves_nothing(
    env: MotoEnvironment, tmp_path: Path, template: str, sentence: str
) -> None:
    """It is said before the first file."""
    for number in (1, 2):
        add(env, f"a/{number}.jpg.json", b"x")
    result = env.run("get", "a/", "--out", str(tmp_path), "--name", template)
    assert result.exit_code in (1, 2)
    assert sentence in result.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_get_takes_filters_and_an_unknown_name_is_an_error(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """A failed task has its manifest only."""
    add(env, "a/1.jpg.json", b"one")
    failed = env.add_task("a/2.jpg.json", "failed")
    manifest = json.dumps({"run": 1, "task_id": failed.task_id}).encode()
    env.target.s3.put_object(Bucket=OUTPUT, Key=failed.manifest_key, Body=manifest)
    assert set(outcomes(env, tmp_path, "--state", "failed")) == {"a/2.jpg/upscale.manifest.json"}
    result = env.run("get", "none/", "--out", str(tmp_path))
    assert (result.exit_code, "no task found for 'none/'" in result.stderr) == (1, True)
