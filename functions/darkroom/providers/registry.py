"""The registry of providers: one line for each, in the default order of preference.

Importing this module imports neither an adapter nor an HTTP client, so that a stack can be
synthesized and a command can start without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from darkroom.providers.adapter import Adapter

ADAPTERS: Final[Mapping[str, str]] = {
    "snapapi": "darkroom.providers.snapapi.adapter:SnapApi",
    "apiframe": "darkroom.providers.apiframe.adapter:Apiframe",
    "perfect": "darkroom.providers.perfect.adapter:Perfect",
    "goapi": "darkroom.providers.goapi.adapter:GoApi",
}
"""Provider -> its adapter's class, as module and name."""

NAMES: Final = tuple(ADAPTERS)
"""Every provider, in the default order of preference."""


class Adapters(Mapping[str, "Adapter"]):
    """Provider -> its adapter, in the default order of preference; built when it is first read.

    An invocation serves one task, so its process builds the adapter of that task's provider alone.
    Only INTAKE compares the routes of all.

    Args:
        options: provider -> settings of its adapter; see each adapter.

    Raises:
        ValueError: an option is for an unknown provider, or, when the adapter is read, is invalid.
    """

    def __init__(self, options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._options = options or {}
        self._built: dict[str, Adapter] = {}
        if unknown := self._options.keys() - ADAPTERS.keys():
            raise ValueError(f"there are no options for: {', '.join(sorted(unknown))}")

    def __getitem__(self, provider: str) -> Adapter:
        if provider not in self._built:
            adapter = resolve_name(ADAPTERS[provider])
            self._built[provider] = adapter(self._options.get(provider, {}))
        return self._built[provider]

    def __contains__(self, provider: object) -> bool:
        return provider in ADAPTERS

    def __iter__(self) -> Iterator[str]:
        return iter(ADAPTERS)

    def __len__(self) -> int:
        return len(ADAPTERS)


def build_adapters(
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Adapter, ...]:
    """One adapter for every provider, in the default order of preference; see `Adapters`."""
    return tuple(Adapters(options).values())
