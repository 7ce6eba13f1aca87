"""Caches the results of slow operations: one photo is often edited in many ways."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from infra.sandbox.image_ops.codec import Pixels

MAX_ENTRIES = 32  # each keeps its input images too; the slow operations work on small ones

_HashableImage = tuple[bytes, tuple[int, ...]]


class CachedOperation:
    """A deterministic operation on images whose results are cached, and therefore read-only."""

    def __init__(self, work: Callable[..., Pixels]) -> None:
        def compute(*images: _HashableImage) -> Pixels:
            result = work(*(_array(content, shape) for content, shape in images))
            result.flags.writeable = False
            return result

        self._cached = lru_cache(MAX_ENTRIES)(compute)

    def __call__(self, *images: Pixels) -> Pixels:
        """Return the operation's result, cached for equal images."""
        return self._cached(*((one.tobytes(), one.shape) for one in images))

    def clear(self) -> None:
        """Empty the cache."""
        self._cached.cache_clear()


def _array(content: bytes, shape: tuple[int, ...]) -> Pixels:
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)
