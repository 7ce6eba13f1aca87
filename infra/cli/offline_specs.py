"""Checks specs against the providers' declarations, without a network or credentials.

Every provider counts as set up: which ones have a key differs between environments.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, cast

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import DEFAULT_NAME, SpecName, classify_key, parse_spec_name

if TYPE_CHECKING:
    from darkroom.domain.order import Order
    from darkroom.domain.routes import Route, Tariff
    from darkroom.domain.spec import Spec
    from darkroom.ports import Providers


@dataclass(frozen=True)
class AskedTask:
    """What a task is asked to do: its spec, with what folder defaults fill, and the spec's name."""

    spec: "Spec"
    name: SpecName


@dataclass(frozen=True)
class CheckedSpec:
    """The result of checking one spec; `order` is None if it was refused.

    Attributes:
        name: what messages call the spec.
        code: the failure code; None if there is an order. So are `sentence` and `next_step`.
    """

    name: str
    order: "Order | None" = None
    code: str | None = None
    sentence: str | None = None
    next_step: str | None = None

    @property
    def message(self) -> str:
        """One line: the name, and what the spec does or why it was refused."""
        if self.order is not None:
            return f"{self.name}: ok ({self.order.operation} by {', '.join(self.order.providers)})"
        reason = f"{self.sentence} {self.next_step or ''}".strip()
        return reason if reason.startswith(self.name) else f"{self.name}: {reason}"

    def as_dict(self) -> dict[str, Any]:
        """The result as `--json` prints it."""
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
    """The routes that can be used: without those that are known but not documented."""
    return tuple(route for route in find_routes() if route.refusal is None)


@functools.cache
def find_tariffs() -> "dict[str, Tariff]":
    """Provider -> what its credits cost."""
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models

    return {adapter.name: adapter.tariff for adapter in build_adapters()}


def find_labels() -> dict[str, str]:
    """Provider -> its name as its own documents write it, in the default order of preference."""
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models

    return {adapter.name: adapter.label for adapter in build_adapters()}


def operations_by_provider() -> Mapping[str, Sequence[str]]:
    """Provider -> its operations, sorted."""
    found: dict[str, set[str]] = {}
    for route in find_offered():
        found.setdefault(route.provider, set()).add(route.operation)
    return {provider: sorted(found[provider]) for provider in sorted(found)}


def check_spec(body: bytes, name: str, key: str | None = None) -> CheckedSpec:
    """Check a spec against the declarations.

    Args:
        body: the spec's bytes.
        name: what messages call the spec, such as its path.
        key: its key in the input bucket; by default the last part of `name`.
    """
    from darkroom.domain.spec import read_spec  # noqa: PLC0415 - the same
    from darkroom.pipeline.orders.resolve import resolve  # noqa: PLC0415 - brings pydantic along

    key = key or PurePath(name).name
    try:
        spec_name = _parse_name(key, name)
        spec = read_spec(body, name)
        # `resolve` uses nothing but the declarations.
        order = resolve(spec, spec_name, offline_providers())
    except SpecRefused as error:
        failure = error.failure
        return CheckedSpec(name, None, failure.code, failure.sentence, failure.next_step)
    return CheckedSpec(name, order)


def offline_providers() -> "Providers":
    """The declarations alone: every provider counts as set up, and none can be called."""
    return cast("Providers", _Declarations())


def _parse_name(key: str, name: str) -> SpecName:
    if PurePath(key).name == DEFAULT_NAME:
        raise SpecRefused(
            "not-a-spec",
            f"{name} is a folder default and no spec.",
            "`darkroom explain PHOTO --local FOLDER` says what it does.",
        )
    if classify_key(key) != "spec":
        raise SpecRefused(
            "not-a-spec",
            f"{name} is not named like a spec.",
            "A spec's name ends in '.json' and does not begin with a dot.",
        )
    return parse_spec_name(key)


class _Declarations:
    """The part of `ports.Providers` that makes no calls."""

    def routes(self) -> "Sequence[Route]":
        return find_routes()

    def tariff(self, provider: str) -> "Tariff":
        return find_tariffs()[provider]

    def set_up(self, _provider: str) -> bool:
        return True

    def set_up_hint(self, _provider: str) -> str:
        return ""
