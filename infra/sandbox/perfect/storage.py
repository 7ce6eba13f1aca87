"""Where Perfect keeps files: uploads by signed PUT, results by signed GET, both by file id.

It behaves as the object store that the vendor hands its URLs out for: the signature in the URL is
the only key, an `Authorization` header means nothing, and errors are XML. From the vendor's
document: uploads are kept for a day, results for 30 days, a result's URL is good for 2 hours.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.file_store import MissingFileError
from infra.sandbox.image_ops.codec import MIMES

UPLOAD_KEPT_S = 24 * 3600.0
RESULT_KEPT_S = 30 * 24 * 3600.0
RESULT_URL_S = 2 * 3600.0
UPLOAD_URL_S = 3600.0  # the vendor names no end for these
ID_BYTES = 48  # 64 characters, as the document's samples
RESULT_ID_BYTES = 32  # 44 characters, as its sample of a `dst_id`


class NeverUploadedError(Exception):
    """The file was registered, and its bytes never came."""


@dataclass(frozen=True)
class Slot:
    """One file's place; `size` is what was declared for an upload, None where nothing was."""

    file_id: str
    path: str
    content_type: str
    size: int | None = None
    is_result: bool = False


class Storage:
    """Files by id and by path."""

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._by_id: dict[str, Slot] = {}
        self._by_path: dict[str, Slot] = {}
        self._uploaded: set[str] = set()
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()

    def reserve(self, content_type: str, size: int | None) -> Slot:
        """Make a place for an upload."""
        path = f"/upload/{secrets.token_hex(16)}"
        return self._remember(Slot(new_id(ID_BYTES), path, content_type, size))

    def upload_url(self, slot: Slot, base: str) -> str:
        """Return where the bytes may be put for an hour."""
        return self._signed(base, slot.path, UPLOAD_URL_S)

    def keep(self, content: bytes, form: str, gone: int | None) -> str:
        """Keep a result and return its file id; with `gone` it can never be had again."""
        path = f"/results/{secrets.token_hex(16)}.{form}"
        slot = Slot(new_id(RESULT_ID_BYTES), path, MIMES[form], is_result=True)
        self._remember(slot)
        self._world.files.put(path, content, slot.content_type, lifetime_s=RESULT_KEPT_S, gone=gone)
        return slot.file_id

    def result_url(self, file_id: str, base: str) -> str:
        """Return where a result can be fetched for two hours from now."""
        return self._signed(base, self._by_id[file_id].path, RESULT_URL_S)

    def content(self, file_id: str) -> bytes:
        """Return a file's bytes, or raise `NeverUploadedError` or `MissingFileError`."""
        with self._lock:
            slot = self._by_id.get(file_id)
            came = slot is not None and (slot.is_result or file_id in self._uploaded)
        if slot is None:
            raise MissingFileError
        if not came:
            raise NeverUploadedError
        return self._world.files.get(slot.path).content

    def take_upload(self, call: RequestContext) -> Response:
        """Take the bytes of a registered file; everything must be as it was signed."""
        headers = call.request.headers
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return _xml(501, "NotImplemented", "Transfer-Encoding is not implemented")
        if "content-length" not in headers:
            return _xml(411, "MissingContentLength", "Content-Length is required")
        with self._lock:
            slot = self._by_path.get(call.request.path)
        refused = self._refused(call)
        if refused is not None:
            return refused
        content = call.request.get_data()
        fits = slot is not None and (
            headers.get("content-type") == slot.content_type and slot.size in (None, len(content))
        )
        if slot is None or not fits:
            return _xml(403, "SignatureDoesNotMatch", "A signed header differs")
        self._world.files.put(slot.path, content, slot.content_type, lifetime_s=UPLOAD_KEPT_S)
        with self._lock:
            self._uploaded.add(slot.file_id)
        return Response(status=200)

    def serve(self, call: RequestContext) -> Response:
        """Answer with a result, as long as its URL is good."""
        refused = self._refused(call)
        if refused is not None:
            return refused
        try:
            found = self._world.files.get(call.request.path)
        except MissingFileError as exc:
            return _xml(exc.status, "NoSuchKey", "The file does not exist")
        return Response(found.content, mimetype=found.mime)

    def _remember(self, slot: Slot) -> Slot:
        with self._lock:
            self._by_id[slot.file_id] = slot
            self._by_path[slot.path] = slot
        return slot

    def _signed(self, base: str, path: str, lifetime_s: float) -> str:
        expires = str(int(self._world.clock.now() + lifetime_s))
        return f"{base}{path}?expires={expires}&signature={self._signature(path, expires)}"

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()

    def _refused(self, call: RequestContext) -> Response | None:
        expires = call.request.args.get("expires", "")
        given = call.request.args.get("signature", "")
        expected = self._signature(call.request.path, expires)
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return _xml(403, "SignatureDoesNotMatch", "The signature does not match")
        if int(expires) <= self._world.clock.now():
            return _xml(403, "AccessDenied", "Request has expired")
        return None


def new_id(length: int) -> str:
    """Return an opaque id: standard base64, always with the characters that URLs stumble over."""
    while True:
        text = base64.b64encode(secrets.token_bytes(length)).decode()
        if "+" in text and "/" in text:
            return text


def _xml(status: int, code: str, message: str) -> Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status=status, mimetype="application/xml")
