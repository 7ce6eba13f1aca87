"""Uploads photos and specs, and names the task that a spec's upload makes."""

import io
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.domain.order import Trigger

if TYPE_CHECKING:
    from infra.cli.target import Target


@dataclass(frozen=True)
class UploadedSpec:
    """A spec in the input bucket, and the id of the task that it makes.

    Attributes:
        trigger: of a photo under a folder default; its key is that of the spec that it lacks.
    """

    key: str
    task_id: str
    trigger: Trigger | None = None


def upload(target: "Target", key: str, body: bytes | Path) -> str:
    """Put bytes or a file into the input bucket; its version, as task ids are made of it."""
    from darkroom.aws.s3 import version_of  # noqa: PLC0415 - brings boto3 along

    content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
    with body.open("rb") if isinstance(body, Path) else io.BytesIO(body) as file:
        response = target.s3.put_object(
            Bucket=target.input_bucket, Key=key, Body=file, ContentType=content_type
        )
    return version_of(response.get("VersionId"), response["ETag"].strip('"'))


def upload_spec(target: "Target", key: str, body: bytes | Path) -> UploadedSpec:
    """Put a spec into the input bucket; its task exists a moment later."""
    version = upload(target, key, body)
    return UploadedSpec(key, Trigger("upload", target.input_bucket, key, version).task_id)
