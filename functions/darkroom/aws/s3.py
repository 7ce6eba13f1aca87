"""The input and output buckets on S3.

A version is S3's version id, or `etag:<ETag>` for an object in a bucket without versioning.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from darkroom.aws.client_errors import code_of, translated
from darkroom.domain.errors import Conflict, InputRefused, InputWithheld
from darkroom.ports import Found

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "the output bucket"
INPUTS = "the input bucket"
IN_MEMORY_BYTES = 1 << 20
"""Larger files go to disk while they are on their way."""
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "412", "PreconditionFailed"})
_RACED = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})
# A delete marker's version answers 405; an id that is none, 400.
_NO_SUCH_VERSION = _GONE | {"405", "MethodNotAllowed", "400", "InvalidArgument", "Bad Request"}
_FORBIDDEN = frozenset({"403", "AccessDenied"})
_ARCHIVED = "InvalidObjectState"
"""What S3 answers to a GET of an object that lies in an archive and has not been restored."""
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that are archives; of Intelligent-Tiering the HEAD's `ArchiveStatus` tells."""
_KMS = "KMS."
"""Begins the codes that S3 passes on from the key service, as of a key that is disabled."""
_ENCRYPTED = "InvalidRequest"
"""What S3 answers to a GET without the key that the object was encrypted with (S3 user guide,
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
            InputRefused: nobody but its uploader can read it (`input-unreadable`).
            InputWithheld: we may not read it as long as nobody changes that (`input-forbidden`).
        """
        try:
            with translated(INPUTS):
                head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            if code_of(error) == "400":
                self._explain(key)
            _judge(error, key)
            raise
        etag = head["ETag"].strip('"')
        return Found(
            key=key,
            version_id=version_of(head.get("VersionId"), etag),
            etag=etag,
            size=head["ContentLength"],
            withheld=_withheld(head, key),
            coming=_being_restored(head),
        )

    def read(self, key: str, version_id: str, limit: int) -> bytes | None:
        """See `ports.Inputs.read`; never reads more than `limit` + 1 bytes. Raises as `find`."""
        try:
            with translated(INPUTS):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=key, **_version(version_id)
                )
        except ClientError as error:
            if code_of(error) in _NO_SUCH_VERSION:
                return None
            _judge(error, key)
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > limit:
                raise InputRefused(
                    "spec-too-large",
                    f"{key.rsplit('/', 1)[-1]} has {answer['ContentLength']:,} bytes; a spec may "
                    f"have {limit:,}.",
                    "Put images and long texts into files of their own.",
                )
            return body.read()

    @property
    def public(self) -> bool:
        """See `ports.Inputs.public`."""
        host = urlsplit(self._client.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def link(self, key: str, version_id: str, lifetime_s: int) -> str:
        """See `ports.Inputs.link`; without versioning it is whatever the key holds by then."""
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
        """See `ports.Inputs.open`; memory stays below `IN_MEMORY_BYTES`."""
        try:
            with translated(INPUTS):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=key, **_version(version_id)
                )
        except ClientError as error:
            if code_of(error) in _NO_SUCH_VERSION:
                raise InputRefused(
                    "input-gone",
                    f"The version of {key} that this task is about was deleted.",
                    "Upload the file and the spec again.",
                ) from error
            _judge(error, key)
            raise
        with answer["Body"] as body, SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            shutil.copyfileobj(body, file, 1 << 18)
            file.seek(0)
            yield cast("BinaryIO", file)

    def _explain(self, key: str) -> None:
        """Raise what a GET says of an object: the answer to a HEAD has a status and no reason.

        A status of 400 may also mean that our own credentials have run out.
        """
        try:
            self._client.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            _judge(error, key)
            raise


class S3Outputs:
    """`ports.Outputs` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """See `ports.Outputs.put`; one PUT, so at most 5 GB."""
        with translated(BUCKET):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def put_over(
        self, key: str, body: BinaryIO | bytes, content_type: str, etag: str | None
    ) -> None:
        """See `ports.Outputs.put_over`; S3 guide, "Conditional requests": 412, and 409 for a race.

        With an ETag, 404 says that the object is gone.
        """
        expected: Any = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            with translated(BUCKET):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **expected
                )
        except ClientError as error:
            if code_of(error) in _GONE | _RACED:
                raise Conflict(f"Something else was written to {key}.") from error
            raise

    def find(self, key: str) -> str | None:
        """See `ports.Outputs.find`."""
        try:
            with translated(BUCKET):
                return self._client.head_object(Bucket=self._bucket, Key=key)["ETag"]
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise

    def get(self, key: str) -> bytes | None:
        """See `ports.Outputs.get`."""
        try:
            with translated(BUCKET):
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    return body.read()
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise


def version_of(version_id: str | None, etag: str) -> str:
    """The version as tasks know it; an unversioned object's id is absent or "null"."""
    return version_id if version_id and version_id != "null" else f"etag:{etag}"


def _judge(error: ClientError, key: str) -> None:
    """Raise what it means that S3 does not show an object which is there, if it means that."""
    code = code_of(error)
    if code == _ENCRYPTED:
        raise _unreadable(key) from error
    if code == _ARCHIVED:
        sentence, next_step = _archived(key)
        raise InputWithheld("input-archived", sentence, next_step, announced=True) from error
    if code in _FORBIDDEN or code.startswith(_KMS):
        raise InputWithheld(
            "input-forbidden",
            f"S3 does not let Darkroom read {key}: its encryption key or the bucket's policy "
            "forbids it.",
            "Let Darkroom's functions use the key (kms:Decrypt) and read the bucket; it is tried "
            "again.",
        ) from error


def _withheld(head: Mapping[str, Any], key: str) -> str:
    """Why a GET of the object would be refused, as far as its HEAD tells; else ""."""
    in_archive = head.get("StorageClass") in ARCHIVES or bool(head.get("ArchiveStatus"))
    if not in_archive or 'ongoing-request="false"' in head.get("Restore", ""):
        return ""
    if _being_restored(head):
        return f"{key} is being restored from its archive."
    return " ".join(_archived(key))


def _being_restored(head: Mapping[str, Any]) -> bool:
    return 'ongoing-request="true"' in head.get("Restore", "")


def _archived(key: str) -> tuple[str, str]:
    return (
        f"{key} lies in an archive of S3, which does not give it.",
        (
            "Restore it (`aws s3api restore-object`), or upload it again in another storage class; "
            "then it goes on by itself."
        ),
    )


def _unreadable(key: str) -> InputRefused:
    return InputRefused(
        "input-unreadable",
        f"{key} is encrypted with a key of its uploader's own (SSE-C), so nobody else can read it.",
        "Upload it without a key of your own, then upload the spec again.",
    )


def _version(version_id: str) -> dict[str, Any]:
    if version_id.startswith("etag:"):
        return {"IfMatch": version_id.removeprefix("etag:")}
    return {"VersionId": version_id}
