"""What each request to a provider is for, by method and path, and where the provider's files are.

The patterns are those of `fnmatch`, as in a sandbox's fault rules. They come from the vendors'
documents; this module must not import the adapters.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

PAID: Final[Mapping[str, Sequence[str]]] = {
    "snapapi": ("/v1/images/*",),
    "apiframe": ("/v2/images/*",),
    "goapi": ("/api/v1/task", "/api/image_toolkit/v2/create"),
    "perfect": ("/s2s/v1.0/task/*",),
}
"""Paths whose POST may cost something."""
UPLOADS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "snapapi": (),
    "apiframe": (("POST", "/v2/uploads"),),
    "goapi": (("POST", "/api/ephemeral_resource"),),
    "perfect": (("POST", "/s2s/*/file/*"), ("PUT", "/upload/*")),
}
POLLS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "snapapi": (),
    "apiframe": (("GET", "/v2/jobs/*"),),
    "goapi": (("GET", "/api/v1/task/*"), ("POST", "/api/image_toolkit/v2/fetch")),
    "perfect": (("GET", "/s2s/v1.0/task/*"),),
}
RESULTS: Final[Mapping[str, str]] = {
    "snapapi": "/outputs/*",
    "apiframe": "/cdn/images/*",
    "goapi": "/temp/*",
    "perfect": "/results/*",
}
UPLOADED_FILES: Final[Sequence[str]] = ("/upload/*", "/cdn/uploads/*", "/ephemeral/*")
"""Where uploaded files are."""

Settlement = Literal["key", "look-up", "none"]


def is_paid(provider: str, method: str, target: str) -> bool:
    """Whether a request may cost something; `target` is its path, with or without a query."""
    return method == "POST" and matches_any(PAID[provider], target.partition("?")[0])


def matches_any(places: Iterable[str], path: str) -> bool:
    """Whether a path fits one of the patterns."""
    return any(fnmatchcase(path, place) for place in places)


def settlement_of(attempt: Mapping[str, Any]) -> Settlement:
    """How an unclear call of this attempt of the table or a manifest can be settled."""
    if attempt["provider"] in ("apiframe", "perfect"):
        return "key"
    if attempt["provider"] == "goapi" and attempt["model"] != "image-toolkit-v2":
        return "look-up"
    return "none"
