"""Small answers that every sandbox gives: JSON, stored files, digests of what was asked."""

import hashlib
import json

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError, RequestContext, SandboxRequest, SandboxState
from infra.sandbox.file_store import MissingFileError


def json_reply(body: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(body), status=status, mimetype="application/json")


def file_reply(call: RequestContext, world: SandboxState) -> Response:
    """Answer with the stored file at the request's own path; no key is asked for."""
    try:
        found = world.files.get(call.request.path)
    except MissingFileError as exc:
        raise RefusalError(exc.status, "The file does not exist or has expired.") from exc
    return Response(found.content, mimetype=found.mime)


def request_digest(request: SandboxRequest) -> str:
    """Digest what was asked, whatever the wire form: equal fields and files, equal digest."""
    if request.mimetype == "multipart/form-data":
        parts = [[name, value] for name, value in request.form.items(multi=True)]
        for name, file in request.files.items(multi=True):
            parts.append([name, hashlib.sha256(file.stream.read()).hexdigest()])
            file.stream.seek(0)
        asked: object = sorted(parts)
    else:
        asked = json.loads(request.get_data() or b"null")
    text = json.dumps([request.path, asked], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
