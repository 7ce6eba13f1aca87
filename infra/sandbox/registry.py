"""The list of the sandboxes: one line a provider."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from infra.sandbox.context import SandboxState
    from infra.sandbox.provider import Provider

# Provider -> its package, which is imported when the sandbox starts: it loads numpy and OpenCV.
PROVIDERS: Mapping[str, str] = {
    "snapapi": "infra.sandbox.snapapi",
    "apiframe": "infra.sandbox.apiframe",
    "goapi": "infra.sandbox.goapi",
    "perfect": "infra.sandbox.perfect",
}


class ProviderPackage(Protocol):
    """What each of these packages has; `RATE_PER_MIN` is the documented limit, None without one."""

    RATE_PER_MIN: int | None

    def build_provider(self, state: "SandboxState") -> "Provider":
        """Build the provider over the state of its sandbox."""
        ...


def load_provider(name: str) -> ProviderPackage:
    """Import the package of a provider; `KeyError` for an unknown name."""
    return cast("ProviderPackage", import_module(PROVIDERS[name]))
