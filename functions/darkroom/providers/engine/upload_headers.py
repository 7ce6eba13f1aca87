"""Headers that a provider wants with an upload to an address that it handed out.

They come from its answer, so they are taken like everything from outside: by a list of names. What
frames the message, names its receiver or says who we are is nobody's business but ours.
"""

from collections.abc import Mapping
from typing import Final

from darkroom.providers import untrusted_json

_NAMES: Final = frozenset({"content-type", "content-md5", "content-disposition", "cache-control"})
_STORES: Final = ("x-amz-", "x-goog-", "x-ms-")
"""Where signed uploads go: S3, Google's and Microsoft's. Each has names of its own for the rest."""
_MAX_LENGTH: Final = 4096
"""Characters; a session's token in `x-amz-security-token` has some two thousand."""
_MAX_COUNT: Final = 32


def upload_headers(told: Mapping[str, str]) -> dict[str, str]:
    """Those of the headers that an upload needs; the others are left out.

    Raises:
        Unclear: one of them has a value that no header can have, or there are too many.
    """
    kept = {name: value for name, value in told.items() if _is_needed(name)}
    if len(kept) > _MAX_COUNT or not all(map(_can_be_sent, kept.values())):
        raise untrusted_json.unreadable()
    return kept


def _is_needed(name: str) -> bool:
    lower = name.lower()
    if lower in _NAMES:
        return True
    # A token by RFC 9110, 5.6.2, as far as the stores' names go.
    rest = lower.replace("-", "").replace("_", "")
    return (
        lower.startswith(_STORES) and rest.isascii() and rest.isalnum() and len(name) < _MAX_LENGTH
    )


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) <= _MAX_LENGTH
