"""The SnapAPI sandbox: 24 image endpoints and their older paths, OpenAI-like calls, tasks."""

from infra.sandbox.snapapi.routes import build_provider

RATE_PER_MIN = 60  # per key, snapapi.ai/en/docs "Rate Limits"

__all__ = ["RATE_PER_MIN", "build_provider"]
