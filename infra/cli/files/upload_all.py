"""Uploads a plan in several threads, without what is in the bucket already.

A file is there if the object under its key has the same bytes. A spec is there if it has the same
bytes, a task was made of it, and none of its files was uploaded now: so the same command twice pays
once. The same holds for a photo that is what folder defaults say, without its spec.
"""

import hashlib
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from darkroom.domain.arrivals import PhotoErrand
from darkroom.domain.order import Trigger
from infra.cli.files.upload import UploadedSpec, upload, upload_spec

if TYPE_CHECKING:
    from infra.cli.files.upload_plan import UploadPlan
    from infra.cli.target import Target

THREADS: Final = 8
PART_BYTES: Final = 8 * 1024 * 1024
"""Larger files are uploaded in parts of this size; the ETag depends on it."""
READ_WITHIN: Final = timedelta(minutes=10)
"""A spec that was uploaded longer ago and has no task is uploaded again."""
NOT_FOUND: Final = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded.

    Attributes:
        specs: every spec of the plan, and every photo under a folder default, with its task.
        files: how many files were uploaded.
        there: how many files were in the bucket already.
        known: the ids of the tasks that were there already.
        defaults: the keys of the folder defaults that were uploaded.
    """

    specs: list[UploadedSpec]
    files: int
    there: int
    known: frozenset[str]
    defaults: Sequence[str] = ()


@dataclass(frozen=True)
class Present:
    """What of a plan is in the bucket already.

    Attributes:
        versions: file -> its version there; None for one that has to be uploaded.
        wishes: file -> the wish that its version has.
        specs: the specs whose task exists, or will in a moment.
        labels: photo -> those labels of its folder defaults whose tasks exist.
        held: how many of these tasks are held.
    """

    versions: Mapping[str, str | None]
    wishes: Mapping[str, str]
    specs: Mapping[str, UploadedSpec]
    labels: Mapping[str, frozenset[str | None]]
    held: int = 0

    def without(self, files: Iterable[str]) -> "Present":
        """With these files to be uploaded, although they are there."""
        return replace(self, versions={**self.versions, **dict.fromkeys(files)})


class PlanUpload:
    """The upload of one plan.

    Args:
        target: the environment.
        plan: what to upload.
        again: upload what is there too.
        began: called with each file that is uploaded.
        sent: called with the bytes that were sent, or need not be.
    """

    def __init__(
        self,
        target: "Target",
        plan: "UploadPlan",
        *,
        again: bool = False,
        began: Callable[[str, Path], None] = lambda _key, _path: None,
        sent: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        self._target, self._plan, self._again = target, plan, again
        self._began, self._sent = began, sent

    def find_present(self) -> Present:
        """What is in the bucket, and has its task: a HEAD for each file and spec."""
        plan = self._plan
        with ThreadPoolExecutor(THREADS) as pool:
            heads = dict(zip(plan.files, pool.map(self._find_file, plan.files), strict=True))
            there = dict(zip(plan.specs, pool.map(self._find_spec, plan.specs), strict=True))
        versions = {key: _version(head) if head else None for key, head in heads.items()}
        changed = {key for key, head in heads.items() if not head}
        found = {
            key: each
            for key, each in there.items()
            if each and changed.isdisjoint(plan.inputs.get(key, ()))
        }
        photos = {
            task.task_id: task
            for key in plan.photos
            if (version := versions.get(key))
            for task in self._tasks_of(key, version)
        }
        ids = [*photos, *(spec.task_id for spec, _ in found.values())]
        made = {task.task_id: task for task in self._target.tasks.get_many(ids)}
        labels: dict[str, set[str | None]] = {}
        for task_id in made.keys() & photos.keys():
            trigger = photos[task_id].trigger
            if trigger is not None and trigger.source is not None:
                labels.setdefault(trigger.source, set()).add(trigger.label)
        return Present(
            versions,
            {key: _wish(head) for key, head in heads.items() if head},
            {key: spec for key, (spec, lately) in found.items() if lately or spec.task_id in made},
            {photo: frozenset(each) for photo, each in labels.items()},
            sum(task.state == "held" for task in made.values()),
        )

    def run(self, present: Present | None = None) -> Uploaded:
        """Upload the folder defaults, then the files, each spec as soon as its files are there.

        Under a folder default a photo is uploaded after its own spec, so that it is never taken
        for one without. A photo that is to be held comes first, so that its spec's task finds the
        version that says so.

        Args:
            present: as `find_present` has found it; None to find it now.
        """
        plan = self._plan
        present = present or self.find_present()
        heads, known = present.versions, present.specs
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                defaults = [key for key in plan.defaults if self._put_default(key)]
                # They are started in this order, so none waits for one that is not started.
                files: dict[str, Future[str]] = {}
                begun: list[Future[UploadedSpec]] = []

                def send(key: str) -> None:
                    if key in heads and key not in files:
                        files[key] = pool.submit(self._put_file, key, heads[key])

                for key in plan.specs:
                    inputs = plan.inputs.get(key, ())
                    is_held = any(plan.wishes.get(each) == "hold" for each in inputs)
                    if is_held or not (plan.photos or plan.defaults):
                        for each in inputs:
                            send(each)
                        waits_for = [files[each] for each in inputs if each in files]
                    else:
                        waits_for = []
                    begun.append(pool.submit(self._put_spec, key, known.get(key), waits_for))
                for key in plan.files:
                    send(key)
                specs = [each.result() for each in begun]
                versions = {key: each.result() for key, each in files.items()}
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        there_already = sum(map(bool, heads.values()))
        photos = [task for key in plan.photos for task in self._tasks_of(key, versions[key])]
        ids = {spec.task_id for spec in known.values()}
        ids |= self._start_known(photos, {key for key, head in heads.items() if head})
        return Uploaded(
            [*specs, *photos],
            len(heads) - there_already,
            there_already,
            frozenset(ids),
            defaults,
        )

    def _find_file(self, key: str) -> dict[str, Any] | None:
        """The HEAD of the file in the bucket, if it has the same bytes."""
        path = self._plan.files[key]
        head = None if self._again else self._head(key)
        if head is None or head["ContentLength"] != path.stat().st_size:
            return None
        return head if head["ETag"].strip('"') == etag_of(path) else None

    def _put_file(self, key: str, version: str | None) -> str:
        """Upload a file unless its version is known; the version, or "" where none is needed."""
        path = self._plan.files[key]
        if version is not None:
            self._sent(path.stat().st_size)
            return version
        self._began(key, path)
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - slow to import

        from darkroom.aws.s3 import WISH  # noqa: PLC0415 - brings boto3 along

        config = TransferConfig(
            multipart_threshold=PART_BYTES + 1, multipart_chunksize=PART_BYTES, use_threads=False
        )
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        wish = self._plan.wishes.get(key)
        self._target.s3.upload_file(
            str(path),
            self._target.input_bucket,
            key,
            ExtraArgs={"ContentType": kind, **({"Metadata": {WISH: wish}} if wish else {})},
            Callback=self._sent,
            Config=config,
        )
        if not self._plan.photos.get(key):
            return ""
        # `upload_file` does not say the version.
        return _version(self._head(key) or {"ETag": etag_of(path)})

    def _put_default(self, key: str) -> bool:
        """Upload a folder default if it is new or changed, `--again` or not; whether it was."""
        path = self._plan.defaults[key]
        head = self._head(key)
        if head is not None and head["ETag"].strip('"') == etag_of(path):
            return False
        upload(self._target, key, path)
        return True

    def _tasks_of(self, photo: str, version: str) -> Iterator[UploadedSpec]:
        """The tasks that folder defaults make of a photo."""
        for label in self._plan.photos[photo]:
            trigger = Trigger.of_photo(self._target.input_bucket, photo, version, label)
            yield UploadedSpec(trigger.key, trigger.task_id, trigger)

    def _start_known(self, tasks: Sequence[UploadedSpec], there: set[str]) -> set[str]:
        """The ids of the photos' tasks that exist; the others of photos that are there are begun.

        Their upload is in the past, perhaps before there was a folder default. If it is not, this
        is the same task twice.
        """
        old = [task for task in tasks if task.trigger and task.trigger.source in there]
        made = {task.task_id for task in self._target.tasks.get_many(o.task_id for o in old)}
        lacking = {
            (task.trigger.source or "", task.trigger.version)
            for task in old
            if task.trigger and task.task_id not in made
        }
        if lacking:
            self._target.require_output("IntakeQueueUrl")
            errands = [PhotoErrand(*each).as_message() for each in sorted(lacking)]
            self._target.ports.errands.send(errands, self._plan.settle_s)
        return made

    def _find_spec(self, key: str) -> "tuple[UploadedSpec, bool] | None":
        """The spec in the bucket with the same bytes, and whether it was uploaded lately."""
        head = None if self._again else self._head(key)
        digest = hashlib.md5(self._plan.specs[key], usedforsecurity=False).hexdigest()
        if head is None or head["ETag"].strip('"') != digest:
            return None
        trigger = Trigger("upload", self._target.input_bucket, key, _version(head))
        lately = head["LastModified"] > datetime.now(UTC) - READ_WITHIN
        return UploadedSpec(key, trigger.task_id), lately

    def _put_spec(
        self, key: str, known: UploadedSpec | None, waits_for: "Sequence[Future[str]]"
    ) -> UploadedSpec:
        """Upload a spec after these files, unless it is known."""
        for file in waits_for:
            file.result()
        return known or upload_spec(self._target, key, self._plan.specs[key])

    def _head(self, key: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

        try:
            return dict(self._target.s3.head_object(Bucket=self._target.input_bucket, Key=key))
        except ClientError as error:
            # Without the right to list, S3 answers 403 for a key that is not there.
            if error.response["Error"]["Code"] in NOT_FOUND | {"403"}:
                return None
            raise


def _version(head: Mapping[str, Any]) -> str:
    """The version as tasks store it."""
    from darkroom.aws.s3 import version_of  # noqa: PLC0415 - brings boto3 along

    return version_of(head.get("VersionId"), head["ETag"].strip('"'))


def _wish(head: Mapping[str, Any]) -> str:
    """What the object's uploader wants; "" for nothing."""
    from darkroom.aws.s3 import WISH  # noqa: PLC0415 - brings boto3 along

    return str(head.get("Metadata", {}).get(WISH, ""))


def etag_of(path: Path) -> str:
    """The ETag that S3 gives to this file, as `PlanUpload` uploads it."""
    digests = [hashlib.md5(part, usedforsecurity=False) for part in _parts_of(path)]
    if len(digests) == 1:
        return digests[0].hexdigest()
    whole = hashlib.md5(b"".join(each.digest() for each in digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


def _parts_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield file.read(PART_BYTES)
        while part := file.read(PART_BYTES):
            yield part
