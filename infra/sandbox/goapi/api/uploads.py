"""GoAPI's `POST /api/ephemeral_resource`: base64 becomes a URL that is valid for a day.

Rules from "File Upload API" (piapi.ai/docs/tools/file-upload). The vendor runs it on another host;
here it is the same server.
"""

import base64
import binascii
import json
import uuid

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import success_response
from infra.sandbox.provider import RefusalError

LIFETIME_S = 24 * 3600.0
MAX_BYTES = 10 * 1024 * 1024
MAX_NAME = 128
TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
}
# Other names of the same types in a `data:` prefix.
ALIASES = {"image/jpg": "image/jpeg", "audio/x-wav": "audio/wav", "audio/mp3": "audio/mpeg"}


def store_upload(ctx: RequestContext, state: SandboxState) -> Response:
    """Store a file for a day; 403 when the account's plan does not include uploads."""
    if not state.knobs["uploads_in_plan"]:
        raise RefusalError(403, "Insufficient plan level")
    name, data = _read_body(ctx)
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if len(name) > MAX_NAME or extension not in TYPES:
        raise RefusalError(400, "invalid file_name")
    content = _decode(data, TYPES[extension])
    if len(content) > MAX_BYTES:
        raise RefusalError(400, "file size exceeds 10MB")
    path = f"/ephemeral/{uuid.uuid4()}.{extension}"
    state.files.put(path, content, TYPES[extension], lifetime_s=LIFETIME_S)
    return success_response({"url": ctx.base_url + path})


def _read_body(ctx: RequestContext) -> tuple[str, str]:
    try:
        body = json.loads(ctx.request.get_data())
    except ValueError as exc:
        raise RefusalError(400, "invalid request body") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid request body")
    name, data = body.get("file_name"), body.get("file_data")
    if not (isinstance(name, str) and name and isinstance(data, str) and data):
        raise RefusalError(400, "file_name and file_data are required")
    return name, data


def _decode(data: str, mime: str) -> bytes:
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        declared = head.removeprefix("data:").partition(";")[0].lower()
        if ALIASES.get(declared, declared) != mime:
            raise RefusalError(400, "file type does not match file_name")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise RefusalError(400, "invalid file_data") from exc
    if not content:
        raise RefusalError(400, "invalid file_data")
    return content
