"""Headers that a provider wants with an upload to a URL that it gave.

They come from the provider's response and are untrusted, so an allowlist of names decides. Headers
that frame the message, name its host or identify the sender are never taken from outside.
"""

from collections.abc import Mapping
from typing import Final

from darkroom.providers import json_fields

_NAMES: Final = frozenset({"content-type", "content-md5", "content-disposition", "cache-control"})
_STORES: Final = ("x-amz-", "x-goog-", "x-ms-")
"""Prefixes of the object stores that take signed uploads: S3, Google's and Microsoft's."""
_MAX_LENGTH: Final = 4096
"""Characters; a session token in `x-amz-security-token` has about 2,000."""
_MAX_COUNT: Final = 32


def upload_headers(offered: Mapping[str, str]) -> dict[str, str]:
    """The headers that an upload needs; all others are dropped.

    Raises:
        Unclear: one of them has a value that a header cannot carry, or there are too many.
    """
    kept = {name: value for name, value in offered.items() if _is_needed(name)}
    if len(kept) > _MAX_COUNT or not all(map(_can_be_sent, kept.values())):
        raise json_fields.unreadable_response()
    return kept


def _is_needed(name: str) -> bool:
    lower = name.lower()
    if lower in _NAMES:
        return True
    # A token as RFC 9110, 5.6.2 defines it, limited to the characters that the stores use.
    rest = lower.replace("-", "").replace("_", "")
    return (
        lower.startswith(_STORES) and rest.isascii() and rest.isalnum() and len(name) < _MAX_LENGTH
    )


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) <= _MAX_LENGTH
