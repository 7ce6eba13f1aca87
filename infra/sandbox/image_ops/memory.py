"""Remembers what slow work made of a picture: one photo is often edited in many ways."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from infra.sandbox.image_ops.codec import Pixels

KEPT = 32  # each with the pictures that it was made of; the slow work is done on small ones

_Picture = tuple[bytes, tuple[int, ...]]


class Remembered:
    """Work on pictures that makes the same of the same ones; its results are not to be changed."""

    def __init__(self, work: Callable[..., Pixels]) -> None:
        def again(*pictures: _Picture) -> Pixels:
            result = work(*(_array(content, shape) for content, shape in pictures))
            result.flags.writeable = False
            return result

        self._made = lru_cache(KEPT)(again)

    def __call__(self, *pictures: Pixels) -> Pixels:
        """Do the work, or give what it made of equal pictures."""
        return self._made(*((one.tobytes(), one.shape) for one in pictures))

    def forget(self) -> None:
        """Do all work anew from now on."""
        self._made.cache_clear()


def _array(content: bytes, shape: tuple[int, ...]) -> Pixels:
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)
