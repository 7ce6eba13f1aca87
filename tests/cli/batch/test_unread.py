"""What lies in the input bucket without a task: which files count, and what it costs to know."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.domain.task_summary import TaskSummary
from infra.cli.batch.unread import LIST_EVERY, READ_WITHIN, Unread, UnreadFinder
from tests.cli.conftest import MotoEnvironment
from tests.fakes.moto_aws import INPUT

DEFAULT = {"operation": "upscale", "settle_s": 20}


@dataclass
class Bucket:
    """The input bucket, a finder on it, and the requests that were sent to S3."""

    env: MotoEnvironment
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    requests: list[str] = field(default_factory=list)

    def put(self, key: str, document: Any = "x") -> None:
        """Upload a file."""
        body = document if isinstance(document, str) else json.dumps(document)
        self.env.target.s3.put_object(Bucket=INPUT, Key=key, Body=body.encode())

    def finder(self, name: str) -> UnreadFinder:
        """A finder whose clock this is."""
        return UnreadFinder(self.env.target, name, lambda: self.now)

    def find(self, name: str, *tasks: TaskSummary) -> Unread:
        """What has no task."""
        return self.finder(name).find(tasks)


@pytest.fixture
def bucket(env: MotoEnvironment) -> Bucket:
    """A bucket with one folder default."""
    made = Bucket(env)
    made.put("a/_darkroom.json", DEFAULT)
    for client in (env.target.s3, env.target.ports.inputs._client):  # type: ignore[attr-defined] # counts requests
        for name in ("ListObjectsV2", "GetObject", "HeadObject"):
            client.meta.events.register(
                f"before-call.s3.{name}", lambda model, **_: made.requests.append(model.name)
            )
    return made


def task(key: str, created_at: datetime, state: Any = "succeeded") -> TaskSummary:
    """A task of a folder."""
    return TaskSummary("0" * 32, key, state, created_at)


def test_photo_settles_and_is_then_not_read_yet(bucket: Bucket) -> None:
    """After a quarter of an hour it is not expected to become a task any more."""
    bucket.put("a/1.jpg")
    assert bucket.find("a/") == Unread(settling=("a/1.jpg",))
    bucket.now += timedelta(seconds=25)
    assert bucket.find("a/") == Unread(late=("a/1.jpg",))
    bucket.now += READ_WITHIN
    assert bucket.find("a/") == Unread()


def test_only_photos_that_become_tasks_count(bucket: Bucket) -> None:
    """Not masks, nor photos with specs of their own, nor those of other folders."""
    for key in ("a/1.mask.png", "a/2.jpg", "a/2.jpg.json", "a/3.JPG", "b/4.jpg", "a/notes.txt"):
        bucket.put(key)
    bucket.put("a/3.jpg.thumb.json")
    assert bucket.find("") == Unread(
        late=(
            "a/2.jpg.json",
            "a/3.jpg.thumb.json",
        )
    )


def test_photo_with_a_task_counts_again_after_it_is_replaced(bucket: Bucket) -> None:
    """Its old task is older than the file."""
    bucket.put("a/1.jpg")
    done = task("a/1.jpg.json", bucket.now + timedelta(seconds=1))
    assert bucket.find("a/", done) == Unread()
    old = task("a/1.jpg.json", bucket.now - timedelta(hours=1))
    assert bucket.find("a/", old) == Unread(settling=("a/1.jpg",))


def test_photo_under_a_broken_default_counts(bucket: Bucket) -> None:
    """It becomes a task that waits for the correction."""
    bucket.put("a/b/_darkroom.json", "{")
    bucket.put("a/b/1.jpg")
    assert bucket.find("a/b/") == Unread(settling=("a/b/1.jpg",))


def test_name_is_a_photo_or_a_folder_with_or_without_photos_before_it(bucket: Bucket) -> None:
    """As for tasks."""
    bucket.put("photos/_darkroom.json", DEFAULT)
    for key in ("photos/a/1.jpg", "photos/a/10.jpg"):
        bucket.put(key)
    assert bucket.find("photos/a/1.jpg") == Unread(settling=("photos/a/1.jpg",))
    assert len(bucket.find("photos/a").settling) == 2
    assert bucket.find("0" * 32) == Unread()


def test_a_thousand_folders_cost_a_listing_and_a_get_for_each_default(bucket: Bucket) -> None:
    """And while tasks run the bucket is listed every ten seconds, not with each reading."""
    for number in range(12):
        bucket.put(f"a/{number}/1.jpg")
        bucket.put(f"a/{number}/2.jpg")
    bucket.requests.clear()
    running = task("a/x.jpg.json", bucket.now, "running")
    finder = bucket.finder("a/")
    assert len(finder.find([running]).settling) == 24
    assert sorted(bucket.requests) == ["GetObject", "GetObject", "ListObjectsV2"]
    bucket.requests.clear()
    one = task("a/0/1.jpg.json", bucket.now + timedelta(seconds=1))
    assert len(finder.find([running, one]).settling) == 23
    assert bucket.requests == []
    bucket.now += LIST_EVERY
    finder.find([running])
    assert sorted(bucket.requests) == ["GetObject", "ListObjectsV2"]


def test_before_the_end_the_bucket_is_always_listed(bucket: Bucket) -> None:
    """A batch must not end while a photo has just arrived."""
    finder = bucket.finder("a/")
    done = task("a/x.jpg.json", bucket.now)
    assert finder.find([done]) == Unread()
    bucket.put("a/1.jpg")
    assert finder.find([done]) == Unread(settling=("a/1.jpg",))
