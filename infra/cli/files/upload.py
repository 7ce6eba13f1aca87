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
class Placed:
    """A spec in the input bucket, and the task that it makes."""

    key: str
    task_id: str


def upload(target: "Target", key: str, body: bytes | Path) -> str:
    """Put bytes or a file into the input bucket; its version, as tasks know it."""
    from darkroom.aws.s3 import version_of  # noqa: PLC0415 - brings boto3 along

    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    with body.open("rb") if isinstance(body, Path) else io.BytesIO(body) as file:
        answer = target.s3.put_object(
            Bucket=target.input_bucket, Key=key, Body=file, ContentType=kind
        )
    return version_of(answer.get("VersionId"), answer["ETag"].strip('"'))


def upload_spec(target: "Target", key: str, body: bytes | Path) -> Placed:
    """Put a spec into the input bucket; its task will exist a moment later."""
    version = upload(target, key, body)
    return Placed(key, Trigger("upload", target.input_bucket, key, version).task_id)
