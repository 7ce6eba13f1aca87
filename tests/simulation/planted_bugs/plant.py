"""Plants a bug for a while: names in product modules, or in ports, are replaced.

A bug lists its replacements; they are undone afterwards, and the product knows nothing of them. A
replacement that cannot have an effect is refused: a name that its module does not use any more.
"""

import dis
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any, Final

Swap = tuple[Any, str, Any]
"""A module or class, the name in it, and its replacement."""
_CALLERS: Final = ("darkroom.pipeline.", "darkroom.domain.", "tests.simulation.")
_PLANTS: Final = __name__.rpartition(".")[0]


@dataclass(frozen=True)
class Bug:
    """A mistake that somebody might make.

    Attributes:
        name: in words.
        swaps: makes the replacements; called when the bug is planted.
        focus: the kinds of faults that reveal it, where others would hide it.
        raced: whether only a race of two processes reveals it.
        scenarios: those that reveal it, where random simulations seldom do.
    """

    name: str
    swaps: Callable[[], list[Swap]]
    focus: tuple[str, ...] = ()
    raced: bool = False
    scenarios: tuple[str, ...] = ()


@dataclass
class Planted:
    """A bug in its place.

    Attributes:
        names: what it replaces, as `module.name` or `Class.name`.
        uncalled: those of them that are functions and were not called yet.
    """

    names: tuple[str, ...] = ()
    uncalled: set[str] = field(default_factory=set)


@contextmanager
def planted(bug: Bug) -> Iterator[Planted]:
    """The bug is planted inside the block.

    Raises:
        AttributeError: a replaced name does not exist.
        LookupError: a replaced name exists, but no code would reach the replacement.
    """
    swaps, before = bug.swaps(), list[Swap]()
    here = Planted(tuple(_name(owner, name) for owner, name, _ in swaps))
    try:
        for owner, name, value in swaps:
            before.append((owner, name, getattr(owner, name)))
            if not _is_used(owner, name):
                raise LookupError(f"'{bug.name}' replaces {_name(owner, name)}, which is not used")
            setattr(owner, name, _noting_calls(here, _name(owner, name), value))
        yield here
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


def _noting_calls(here: Planted, name: str, value: Any) -> Any:
    """The replacement; a function notes that it was called."""
    if not inspect.isfunction(value):
        return value
    here.uncalled.add(name)

    @functools.wraps(value)
    def call(*args: Any, **kwargs: Any) -> Any:
        here.uncalled.discard(name)
        return value(*args, **kwargs)

    return call


def _name(owner: Any, name: str) -> str:
    return f"{owner.__name__.rpartition('.')[2]}.{name}"


def _is_used(owner: Any, name: str) -> bool:
    """Whether a module's functions look the name up, or any caller looks it up as an attribute."""
    if isinstance(owner, ModuleType) and name in _lookups(owner, "LOAD_GLOBAL"):
        return True
    callers = [
        module
        for module_name, module in list(sys.modules.items())
        if module_name.startswith(_CALLERS) and not module_name.startswith(_PLANTS)
    ]
    if isinstance(owner, ModuleType):
        callers = [one for one in callers if owner in vars(one).values()]
    return any(name in _lookups(module, "LOAD_ATTR", "LOAD_METHOD") for module in callers)


@functools.cache
def _lookups(module: ModuleType, *operations: str) -> frozenset[str]:
    """The names that a module's functions look up by these operations."""
    codes = _nested(compile(inspect.getsource(module), str(module.__file__), "exec"))
    return frozenset(
        instruction.argval
        for code in codes
        for instruction in dis.get_instructions(code)
        if instruction.opname in operations
    )


def _nested(code: CodeType) -> Sequence[CodeType]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [*inner, *(deeper for one in inner for deeper in _nested(one))]
