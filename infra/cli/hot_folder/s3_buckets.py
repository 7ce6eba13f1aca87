"""The buckets of an environment as `HotFolder` uses them; AWS's errors become `OSError`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.files.upload import upload_spec
from infra.cli.target import Target


class TargetBuckets:
    """`hotfolder.Buckets` on S3."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def send(self, path: Path, key: str) -> str:
        """See `hotfolder.Buckets.send`."""
        with _as_os_error():
            return upload_spec(self._target, key, path).task_id

    def missing(self, task_id: str) -> Sequence[str] | None:
        """See `hotfolder.Buckets.missing`; only a waiting task misses anything."""
        with _as_os_error():
            task = self._target.tasks.get(task_id)
            if task is None or task.state != "waiting":
                return None if task is None else ()
            return [key for key in task.wants if not self._has(key)]

    def _has(self, key: str) -> bool:
        found = self._target.s3.list_objects_v2(
            Bucket=self._target.input_bucket, Prefix=key, MaxKeys=1
        )
        return any(one["Key"] == key for one in found.get("Contents", []))

    def listing(self) -> Mapping[str, str]:
        """See `hotfolder.Buckets.listing`; the version is the ETag and the time."""
        pages = self._target.s3.get_paginator("list_objects_v2")
        with _as_os_error():
            return {
                found["Key"]: f"{found['ETag']} {found['LastModified'].isoformat()}"
                for page in pages.paginate(Bucket=self._target.output_bucket)
                for found in page.get("Contents", [])
            }

    def bring(self, key: str, path: Path) -> None:
        """See `hotfolder.Buckets.bring`."""
        with _as_os_error():
            self._target.s3.download_file(self._target.output_bucket, key, str(path))


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        raise OSError(str(error)) from error
