"""The Perfect Corp sandbox: sign-in, files, tasks, style lists and credits under `/s2s/v1.0`."""

from infra.sandbox.context import SandboxState
from infra.sandbox.perfect.app import RATE_PER_MIN, Perfect


def build_provider(state: SandboxState) -> Perfect:
    """Build the provider over its state."""
    return Perfect(state)


__all__ = ["RATE_PER_MIN", "build_provider"]
