"""`sync.Buckets` on S3; errors of AWS become `OSError`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.order import Trigger
from infra.cli.files.upload import upload, upload_spec
from infra.cli.target import Target


class S3Buckets:
    """The buckets of an environment."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def upload(self, path: Path, key: str) -> str:
        """See `sync.Buckets.upload`."""
        with _aws_errors_as_os_error():
            return upload_spec(self._target, key, path).task_id

    def upload_photo(self, path: Path, key: str, labels: Sequence[str | None]) -> Sequence[str]:
        """See `sync.Buckets.upload_photo`."""
        with _aws_errors_as_os_error():
            version = upload(self._target, key, path)
        bucket = self._target.input_bucket
        return [Trigger.of_photo(bucket, key, version, label).task_id for label in labels]

    def missing_inputs(self, task_id: str) -> Sequence[str] | None:
        """See `sync.Buckets.missing_inputs`; only a waiting task has any."""
        with _aws_errors_as_os_error():
            task = self._target.tasks.get(task_id)
            if task is None or task.state != "waiting":
                return None if task is None else ()
            return [key for key in task.wants if not self._exists(key)]

    def _exists(self, key: str) -> bool:
        listing = self._target.s3.list_objects_v2(
            Bucket=self._target.input_bucket, Prefix=key, MaxKeys=1
        )
        return any(one["Key"] == key for one in listing.get("Contents", []))

    def list_results(self) -> Mapping[str, str]:
        """See `sync.Buckets.list_results`; the version is the ETag and the time."""
        pages = self._target.s3.get_paginator("list_objects_v2")
        with _aws_errors_as_os_error():
            return {
                one["Key"]: f"{one['ETag']} {one['LastModified'].isoformat()}"
                for page in pages.paginate(Bucket=self._target.output_bucket)
                for one in page.get("Contents", [])
            }

    def download(self, key: str, path: Path) -> None:
        """See `sync.Buckets.download`."""
        with _aws_errors_as_os_error():
            self._target.s3.download_file(self._target.output_bucket, key, str(path))


@contextmanager
def _aws_errors_as_os_error() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        raise OSError(str(error)) from error
