"""Local copies of the providers' APIs, for trying, developing and testing without an account.

They check, charge and answer as the providers' own documents say, and edit the pixels plainly; the
edits stand in for the providers' models. Nothing here may import the adapters under
`darkroom.providers`: the two meet over HTTP only, so that they cannot share a misreading.
"""

from infra.sandbox.clock import Clock
from infra.sandbox.http_server import PROVIDERS, Running, start

__all__ = ["PROVIDERS", "Clock", "Running", "start"]
