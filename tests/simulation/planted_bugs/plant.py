"""Plant a bug for a while: names in product modules, or in ports, stand for something else.

A bug lists what it swaps; nothing of it is left afterwards, and the product knows nothing of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Swap = tuple[Any, str, Any]
"""A module or class, the name in it, and what it is to stand for."""


@dataclass(frozen=True)
class Bug:
    """Something that somebody might get wrong.

    Attributes:
        name: in words.
        swaps: makes the swaps; called when the bug is planted.
        focus: the faults that bring it to light, where others would rather hide it.
        raced: whether only two processes at the same moment bring it to light.
        stories: those that bring it to light, where worlds seldom do.
    """

    name: str
    swaps: Callable[[], list[Swap]]
    focus: tuple[str, ...] = ()
    raced: bool = False
    scenarios: tuple[str, ...] = ()


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """The bug is there inside the block. A name that is not there to be swapped raises."""
    before: list[Swap] = []
    try:
        for owner, name, value in bug.swaps():
            before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
