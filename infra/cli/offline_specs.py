"""What the providers declare, read without a network or credentials; and a spec held against it.

Every provider counts as set up here: whether one has a key is the environment's business.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, cast

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import RESERVED_NAME, SpecName, classify_key, parse_spec_name

if TYPE_CHECKING:
    from darkroom.domain.order import Order
    from darkroom.domain.routes import Route
    from darkroom.ports import Providers


@dataclass(frozen=True)
class Found:
    """What was found in one spec; `order` is None when it was refused."""

    name: str
    order: "Order | None" = None
    code: str | None = None
    sentence: str | None = None
    next_step: str | None = None

    @property
    def told(self) -> str:
        """The file's name, and what it will do or why it was refused."""
        if self.order is not None:
            return f"{self.name}: ok ({self.order.operation} by {', '.join(self.order.providers)})"
        said = f"{self.sentence} {self.next_step or ''}".strip()
        return said if said.startswith(self.name) else f"{self.name}: {said}"

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "file": self.name,
            "ok": self.order is not None,
            "operation": self.order.operation if self.order else None,
            "providers": list(self.order.providers) if self.order else [],
            "code": self.code,
            "sentence": self.sentence,
            "next_step": self.next_step,
        }


@functools.cache
def find_routes() -> "tuple[Route, ...]":
    """Every route of every provider, in the default order of preference."""
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models

    return tuple(route for adapter in build_adapters() for route in adapter.routes)


def find_offered() -> "tuple[Route, ...]":
    """The routes that can be had: without those that are known and refused."""
    return tuple(route for route in find_routes() if route.refusal is None)


def find_labels() -> dict[str, str]:
    """Provider -> its name as its own documents write it, in the default order of preference."""
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models

    return {adapter.name: adapter.label for adapter in build_adapters()}


def operations_by_provider() -> Mapping[str, Sequence[str]]:
    """Provider -> the operations that it can do, sorted."""
    found: dict[str, set[str]] = {}
    for route in find_offered():
        found.setdefault(route.provider, set()).add(route.operation)
    return {provider: sorted(found[provider]) for provider in sorted(found)}


def check_spec(body: bytes, name: str, key: str | None = None) -> Found:
    """Hold a spec against the declarations.

    Args:
        body: the spec's file.
        name: what the file is called in messages.
        key: the key that it would have in the input bucket; by default the file's own name.
    """
    from darkroom.domain.spec import read_spec  # noqa: PLC0415 - the same
    from darkroom.pipeline.orders.resolve import resolve  # noqa: PLC0415 - brings pydantic along

    key = key or PurePath(name).name
    try:
        spec_name = _read_name(key, name)
        spec = read_spec(body, name)
        # `resolve` asks for declarations only, and those are all that is here.
        order = resolve(spec, spec_name, cast("Providers", _Declared()))
    except SpecRefused as error:
        told = error.failure
        return Found(name, None, told.code, told.sentence, told.next_step)
    return Found(name, order)


def _read_name(key: str, name: str) -> SpecName:
    if PurePath(key).name == RESERVED_NAME:
        raise SpecRefused(
            "not-a-spec", f"{name} is not a spec: this name is reserved.", "Use another name."
        )
    if classify_key(key) != "spec":
        raise SpecRefused(
            "not-a-spec",
            f"{name} is not named like a spec.",
            "A spec's name ends in '.json' and does not begin with a dot.",
        )
    return parse_spec_name(key)


class _Declared:
    """The declaring half of `ports.Providers`."""

    def routes(self) -> "Sequence[Route]":
        return find_routes()

    def set_up(self, _provider: str) -> bool:
        return True

    def set_up_hint(self, _provider: str) -> str:
        return ""
