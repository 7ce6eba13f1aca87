"""A folder of photos and one `_darkroom.json`, dropped by the AWS CLI, to results on this disk.

The number of photos is small here; `make night` has 300.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from infra.cli.main import main
from infra.local import running_file
from infra.local.running_file import RunningEnvironment
from tests.e2e.environment_client import EnvironmentClient
from tests.e2e.photo_folders import draw, fill, sync

pytestmark = pytest.mark.e2e

PHOTOS: Final = int(os.environ.get("DARKROOM_TEST_PHOTOS", "24"))
TIMEOUT_S: Final = 60 + 3.0 * PHOTOS
END_TIMEOUT_S: Final = 120
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
    """Photos that all differ, and their default. The AWS CLI uploads by name: the default first."""
    return fill(tmp_path / "shop", range(PHOTOS), DEFAULT)


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


class Consumer:
    """A queue that a rule of its own on the stack's bus sends the ends of batches to."""

    def __init__(self, client: EnvironmentClient) -> None:
        self._client = client
        self._url = client.sqs.create_queue(QueueName="ends-of-batches")["QueueUrl"]
        pattern = {"source": ["darkroom"], "detail-type": ["Batch Finished"]}
        client.subscribe(self._url, "ends", pattern)

    def wait(self) -> dict[str, Any]:
        """Wait for the end of the folder's batch; what its event says."""
        until = time.monotonic() + END_TIMEOUT_S
        while True:
            for event in self.take():
                return event
            assert time.monotonic() < until, "the end of the batch was not announced"
            time.sleep(0.5)

    def take(self) -> list[dict[str, Any]]:
        """What was announced of the folder's batch, in a message or none."""
        answer = self._client.sqs.receive_message(QueueUrl=self._url)
        found = []
        for message in answer.get("Messages", []):
            self._client.sqs.delete_message(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
            )
            found.append(json.loads(message["Body"])["detail"])
        return [event for event in found if event["batch"]["name"] == FOLDER]


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


def test_a_night_of_photos_is_done_announced_and_fetched_once(
    client: EnvironmentClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each photo is one task and one charge, also when one of them is replaced the next day."""
    running = RunningEnvironment(client.endpoint_url, client.pid, client.outputs, client.sandboxes)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    out = tmp_path / "out"
    consumer = Consumer(client)
    charges, credits_before = client.charges(PROVIDER), client.credits(PROVIDER)

    sync(client, folder, FOLDER)
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

    end = get(out)
    assert saved(end).isdisjoint(middle)
    results = {f"night-done/photo-{number:03}.png" for number in range(PHOTOS)}
    assert set(end) == results | set(done)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file()} == set(
        end
    )
    first = consumer.wait()
    batch = read(client, BATCH_MANIFEST)
    check_batch(first, batch, revision=1, tasks=PHOTOS, spent=spent)
    assert {one["manifest"] for one in batch["tasks"]} == set(done)

    draw(PHOTOS).save(folder / "photo-000.png")
    os.utime(folder / "photo-000.png", (time.time() + 60,) * 2)
    sync(client, folder, FOLDER)
    changed = f"{FOLDER}photo-000.png/remove-background.manifest.json"
    assert wait_for_manifests(client, PHOTOS + 1) == {**done, changed: 2}
    new_id = read(client, changed)["task_id"]
    assert new_id not in {one["task_id"] for one in found}
    assert client.charges(PROVIDER) == charges + PHOTOS + 1
    assert saved(get(out)) == {changed, "night-done/photo-000.png"}
    second = consumer.wait()
    again = read(client, BATCH_MANIFEST)
    spent = client.credits(PROVIDER) - credits_before
    check_batch(second, again, revision=2, tasks=PHOTOS + 1, spent=spent)
    assert second["event_id"] != first["event_id"]
    ids = [{one["task_id"] for one in each["tasks"]} for each in (batch, again)]
    assert ids[1] - ids[0] == {new_id}
    assert ids[0] < ids[1]
    assert consumer.take() == []
    assert client.versions(BATCH_MANIFEST) == 2


def check_batch(
    event: dict[str, Any], manifest: dict[str, Any], *, revision: int, tasks: int, spent: float
) -> None:
    """Event and manifest say the same; the counts are right, and the cost is the ledger's."""
    assert event["manifest"] == BATCH_MANIFEST
    for each in (event, manifest):
        assert (each["ended_by"], each["revision"]) == ("expect", revision)
        assert each["counts"] == {"tasks": tasks, "sources": PHOTOS, "succeeded": tasks}
        assert each["failures"] == {}
        assert each["cost"]["by_provider"].keys() == {PROVIDER}
        assert each["cost"]["by_provider"][PROVIDER]["credits"] == pytest.approx(spent)
        assert each["cost"]["complete"]
    assert event["digest"] == manifest["digest"]
    assert len(manifest["tasks"]) == tasks
