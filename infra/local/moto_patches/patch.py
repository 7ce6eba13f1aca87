"""One patch of moto: a class or module, one of its names, and the replacement."""

# ruff: noqa: ANN401 - owners and replacements are moto's own objects

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Patch:
    """While it is applied, `owner.name` is `replacement`. The owner is a class or a module."""

    owner: Any
    name: str
    replacement: Any


@contextmanager
def applied(patch: Patch) -> Iterator[None]:
    """Apply a patch, and take it back afterwards."""
    missing = object()
    before = vars(patch.owner).get(patch.name, missing)
    setattr(patch.owner, patch.name, patch.replacement)
    try:
        yield
    finally:
        if before is missing:
            delattr(patch.owner, patch.name)
        else:
            setattr(patch.owner, patch.name, before)


def around(owner: Any, name: str, wrap: Callable[..., Any]) -> Patch:
    """A patch whose replacement gets the original as its first argument.

    Works for functions, methods and class methods; for a class method, `wrap` gets the bound
    original and no class. Raises AttributeError if moto no longer has the name.
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


def cached(owner: Any, name: str, convert: Callable[[Any], Any] = lambda result: result) -> Patch:
    """Cache the results of a function by its arguments; `convert` makes them immutable."""
    return around(owner, name, functools.cache(lambda original, *args: convert(original(*args))))
