"""The Apiframe sandbox: uploads, three image-edit routes, jobs, webhooks, account and models."""

from infra.sandbox.apiframe.app import Apiframe
from infra.sandbox.context import SandboxState

RATE_PER_MIN: int | None = None  # the vendor documents 429 but no limit


def build_provider(state: SandboxState) -> Apiframe:
    """Build the provider over its state."""
    return Apiframe(state)


__all__ = ["RATE_PER_MIN", "build_provider"]
