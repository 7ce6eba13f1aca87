"""Perfect's object store: uploads by signed PUT, results by signed GET, both by file id.

The signature in the URL is the only credential, an `Authorization` header is ignored, and errors
are XML. From the vendor's document: uploads are kept for a day, results for 30 days, and a result's
URL is valid for 2 hours.
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
UPLOAD_URL_S = 3600.0  # a guess: the vendor documents no expiry of these
ID_BYTES = 48  # 64 characters, like the document's samples
RESULT_ID_BYTES = 32  # 44 characters, like its sample of a `dst_id`


class NeverUploadedError(Exception):
    """The file was registered but never uploaded."""


@dataclass(frozen=True)
class FileRecord:
    """One registered file; `size` is the declared size of an upload, None if not declared."""

    file_id: str
    path: str
    content_type: str
    size: int | None = None
    is_result: bool = False


class Storage:
    """Files by id and by path."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._by_id: dict[str, FileRecord] = {}
        self._by_path: dict[str, FileRecord] = {}
        self._uploaded: set[str] = set()
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()

    def register_upload(self, content_type: str, size: int | None) -> FileRecord:
        """Register a file that will be uploaded."""
        path = f"/upload/{secrets.token_hex(16)}"
        return self._add(FileRecord(new_id(ID_BYTES), path, content_type, size))

    def upload_url(self, record: FileRecord, base_url: str) -> str:
        """Return a URL for the upload, valid for an hour."""
        return self._sign_url(base_url, record.path, UPLOAD_URL_S)

    def store_result(self, content: bytes, form: str, gone_status: int | None) -> str:
        """Keep a result and return its file id; with `gone_status` it can never be had again."""
        path = f"/results/{secrets.token_hex(16)}.{form}"
        record = FileRecord(new_id(RESULT_ID_BYTES), path, MIMES[form], is_result=True)
        self._add(record)
        self._state.files.put(
            path, content, record.content_type, lifetime_s=RESULT_KEPT_S, gone_status=gone_status
        )
        return record.file_id

    def result_url(self, file_id: str, base_url: str) -> str:
        """Return a URL of the result, valid for two hours from now."""
        return self._sign_url(base_url, self._by_id[file_id].path, RESULT_URL_S)

    def read(self, file_id: str) -> bytes:
        """Return a file's bytes, or raise `NeverUploadedError` or `MissingFileError`."""
        with self._lock:
            record = self._by_id.get(file_id)
            uploaded = record is not None and (record.is_result or file_id in self._uploaded)
        if record is None:
            raise MissingFileError
        if not uploaded:
            raise NeverUploadedError
        return self._state.files.get(record.path).content

    def receive_upload(self, ctx: RequestContext) -> Response:
        """Store the bytes of a registered file; the signed headers must match."""
        headers = ctx.request.headers
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return _xml(501, "NotImplemented", "Transfer-Encoding is not implemented")
        if "content-length" not in headers:
            return _xml(411, "MissingContentLength", "Content-Length is required")
        with self._lock:
            record = self._by_path.get(ctx.request.path)
        refused = self._check_signature(ctx)
        if refused is not None:
            return refused
        content = ctx.request.get_data()
        matches = record is not None and (
            headers.get("content-type") == record.content_type
            and record.size in (None, len(content))
        )
        if record is None or not matches:
            return _xml(403, "SignatureDoesNotMatch", "A signed header differs")
        self._state.files.put(record.path, content, record.content_type, lifetime_s=UPLOAD_KEPT_S)
        with self._lock:
            self._uploaded.add(record.file_id)
        return Response(status=200)

    def serve_result(self, ctx: RequestContext) -> Response:
        """Respond with a result while its URL is valid."""
        refused = self._check_signature(ctx)
        if refused is not None:
            return refused
        try:
            found = self._state.files.get(ctx.request.path)
        except MissingFileError as exc:
            return _xml(exc.status, "NoSuchKey", "The file does not exist")
        return Response(found.content, mimetype=found.mime)

    def _add(self, record: FileRecord) -> FileRecord:
        with self._lock:
            self._by_id[record.file_id] = record
            self._by_path[record.path] = record
        return record

    def _sign_url(self, base_url: str, path: str, lifetime_s: float) -> str:
        expires = str(int(self._state.clock.now() + lifetime_s))
        return f"{base_url}{path}?expires={expires}&signature={self._signature(path, expires)}"

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()

    def _check_signature(self, ctx: RequestContext) -> Response | None:
        expires = ctx.request.args.get("expires", "")
        given = ctx.request.args.get("signature", "")
        expected = self._signature(ctx.request.path, expires)
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return _xml(403, "SignatureDoesNotMatch", "The signature does not match")
        if int(expires) <= self._state.clock.now():
            return _xml(403, "AccessDenied", "Request has expired")
        return None


def new_id(length: int) -> str:
    """Return an opaque id in standard base64, always with "+" and "/", which URLs must escape."""
    while True:
        text = base64.b64encode(secrets.token_bytes(length)).decode()
        if "+" in text and "/" in text:
            return text


def _xml(status: int, code: str, message: str) -> Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status=status, mimetype="application/xml")
