"""Results in an answer, whatever their form: an address, a data URI, base64, an object around one.

Documents show addresses; the same fields have been seen with the file itself. What is in none of
these forms is no result. Time and memory are in proportion to what the answer holds.
"""

import base64
from collections.abc import Iterator
from typing import Final

from darkroom.domain.attempt import ResultRef
from darkroom.domain.errors import Unclear
from darkroom.domain.media import HEAD_BYTES, Kind, sniff
from darkroom.providers import untrusted_json

MAX_DEPTH: Final = 5
"""Levels of objects and lists around one result."""
MIN_BYTES: Final = 16
"""Less is no file, and by chance a word may look like one's beginning."""

NAMES: Final = (
    *("url", "image_url", "output_image_url", "download_url", "video_url", "audio_url", "uri"),
    *("resource_without_watermark", "resource", "href"),
    *("image_base64", "base64", "b64_json", "b64", "image", "data", "output", "content"),
)
"""Fields of an object that stand for the result itself, the best first: those of the vendors'
documents and of their clients. A cover, a thumbnail or a grid is none."""


def refs_of(value: object, kind: Kind, *, encoded: bool = False) -> tuple[ResultRef, ...]:
    """Every result in a value; none where there is none.

    Args:
        value: whatever stands in the answer's place for results.
        kind: what they are expected to be.
        encoded: whether the place is one for base64; elsewhere a text counts as such only where
            it decodes to the beginning of a file.
    """
    return tuple(dict.fromkeys(_refs(value, kind, encoded, MAX_DEPTH)))


def need(refs: tuple[ResultRef, ...]) -> tuple[ResultRef, ...]:
    """The results. Raises `Unclear` where there are none."""
    if not refs:
        raise untrusted_json.unreadable()
    return refs


def _refs(value: object, kind: Kind, encoded: bool, deep: int) -> Iterator[ResultRef]:  # noqa: FBT001 - it goes down with the value
    if isinstance(value, str):
        if (ref := _ref(value, kind, encoded=encoded)) is not None:
            yield ref
    elif isinstance(value, list) and deep:
        for item in value:
            yield from _refs(item, kind, encoded, deep - 1)
    elif isinstance(value, dict) and deep:
        for name in NAMES:
            inside = list(_refs(value.get(name), kind, encoded or is_encoded(name), deep - 1))
            if inside:
                yield from inside
                return


def is_encoded(name: str) -> bool:
    """Whether a field is one for base64, by its name."""
    return "base64" in name or "b64" in name


def _ref(text: str, kind: Kind, *, encoded: bool) -> ResultRef | None:
    try:
        return ResultRef(kind, url=untrusted_json.as_url(text))
    except Unclear:
        pass
    try:
        data = untrusted_json.as_base64(text)
    except Unclear:
        return None
    if encoded or text[:MIN_BYTES].lstrip()[:5].lower() == "data:":
        return ResultRef(kind, data=data)
    head = base64.b64decode(data[: HEAD_BYTES * 2])
    known = len(head) >= MIN_BYTES and sniff(head[:HEAD_BYTES]) is not None
    return ResultRef(kind, data=data) if known else None
