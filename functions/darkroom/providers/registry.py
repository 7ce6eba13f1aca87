"""The providers: one pure adapter each, and the one driver that speaks to them over the network.

Importing this package imports neither an adapter nor an HTTP client.
"""

from collections.abc import Mapping
from typing import Any

from darkroom.providers.adapter import Adapter


def build_adapters(options: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Adapter, ...]:
    """One adapter of every provider, in the default order of preference.

    Args:
        options: provider -> what its adapter may be told; see each adapter.

    Raises:
        ValueError: an option is for nobody, or is not understood.
    """
    # Imported here: whoever only names the package does not pay for the routes' models.
    from darkroom.providers.apiframe.adapter import Apiframe  # noqa: PLC0415
    from darkroom.providers.goapi.adapter import GoApi  # noqa: PLC0415
    from darkroom.providers.perfect.adapter import Perfect  # noqa: PLC0415
    from darkroom.providers.snapapi.adapter import SnapApi  # noqa: PLC0415

    told = dict(options or {})
    adapters = (
        SnapApi(),
        Apiframe(),
        Perfect(told.pop("perfect", {})),
        GoApi(told.pop("goapi", {})),
    )
    if told:
        raise ValueError(f"there are no options for: {', '.join(sorted(told))}")
    return adapters
