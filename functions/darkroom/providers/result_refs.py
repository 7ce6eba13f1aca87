"""Finds results in a response: a URL, a data URI, base64, or an object around one of them.

Vendors document URLs; the same fields were seen with the file itself. Anything else is not a
result. Time and memory grow linearly with the response.
"""

import base64
from collections.abc import Iterator
from typing import Final

from darkroom.domain.attempt import ResultRef
from darkroom.domain.errors import Unclear
from darkroom.domain.media import HEAD_BYTES, Kind, sniff
from darkroom.providers import json_fields

MAX_DEPTH: Final = 5
"""Levels of objects and lists around one result."""
MIN_BYTES: Final = 16
"""Fewer are not a file; a short word may look like the beginning of one by chance."""

RESULT_FIELDS: Final = (
    *("url", "image_url", "output_image_url", "download_url", "video_url", "audio_url", "uri"),
    *("resource_without_watermark", "resource", "href"),
    *("image_base64", "base64", "b64_json", "b64", "image", "data", "output", "content"),
)
"""Fields of an object that hold the result itself, the best first, from the vendors' documents and
their clients. A cover, a thumbnail or a grid is not a result."""


def find_results(value: object, kind: Kind, *, encoded: bool = False) -> tuple[ResultRef, ...]:
    """Every result in a value; may be empty.

    Args:
        value: the field of the response that is for results.
        kind: the expected kind of file.
        encoded: whether the field is for base64; in others a text counts as base64 only if it
            decodes to the beginning of a file.
    """
    return tuple(dict.fromkeys(_iterate(value, kind, encoded, MAX_DEPTH)))


def require_results(refs: tuple[ResultRef, ...]) -> tuple[ResultRef, ...]:
    """The results. Raises `Unclear` if there are none."""
    if not refs:
        raise json_fields.unreadable_response()
    return refs


def _iterate(value: object, kind: Kind, encoded: bool, depth: int) -> Iterator[ResultRef]:  # noqa: FBT001 - passed down with the value
    if isinstance(value, str):
        if (ref := _read_text(value, kind, encoded=encoded)) is not None:
            yield ref
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _iterate(item, kind, encoded, depth - 1)
    elif isinstance(value, dict) and depth:
        for name in RESULT_FIELDS:
            inside = list(
                _iterate(value.get(name), kind, encoded or is_base64_field(name), depth - 1)
            )
            if inside:
                yield from inside
                return


def is_base64_field(name: str) -> bool:
    """Whether a field is for base64, by its name."""
    return "base64" in name or "b64" in name


def _read_text(text: str, kind: Kind, *, encoded: bool) -> ResultRef | None:
    try:
        return ResultRef(kind, url=json_fields.as_url(text))
    except Unclear:
        pass
    try:
        data = json_fields.as_base64(text)
    except Unclear:
        return None
    if encoded or text[:MIN_BYTES].lstrip()[:5].lower() == "data:":
        return ResultRef(kind, data=data)
    head = base64.b64decode(data[: HEAD_BYTES * 2])
    known = len(head) >= MIN_BYTES and sniff(head[:HEAD_BYTES]) is not None
    return ResultRef(kind, data=data) if known else None
