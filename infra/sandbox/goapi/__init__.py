"""The GoAPI sandbox: unified tasks, their history, uploads, and the older image toolkit v2."""

from infra.sandbox.context import SandboxState
from infra.sandbox.goapi.api.app import GoApi

RATE_PER_MIN: int | None = None  # the vendor publishes no figure


def build_provider(state: SandboxState) -> GoApi:
    """Build the provider over its state."""
    return GoApi(state)


__all__ = ["RATE_PER_MIN", "build_provider"]
