"""The ETags of many objects, by few requests: a LIST has those of 1,000 objects."""

import bisect
from collections.abc import Iterable
from typing import Final

from darkroom.ports import Outputs

PAGE: Final = 1000


def find_etags(outputs: Outputs, keys: Iterable[str]) -> dict[str, str]:
    """Key -> ETag, of those that exist.

    Pages of the bucket that hold none of the keys are skipped, so there are at most as many
    requests as keys, and few where the keys lie close together.
    """
    wanted = sorted({key for key in keys if key}, key=str.encode)
    encoded = [key.encode() for key in wanted]
    asked = set(wanted)
    prefix = _common_prefix(wanted[0], wanted[-1]) if wanted else ""
    found: dict[str, str] = {}
    at = 0
    while at < len(wanted):
        # The longest text before the key; few other keys can come between.
        page = outputs.list_etags(prefix, wanted[at][:-1], PAGE)
        found |= {key: etag for key, etag in page if key in asked}
        if len(page) < PAGE:
            break
        at = max(at + 1, bisect.bisect_right(encoded, page[-1][0].encode()))
    return found


def _common_prefix(one: str, other: str) -> str:
    pairs = enumerate(zip(one, other, strict=False))
    differs = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    return one[:differs]
