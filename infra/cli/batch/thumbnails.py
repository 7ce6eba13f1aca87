"""Small pictures of sources and results as data URIs, within limits of size, pixels and number."""

import base64
import io
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.target import Target

SIDE: Final = 160
MAX_BYTES: Final = 25 * 1024 * 1024
"""Of a picture that is downloaded for its thumbnail."""
MAX_PIXELS: Final = 100_000_000
QUALITY: Final = 70


def shrink(body: bytes) -> str | None:
    """A JPEG of at most 160 pixels a side as a data URI; None if it cannot be made."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - slow to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (SIDE, SIDE))
                small = ImageOps.exif_transpose(picture)
                small.thumbnail((SIDE, SIDE))
                with_alpha = small.convert("RGBA")
        ground = Image.new("RGBA", with_alpha.size, "#ddd")
        out = io.BytesIO()
        Image.alpha_composite(ground, with_alpha).convert("RGB").save(out, "JPEG", quality=QUALITY)
    except Exception:  # noqa: BLE001 - a picture that Pillow cannot read has no thumbnail
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def source_thumbnail(target: "Target", task: "Task") -> str | None:
    """Of the very version of the photo that the task was made for; None if it has none."""
    pinned = (file for files in task.order.inputs.values() for file in files) if task.order else ()
    file = next((file for file in pinned if file.key == task.source), None)
    if file is None or file.size > MAX_BYTES:
        return None
    body = _read(target, target.input_bucket, file.key, file.version_id)
    return shrink(body) if body else None


def result_thumbnail(target: "Target", task: "Task") -> str | None:
    """Of the first result that is a picture; None if there is none."""
    for result in task.results:
        if result.kind == "image" and result.size <= MAX_BYTES:
            body = _read(target, target.output_bucket, result.key, None)
            return shrink(body) if body else None
    return None


def _read(target: "Target", bucket: str, key: str, version: str | None) -> bytes | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    try:
        if version and version != "null":
            try:
                body = target.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"]
            except ClientError:
                # A bucket without versioning: the version is an ETag.
                body = target.s3.get_object(Bucket=bucket, Key=key)["Body"]
        else:
            body = target.s3.get_object(Bucket=bucket, Key=key)["Body"]
        return body.read(MAX_BYTES + 1)[:MAX_BYTES]
    except ClientError:
        return None
