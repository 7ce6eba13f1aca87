"""What one change to moto is: an owner, one of its names, and what stands there instead."""

# ruff: noqa: ANN401 - owners and replacements are whatever moto has there

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Patch:
    """`owner.name` is `replacement` for a while. The owner is a class or a module."""

    owner: Any
    name: str
    replacement: Any


def around(owner: Any, name: str, wrap: Callable[..., Any]) -> Patch:
    """A replacement that gets what it replaces as its first argument.

    Works for functions and methods, and for class methods, whose class it leaves out: `wrap` then
    gets the bound original. Raises AttributeError when moto no longer has the name.
    """
    raw = vars(owner).get(name)
    original = getattr(owner, name)
    if isinstance(raw, classmethod):

        def of_class(_cls: type, *args: Any, **kwargs: Any) -> Any:
            return wrap(original, *args, **kwargs)

        return Patch(owner, name, classmethod(of_class))

    def of_function(*args: Any, **kwargs: Any) -> Any:
        return wrap(original, *args, **kwargs)

    return Patch(owner, name, of_function)
