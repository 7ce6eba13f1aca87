"""The providers: one pure adapter each, and the one driver that speaks to them over the network.

Importing this package imports neither an adapter nor an HTTP client.
"""

from darkroom.providers.protocol import Adapter


def build_adapters() -> tuple[Adapter, ...]:
    """One adapter of every provider, in the default order of preference."""
    # Imported here: whoever only names the package does not pay for the routes' models.
    from darkroom.providers.apiframe import Apiframe  # noqa: PLC0415
    from darkroom.providers.snapapi import SnapApi  # noqa: PLC0415

    return (SnapApi(), Apiframe())
