"""The registry of providers: one line for each, in the default order of preference.

Importing this module imports neither an adapter nor an HTTP client, so that a stack can be
synthesized and a command can start without them.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def build_adapters(
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Adapter, ...]:
    """One adapter for every provider, in the default order of preference.

    Args:
        options: provider -> settings of its adapter; see each adapter.

    Raises:
        ValueError: an option is for an unknown provider, or is invalid.
    """
    options = options or {}
    if unknown := options.keys() - ADAPTERS.keys():
        raise ValueError(f"there are no options for: {', '.join(sorted(unknown))}")
    return tuple(
        resolve_name(adapter)(options.get(provider, {})) for provider, adapter in ADAPTERS.items()
    )
