"""A folder of photos and one `_darkroom.json`, dropped by the AWS CLI, to results on this disk.

The number of photos is small here; `make night` has 300, and waits for the end of the batch, which
is announced some minutes after its last task.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from PIL import Image

from infra.cli.main import main
from infra.local import running_file
from infra.local.running_file import RunningEnvironment
from tests.e2e.environment_client import REGION, EnvironmentClient

pytestmark = pytest.mark.e2e

PHOTOS: Final = int(os.environ.get("DARKROOM_TEST_PHOTOS", "60"))
WHOLE_NIGHT: Final = PHOTOS >= 300
TIMEOUT_S: Final = 60 + 3.0 * PHOTOS
END_TIMEOUT_S: Final = 600
FOLDER: Final = "night/"
BATCH_MANIFEST: Final = f"{FOLDER}_darkroom.batch.manifest.json"
PROVIDER: Final = "apiframe"
DEFAULT: Final = {
    "operation": "remove-background",
    "provider": PROVIDER,
    "settle_s": 2,
    "expect": PHOTOS,
    "output": {"name": "{stem}", "folder": "/night-done"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small photos that all differ. The AWS CLI uploads by name, and the folder default first."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "_darkroom.json").write_text(json.dumps(DEFAULT))
    for number in range(PHOTOS):
        draw(number).save(folder / f"photo-{number:03}.png")
    return folder


def draw(number: int) -> Image.Image:
    """A photo of 64 x 48 that no other number has."""
    return Image.new("RGB", (64, 48), (number % 256, 80 + number // 256, 120))


def sync(client: EnvironmentClient, folder: Path) -> None:
    """Upload what is new or changed, as users do without Darkroom's own command."""
    bucket = client.outputs["InputBucket"]
    command = [sys.executable, "-m", "awscli", "--endpoint-url", client.endpoint_url]
    subprocess.run(
        [*command, "s3", "sync", "--quiet", str(folder), f"s3://{bucket}/{FOLDER}"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder.parent),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
        },
        check=True,
    )


def get(out: Path) -> dict[str, str]:
    """`darkroom get`: the key of each file -> whether it was saved or there already."""
    said = CliRunner().invoke(main, ["get", FOLDER, "--out", str(out), "--json"])
    assert said.exit_code == 0, said.output
    return {row["key"]: row["outcome"] for row in json.loads(said.stdout)}


def manifests(client: EnvironmentClient) -> dict[str, int]:
    """The key of each manifest -> how many versions it has."""
    found: dict[str, int] = {}
    pages = client.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=client.outputs["OutputBucket"], Prefix=FOLDER):
        for version in page.get("Versions", []):
            found[version["Key"]] = found.get(version["Key"], 0) + 1
    return {
        key: count
        for key, count in found.items()
        if key.endswith(".manifest.json") and key != BATCH_MANIFEST
    }


def wait_for_end(client: EnvironmentClient) -> dict[str, Any]:
    """Wait until the end of the batch is announced; its manifest."""
    until = time.monotonic() + END_TIMEOUT_S
    while not client.s3.list_objects_v2(
        Bucket=client.outputs["OutputBucket"], Prefix=BATCH_MANIFEST
    )["KeyCount"]:
        assert time.monotonic() < until, "the end of the batch was not announced"
        time.sleep(5)
    return read(client, BATCH_MANIFEST)


def wait_for_manifests(client: EnvironmentClient, count: int) -> dict[str, int]:
    """Wait until there are so many versions of manifests."""
    until = time.monotonic() + TIMEOUT_S
    while sum((found := manifests(client)).values()) < count:
        assert time.monotonic() < until, f"{len(found)} of {count} manifests"
        time.sleep(1)
    return found


def read(client: EnvironmentClient, key: str) -> dict[str, Any]:
    """An object of the output bucket that is JSON."""
    answer = client.s3.get_object(Bucket=client.outputs["OutputBucket"], Key=key)
    document: dict[str, Any] = json.loads(answer["Body"].read())
    return document


def saved(outcomes: dict[str, str]) -> set[str]:
    """The keys of the files that were not there yet."""
    return {key for key, outcome in outcomes.items() if outcome == "saved"}


def test_a_night_of_photos_is_done_and_fetched_once(
    client: EnvironmentClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each photo is one task and one charge, also when one of them is replaced the next day."""
    running = RunningEnvironment(client.endpoint_url, client.pid, client.outputs, client.sandboxes)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    out = tmp_path / "out"
    charges, credits_before = client.charges(PROVIDER), client.credits(PROVIDER)

    sync(client, folder)
    wait_for_manifests(client, PHOTOS // 4)
    middle = get(out)
    assert saved(middle) == set(middle)
    done = wait_for_manifests(client, PHOTOS)
    found = [read(client, key) for key in done]
    photos = {f"{FOLDER}photo-{number:03}.png" for number in range(PHOTOS)}
    assert {(one["status"], one["source"]) for one in found} == {("succeeded", p) for p in photos}
    assert len({one["task_id"] for one in found}) == len(done) == PHOTOS
    assert set(done.values()) == {1}
    assert client.charges(PROVIDER) == charges + PHOTOS
    spent = client.credits(PROVIDER) - credits_before
    assert sum(one["cost"]["credits"] for one in found) == pytest.approx(spent)
    if WHOLE_NIGHT:
        batch = wait_for_end(client)
        assert (batch["ended_by"], batch["revision"]) == ("expect", 1)
        assert {one["manifest"] for one in batch["tasks"]} == set(done)
        assert batch["counts"] == {"tasks": PHOTOS, "sources": PHOTOS, "succeeded": PHOTOS}
        assert batch["cost"]["by_provider"][PROVIDER]["credits"] == pytest.approx(spent)

    end = get(out)
    assert saved(end).isdisjoint(middle)
    results = {f"night-done/photo-{number:03}.png" for number in range(PHOTOS)}
    assert set(end) == results | set(done)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file()} == set(
        end
    )

    draw(PHOTOS).save(folder / "photo-000.png")
    os.utime(folder / "photo-000.png", (time.time() + 60,) * 2)
    sync(client, folder)
    changed = f"{FOLDER}photo-000.png/remove-background.manifest.json"
    assert wait_for_manifests(client, PHOTOS + 1) == {**done, changed: 2}
    assert read(client, changed)["task_id"] not in {one["task_id"] for one in found}
    assert client.charges(PROVIDER) == charges + PHOTOS + 1
    assert saved(get(out)) == {changed, "night-done/photo-000.png"}
