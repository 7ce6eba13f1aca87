"""The input and output buckets on S3.

A version is S3's version id, or `etag:<ETag>` for an object in a bucket without versioning.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from darkroom.aws.client_errors import code_of, map_aws_errors
from darkroom.domain.errors import Conflict, InputRefused, InputWithheld
from darkroom.ports import Current, Found

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OUTPUT_BUCKET = "the output bucket"
INPUT_BUCKET = "the input bucket"
MAX_IN_MEMORY_BYTES = 1 << 20
"""Larger files are buffered on disk while they are copied."""
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "412", "PreconditionFailed"})
_CONFLICT = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})
# S3 answers 405 for a delete marker's version and 400 for an invalid version id.
_NO_SUCH_VERSION = _GONE | {"405", "MethodNotAllowed", "400", "InvalidArgument", "Bad Request"}
_FORBIDDEN = frozenset({"403", "AccessDenied"})
_ARCHIVED = "InvalidObjectState"
"""The code of a GET of an object that is archived and not restored."""
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that are archives; for Intelligent-Tiering the HEAD has an `ArchiveStatus`."""
WISH = "darkroom"
"""Metadata of an input that says what its uploader wants: "hold" or "approved"."""
_WRITER = "darkroom-task"
"""The name of the metadata that holds an object's writer."""
_KMS = "KMS."
"""Prefix of the codes that S3 passes on from KMS, for example for a disabled key."""
_ENCRYPTED = "InvalidRequest"
"""The code of a GET without the customer key that encrypts the object (S3 user guide,
"Using server-side encryption with customer-provided keys")."""


class S3Inputs:
    """`ports.Inputs` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def find(self, key: str) -> Found | None:
        """See `ports.Inputs.find`.

        Raises:
            InputRefused: only its uploader can read it (`input-unreadable`).
            InputWithheld: Darkroom lacks the right to read it (`input-forbidden`).
        """
        try:
            with map_aws_errors(INPUT_BUCKET):
                head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            if code_of(error) == "400":
                self._raise_reason(key)
            _raise_if_unreadable(error, key)
            raise
        etag = head["ETag"].strip('"')
        return Found(
            key=key,
            version_id=version_of(head.get("VersionId"), etag),
            etag=etag,
            size=head["ContentLength"],
            withheld=_withheld(head, key),
            coming=_being_restored(head),
            modified_at=head.get("LastModified"),
            wish=str(head.get("Metadata", {}).get(WISH, "")),
        )

    def read(self, key: str, version_id: str, limit: int) -> bytes | None:
        """See `ports.Inputs.read`; never reads more than `limit` + 1 bytes. Raises as `find`."""
        try:
            with map_aws_errors(INPUT_BUCKET):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=key, **_version(version_id)
                )
        except ClientError as error:
            if code_of(error) in _NO_SUCH_VERSION:
                return None
            _raise_if_unreadable(error, key)
            raise
        with answer["Body"] as body:
            _check_length(key, answer["ContentLength"], limit)
            return body.read()

    def read_each(
        self, keys: Sequence[str], limit: int
    ) -> Sequence[Current | InputRefused | InputWithheld | None]:
        """See `ports.Inputs.read_each`; a GET for each key, in threads of their own.

        So a few GETs take little longer than one. boto3's clients may be shared between threads.
        """

        def read(key: str) -> Current | InputRefused | InputWithheld | None:
            try:
                return self._read_current(key, limit)
            except (InputRefused, InputWithheld) as error:
                return error

        if len(keys) == 1:
            return [read(keys[0])]
        with ThreadPoolExecutor(len(keys)) as pool:
            return list(pool.map(read, keys))

    def list_keys(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        """See `ports.Inputs.list_keys`; one ListObjectsV2, strongly consistent."""
        with map_aws_errors(INPUT_BUCKET):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=most
            )
        return [item["Key"] for item in answer.get("Contents", ())]

    def list_recent(self, prefix: str, since: datetime) -> Iterator[str]:
        """See `ports.Inputs.list_recent`; one ListObjectsV2 for each 1,000 keys of the prefix.

        S3 has whole seconds: what was written in the same second counts.
        """
        pages = self._client.get_paginator("list_objects_v2")
        with map_aws_errors(INPUT_BUCKET):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    if item["LastModified"] >= since.replace(microsecond=0):
                        yield item["Key"]

    @property
    def public(self) -> bool:
        """See `ports.Inputs.public`."""
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def link(self, key: str, version_id: str, lifetime_s: int) -> str:
        """See `ports.Inputs.link`; without versioning it gives the object of that moment."""
        version = _version(version_id)
        version.pop("IfMatch", None)
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, **version},
            ExpiresIn=lifetime_s,
            HttpMethod="GET",
        )

    @contextmanager
    def open(self, key: str, version_id: str) -> Iterator[BinaryIO]:
        """See `ports.Inputs.open`; memory stays below `MAX_IN_MEMORY_BYTES`."""
        try:
            with map_aws_errors(INPUT_BUCKET):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=key, **_version(version_id)
                )
        except ClientError as error:
            if code_of(error) in _NO_SUCH_VERSION:
                raise InputRefused(
                    "input-gone",
                    f"The version of {key} that this task uses was deleted.",
                    "Upload the file again.",
                ) from error
            _raise_if_unreadable(error, key)
            raise
        with answer["Body"] as body, SpooledTemporaryFile(MAX_IN_MEMORY_BYTES) as file:
            shutil.copyfileobj(body, file, 1 << 18)
            file.seek(0)
            yield cast("BinaryIO", file)

    def _read_current(self, key: str, limit: int) -> Current | None:
        """One GET, strongly consistent. Raises as `read`."""
        try:
            with map_aws_errors(INPUT_BUCKET):
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            _raise_if_unreadable(error, key)
            raise
        version = version_of(answer.get("VersionId"), answer["ETag"].strip('"'))
        with answer["Body"] as body:
            _check_length(key, answer["ContentLength"], limit)
            return Current(version, body.read())

    def _raise_reason(self, key: str) -> None:
        """Raise the reason that a GET gives: a HEAD has a status and no error code.

        A status of 400 may also mean that the function's own credentials have expired.
        """
        try:
            self._client.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            _raise_if_unreadable(error, key)
            raise


class S3Outputs:
    """`ports.Outputs` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """See `ports.Outputs.put`; one PUT, so at most 5 GB."""
        with map_aws_errors(OUTPUT_BUCKET):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def put_over(
        self,
        key: str,
        body: BinaryIO | bytes,
        content_type: str,
        etag: str | None,
        writer: str = "",
    ) -> None:
        """See `ports.Outputs.put_over`; S3 guide, "Conditional requests": 412, and 409 for a race.

        With an ETag, 404 means that the object was deleted.
        """
        more: Any = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        if writer:
            more["Metadata"] = {_WRITER: writer}
        try:
            with map_aws_errors(OUTPUT_BUCKET):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **more
                )
        except ClientError as error:
            if code_of(error) in _GONE | _CONFLICT:
                raise Conflict(f"Something else was written to {key}.") from error
            raise

    def find(self, key: str) -> str | None:
        """See `ports.Outputs.find`."""
        head = self._head(key)
        return None if head is None else str(head["ETag"])

    def writer(self, key: str) -> str:
        """See `ports.Outputs.writer`."""
        head = self._head(key)
        return "" if head is None else str(head.get("Metadata", {}).get(_WRITER, ""))

    def get(self, key: str) -> bytes | None:
        """See `ports.Outputs.get`."""
        try:
            with map_aws_errors(OUTPUT_BUCKET):
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    return body.read()
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            with map_aws_errors(OUTPUT_BUCKET):
                return self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise

    def list_etags(self, prefix: str, after: str, most: int) -> Sequence[tuple[str, str]]:
        """See `ports.Outputs.list_etags`; one ListObjectsV2, strongly consistent."""
        with map_aws_errors(OUTPUT_BUCKET):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=most
            )
        return [(item["Key"], item["ETag"].strip('"')) for item in answer.get("Contents", ())]


def version_of(version_id: str | None, etag: str) -> str:
    """The version as tasks store it; an unversioned object has no version id, or "null"."""
    return version_id if version_id and version_id != "null" else f"etag:{etag}"


def _check_length(key: str, size: int, limit: int) -> None:
    if size > limit:
        raise InputRefused(
            "spec-too-large",
            f"{key.rsplit('/', 1)[-1]} has {size:,} bytes; a spec may have {limit:,}.",
            "Put images and long texts into separate files.",
        )


def _raise_if_unreadable(error: ClientError, key: str) -> None:
    """Raise if S3 refused an object that exists: encrypted, archived or forbidden."""
    code = code_of(error)
    if code == _ENCRYPTED:
        raise _unreadable(key) from error
    if code == _ARCHIVED:
        sentence, next_step = _archived_failure(key)
        raise InputWithheld("input-archived", sentence, next_step, announced=True) from error
    if code in _FORBIDDEN or code.startswith(_KMS):
        raise InputWithheld(
            "input-forbidden",
            f"S3 does not let Darkroom read {key}: its encryption key or the bucket's policy "
            "forbids it.",
            "Let Darkroom's functions use the key (kms:Decrypt) and read the bucket.",
        ) from error


def _withheld(head: Mapping[str, Any], key: str) -> str:
    """Why S3 would refuse a GET of the object, as far as its HEAD shows; else ""."""
    in_archive = head.get("StorageClass") in ARCHIVES or bool(head.get("ArchiveStatus"))
    if not in_archive or 'ongoing-request="false"' in head.get("Restore", ""):
        return ""
    if _being_restored(head):
        return f"{key} is being restored from its archive."
    return " ".join(_archived_failure(key))


def _being_restored(head: Mapping[str, Any]) -> bool:
    return 'ongoing-request="true"' in head.get("Restore", "")


def _archived_failure(key: str) -> tuple[str, str]:
    return (
        f"{key} is archived in S3 and cannot be read.",
        (
            "Restore it (`aws s3api restore-object`), or upload it again in another storage class; "
            "then the task continues automatically."
        ),
    )


def _unreadable(key: str) -> InputRefused:
    return InputRefused(
        "input-unreadable",
        f"{key} is encrypted with its uploader's own key (SSE-C), so Darkroom cannot read it.",
        "Upload it without such a key.",
    )


def _version(version_id: str) -> dict[str, Any]:
    if version_id.startswith("etag:"):
        return {"IfMatch": version_id.removeprefix("etag:")}
    return {"VersionId": version_id}
