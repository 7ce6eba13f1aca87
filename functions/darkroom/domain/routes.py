"""What a provider can do: its routes, with their rules and prices, as declarations.

Nothing here calls anyone; an adapter declares, the pipeline compares and chooses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from darkroom.domain.attempt import Charged
from darkroom.domain.media import Media

Idempotency = Literal["key", "look-up", "none"]


MAX_INPUT_BYTES = 100 * 1024 * 1024
"""No input is larger, whatever a provider accepts; SUBMIT has 512 MB of disk for all of them."""


class Params(BaseModel, extra="forbid"):
    """Base of every route's parameters: typed, checked, unknown names refused."""


@dataclass(frozen=True)
class Sides:
    """How large a picture may be, in pixels; None where nothing is documented.

    Attributes:
        longest: most of its longer side.
        shortest: most of its shorter side.
        least: least of its shorter side.
    """

    longest: int | None = None
    shortest: int | None = None
    least: int | None = None


@dataclass(frozen=True)
class Role:
    """What a route wants under one role of `inputs`.

    Attributes:
        required: whether the spec must name it.
        most: how many files the role takes.
        formats: formats accepted, by their first bytes.
        max_bytes: size limit of one file; ours where the provider documents none.
        sides: limits of its width and height.
        like: the role of another picture that must have the same width and height.
    """

    formats: frozenset[Media]
    required: bool = True
    most: int = 1
    max_bytes: int = MAX_INPUT_BYTES
    sides: Sides = Sides()
    like: str | None = None


@dataclass(frozen=True)
class Route:
    """One way to get one operation done: a provider, a model, its rules and its price.

    Attributes:
        models: names under which a spec may pin this route's model; the first is the real one.
        params: the parameters it takes, portable ones and the provider's own.
        check: refuses what no single parameter shows, such as a mask that the mode needs; gets
            the parameters and the roles that the spec names; returns a sentence, or None.
        idempotency: how a doubtful paid call is settled.
        charged_on_failure: what is known about money when an accepted job fails.
        credits: the documented price of one call with these parameters, or None when unknown.
        call_s: total deadline of the paid call, seconds.
        typical_s: what a job usually takes, seconds; it is first asked for after half of that.
        job_s: a job that takes longer is given up, seconds.
        alone_s: a job that nobody asks about for this long is lost, seconds; None where jobs wait.
        source: the role of the file that the spec's name implies.
        pinned_only: chosen only when the spec names its model.
        refusal: why a known operation cannot be had; a sentence, or None for one that can.
    """

    operation: str
    provider: str
    models: tuple[str, ...]
    params: type[Params]
    roles: Mapping[str, Role] = field(default_factory=dict)
    check: Callable[[Any, frozenset[str]], str | None] = lambda _params, _roles: None
    idempotency: Idempotency = "none"
    asynchronous: bool = False
    charged_on_failure: Charged = "unknown"
    credits: Callable[[Any], float | None] = lambda _params: None
    call_s: int = 90
    typical_s: int = 5
    job_s: int = 3600
    alone_s: int | None = None
    source: str = "image"
    pinned_only: bool = False
    refusal: str | None = None

    @property
    def model(self) -> str:
        """The provider's own name of the model."""
        return self.models[0]


@dataclass(frozen=True)
class Tariff:
    """What a provider's credit costs, and when that was looked up (ISO date)."""

    usd_per_credit: float | None
    as_of: str
    source: str
