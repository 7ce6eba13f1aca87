"""Reads and checks the form of one SnapAPI request.

Scalars are strings, a file field holds a file or a URL, unknown fields are ignored. An invalid
field is refused with 400 before anything is charged.
"""

import base64
import binascii
import copy
import json
from collections.abc import Mapping, Sequence
from typing import Self

from werkzeug.datastructures import FileStorage

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.fetch import FetchError, fetch
from infra.sandbox.image_ops.codec import BadImageError, Photo, decode
from infra.sandbox.provider import RefusalError
from infra.sandbox.snapapi.sessions import Sessions

# The documents show multipart; a form without files may use the other encoding.
FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
JSON = "application/json"
MASK = "input_mask"


def bad_request(message: str) -> RefusalError:
    """Build a 400."""
    return RefusalError(400, message, kind="invalid_request_error")


class Form:
    """The fields of one request; `takes_json` where an endpoint also takes them as JSON."""

    def __init__(
        self,
        ctx: RequestContext,
        state: SandboxState,
        sessions: Sessions,
        *,
        takes_json: bool = False,
    ) -> None:
        request = ctx.request
        if request.mimetype not in FORMS and not (takes_json and request.mimetype == JSON):
            raise bad_request("Content-Type must be multipart/form-data.")
        self._call = ctx
        self._state = state
        self._sessions = sessions
        self._fields: Mapping[str, str] = request.form.to_dict()
        self._files: Mapping[str, FileStorage] = request.files.to_dict()
        if request.mimetype == JSON:
            self._fields = _read_json(request.get_data())

    def translate(self, names: Mapping[str, str], values: Mapping[str, str]) -> Self:
        """Return the form with fields renamed (own name -> the client's) and fixed `values`."""
        other = copy.copy(self)
        fields = {own: self._fields[name] for own, name in names.items() if name in self._fields}
        other._fields = {**self._fields, **fields, **values}
        files = {own: self._files[name] for own, name in names.items() if name in self._files}
        other._files = {**self._files, **files}  # noqa: SLF001 - it is one of us
        return other

    def has(self, name: str) -> bool:
        """Whether a field was sent, as text or as a file."""
        return name in self._fields or name in self._files

    def image(self, name: str = "input_image", by_id: Sequence[str] = ()) -> Photo:
        """Return a required image: a file, a URL, or an earlier image's id in a `by_id` field."""
        photo = self.image_or_none(name, by_id)
        if photo is None:
            raise bad_request(f"Missing required image input: {name}.")
        return photo

    def image_or_none(self, name: str, by_id: Sequence[str] = ()) -> Photo | None:
        """Return an image, None if none is given."""
        content = self._content(name)
        if content is not None:
            try:
                return decode(content)
            except BadImageError as exc:
                raise bad_request(f"Invalid image in {name}: {exc}.") from exc
        for field in by_id:
            any_id = self.text(field)
            if any_id:
                return self._recall(field, any_id)
        return None

    def text(self, name: str, default: str = "") -> str:
        """Return a string field without the white space around it."""
        return self._fields.get(name, default).strip()

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return one of the allowed words."""
        value = self.text(name) or default
        if value not in allowed:
            raise bad_request(f"Invalid {name}: must be one of {', '.join(allowed)}.")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number within limits."""
        text = self.text(name)
        try:
            value = float(text or default)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise bad_request(f"Invalid {name}: must be a number from {low:g} to {high:g}.")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer within limits."""
        value = self.number(name, default, low, high)
        if not value.is_integer():
            raise bad_request(f"Invalid {name}: must be an integer.")
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean; clients send `true` and `True`."""
        text = self.text(name).lower() or str(default).lower()
        if text not in {"true", "false"}:
            raise bad_request(f"Invalid {name}: must be true or false.")
        return text == "true"

    def json(self, name: str) -> object:
        """Return the JSON in a string field, None when the field is empty."""
        text = self.text(name)
        if not text:
            return None
        try:
            return json.loads(text)
        except json.JSONDecodeError as exc:
            raise bad_request(f"Invalid {name}: must be a JSON string.") from exc

    def _content(self, name: str) -> bytes | None:
        file = self._files.get(name)
        if file is not None:
            content = file.stream.read()
            file.stream.seek(0)
            return content or None
        url = self.text(name)
        if not url:
            return None
        if name == MASK and not url.startswith(("http://", "https://")):
            # A client may pass on a detection's mask as input_mask, which is base64.
            return _read_base64(url)
        try:
            return fetch(url, own_base=self._call.base_url, files=self._state.files)
        except FetchError as exc:
            raise bad_request(f"Could not fetch {name}: {exc}.") from exc

    def _recall(self, field: str, any_id: str) -> Photo:
        photo = self._sessions.recall(any_id)
        if photo is None:
            raise bad_request(f"Unknown or expired {field}.")
        return photo


def _read_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except binascii.Error as exc:
        raise bad_request(f"Invalid {MASK}: no file, no URL and no base64.") from exc


def _read_json(content: bytes) -> dict[str, str]:
    """Read a JSON object as the fields of a form."""
    try:
        body = json.loads(content)
    except ValueError as exc:
        raise bad_request("The body is no valid JSON.") from exc
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    return {name: _as_text(value) for name, value in body.items() if value is not None}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
