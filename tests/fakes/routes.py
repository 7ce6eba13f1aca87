"""The routes that the pipeline's tests work with: one provider for each way of being paid.

| provider | answers      | idempotency | failed jobs cost |
|----------|--------------|-------------|------------------|
| alpha    | at once      | none        | -                |
| beta     | with a job   | key         | nothing          |
| gamma    | with a job   | none        | who knows        |
| delta    | at once      | key         | -                |
| epsilon  | with a job   | look-up     | who knows        |
| zeta     | with a job that must not be left alone | key | nothing |
"""

from typing import Any, Literal

from pydantic import Field

from darkroom.domain.media import JPEG, PNG
from darkroom.domain.price_table import fixed_price
from darkroom.domain.routes import Params, Role, Route

PHOTO = Role(frozenset({PNG, JPEG}), max_bytes=10_000)
MASK = Role(frozenset({PNG}))


class Nothing(Params):
    """No parameters."""


class Scale(Params):
    """How much larger."""

    scale: Literal[2, 4] = 2


class Prompt(Params):
    """What to paint."""

    prompt: str = Field(min_length=1, max_length=200)


def _not_twice(_params: Any, roles: frozenset[str]) -> str | None:
    return "A mask needs an image." if "mask" in roles and "image" not in roles else None


def _sync(operation: str, provider: str, **more: Any) -> Route:
    facts: dict[str, Any] = {"models": (f"{provider}-1",), "params": Nothing} | more
    facts.setdefault("roles", {"image": PHOTO})
    return Route(operation, provider, credits=fixed_price(2.0), **facts)


def _job(operation: str, provider: str, **more: Any) -> Route:
    return _sync(operation, provider, asynchronous=True, typical_s=6, **more)


ROUTES: tuple[Route, ...] = (
    _sync("remove-background", "alpha"),
    _sync("remove-objects", "alpha", roles={"image": PHOTO, "mask": MASK}, check=_not_twice),
    _sync("generate", "alpha", params=Prompt, roles={}),
    _job("generate", "gamma", params=Prompt, roles={"image": Role(frozenset({PNG}), False)}),
    _sync("combine", "alpha", roles={"image": Role(frozenset({PNG}), max_files=3)}),
    _job("upscale", "beta", idempotency="key", params=Scale, charged_on_failure="no"),
    _job("remove-background", "beta", idempotency="key", charged_on_failure="no"),
    _job("upscale", "gamma", params=Scale),
    _job("relight", "gamma", models=("gamma-2", "light")),
    _sync("retouch", "delta", idempotency="key"),
    _job("vary", "epsilon", idempotency="look-up"),
    _job("age", "zeta", idempotency="key", charged_on_failure="no", max_poll_gap_s=10),
    _job("age", "gamma"),
)

SYNC_NONE = "remove-background"
"""alpha's, at once; beta can stand in."""
SYNC_KEY = "retouch"
JOB_KEY = "upscale"
"""beta's; gamma can stand in."""
JOB_NONE = "relight"
JOB_LOOKED_UP = "vary"
JOB_ALONE = "age"
"""zeta's; gamma can stand in."""
