"""Responses that all sandboxes share: JSON and stored files; and the digest of a request."""

import hashlib
import json

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxRequest, SandboxState
from infra.sandbox.file_store import MissingFileError
from infra.sandbox.provider import RefusalError


def json_response(body: object, status: int = 200) -> Response:
    """Respond with JSON."""
    return Response(json.dumps(body), status=status, mimetype="application/json")


def file_response(ctx: RequestContext, state: SandboxState) -> Response:
    """Respond with the stored file at the request's path; no key is needed."""
    try:
        found = state.files.get(ctx.request.path)
    except MissingFileError as exc:
        raise RefusalError(exc.status, "The file does not exist or has expired.") from exc
    return Response(found.content, mimetype=found.mime)


def request_digest(request: SandboxRequest) -> str:
    """Hash a request: equal paths, fields and files have the same digest in any encoding."""
    if request.mimetype == "multipart/form-data":
        parts = [[name, value] for name, value in request.form.items(multi=True)]
        for name, file in request.files.items(multi=True):
            parts.append([name, hashlib.sha256(file.stream.read()).hexdigest()])
            file.stream.seek(0)
        content: object = sorted(parts)
    else:
        content = json.loads(request.get_data() or b"null")
    text = json.dumps([request.path, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
