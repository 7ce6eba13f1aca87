"""Uploads a plan in several threads, without what is in the bucket already.

A file is there if the object under its key has the same bytes. A spec is there if it has the same
bytes, a task was made of it, and none of its files was uploaded now: so the same command twice pays
once.
"""

import hashlib
import mimetypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from darkroom.domain.order import Trigger
from infra.cli.files.upload import UploadedSpec, upload_spec

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
        specs: every spec of the plan, with its task.
        files: how many files were uploaded.
        there: how many files were in the bucket already.
        known: the ids of the tasks that were there already.
    """

    specs: list[UploadedSpec]
    files: int
    there: int
    known: frozenset[str]


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

    def run(self) -> Uploaded:
        """Upload the files, and then the specs."""
        plan = self._plan
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                changed = dict(zip(plan.files, pool.map(self._upload, plan.files), strict=True))
                there = dict(zip(plan.specs, pool.map(self._find_spec, plan.specs), strict=True))
                known = self._with_tasks(there, {key for key, new in changed.items() if new})
                specs = list(
                    pool.map(lambda key: known.get(key) or self._put_spec(key), plan.specs)
                )
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        new = sum(changed.values())
        ids = frozenset(spec.task_id for spec in known.values())
        return Uploaded(specs, new, len(changed) - new, ids)

    def _upload(self, key: str) -> bool:
        """Upload a file; whether that was needed."""
        path = self._plan.files[key]
        size = path.stat().st_size
        head = None if self._again else self._head(key)
        if head and head["ContentLength"] == size and head["ETag"].strip('"') == etag_of(path):
            self._sent(size)
            return False
        self._began(key, path)
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - slow to import

        config = TransferConfig(
            multipart_threshold=PART_BYTES + 1, multipart_chunksize=PART_BYTES, use_threads=False
        )
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        self._target.s3.upload_file(
            str(path),
            self._target.input_bucket,
            key,
            ExtraArgs={"ContentType": kind},
            Callback=self._sent,
            Config=config,
        )
        return True

    def _find_spec(self, key: str) -> "tuple[UploadedSpec, bool] | None":
        """The spec in the bucket with the same bytes, and whether it was uploaded lately."""
        head = None if self._again else self._head(key)
        digest = hashlib.md5(self._plan.specs[key], usedforsecurity=False).hexdigest()
        if head is None or head["ETag"].strip('"') != digest:
            return None
        from darkroom.aws.s3 import version_of  # noqa: PLC0415 - brings boto3 along

        version = version_of(head.get("VersionId"), digest)
        trigger = Trigger("upload", self._target.input_bucket, key, version)
        lately = head["LastModified"] > datetime.now(UTC) - READ_WITHIN
        return UploadedSpec(key, trigger.task_id), lately

    def _with_tasks(
        self, there: "dict[str, tuple[UploadedSpec, bool] | None]", changed: set[str]
    ) -> dict[str, UploadedSpec]:
        """The specs that need no upload: their task exists, or will in a moment."""
        found = {
            key: each
            for key, each in there.items()
            if each and changed.isdisjoint(self._plan.inputs.get(key, ()))
        }
        tasks = self._target.tasks.get_many(spec.task_id for spec, _ in found.values())
        made = {task.task_id for task in tasks}
        return {
            key: spec for key, (spec, lately) in found.items() if lately or spec.task_id in made
        }

    def _put_spec(self, key: str) -> UploadedSpec:
        return upload_spec(self._target, key, self._plan.specs[key])

    def _head(self, key: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

        try:
            return dict(self._target.s3.head_object(Bucket=self._target.input_bucket, Key=key))
        except ClientError as error:
            # Without the right to list, S3 answers 403 for a key that is not there.
            if error.response["Error"]["Code"] in NOT_FOUND | {"403"}:
                return None
            raise


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
