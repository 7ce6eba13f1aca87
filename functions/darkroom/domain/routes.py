"""What a provider can do: its routes, with their limits and prices, as declarations.

Nothing here calls a provider; an adapter declares, the pipeline compares and chooses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast, overload

from pydantic import BaseModel

from darkroom.domain.attempt import Charged
from darkroom.domain.media import Media
from darkroom.domain.price_table import NO_PRICE, PriceTable

Idempotency = Literal["key", "look-up", "none"]


MAX_INPUT_BYTES = 100 * 1024 * 1024
"""The largest input, whatever a provider accepts; SUBMIT has 512 MB of disk for all inputs."""


class Params(BaseModel, extra="forbid", defer_build=True):
    """Base of every route's parameters: typed and checked; unknown names are refused.

    Subclasses are completed on first use: there are many, and a task needs one.
    """


@dataclass(frozen=True)
class Sides:
    """How large an image may be, in pixels; None where nothing is documented.

    Attributes:
        max_longer: the maximum of its longer side.
        max_shorter: the maximum of its shorter side.
        min_shorter: the minimum of its shorter side.
    """

    max_longer: int | None = None
    max_shorter: int | None = None
    min_shorter: int | None = None


@dataclass(frozen=True)
class Role:
    """What a route accepts under one role of `inputs`.

    Attributes:
        required: whether the spec must name it.
        max_files: how many files the role takes.
        formats: formats accepted, by their first bytes.
        max_bytes: size limit of one file; ours where the provider documents none.
        sides: limits of its width and height.
        same_size_as: the role of another image that must have the same width and height.
    """

    formats: frozenset[Media]
    required: bool = True
    max_files: int = 1
    max_bytes: int = MAX_INPUT_BYTES
    sides: Sides = Sides()
    same_size_as: str | None = None


class _ParamsOnFirstUse:
    """The field `Route.params`: a model, or a function that builds it when it is first read.

    A provider may have a hundred models, and a task needs one.
    """

    def __set__(self, route: "Route", params: type[Params] | Callable[[], type[Params]]) -> None:
        vars(route)["params"] = params

    @overload
    def __get__(self, route: None, owner: type["Route"]) -> type[Params]: ...
    @overload
    def __get__(self, route: "Route", owner: type["Route"]) -> type[Params]: ...
    def __get__(self, route: "Route | None", owner: type["Route"]) -> type[Params]:
        if route is None:
            raise AttributeError("params")  # for `dataclass`: the field has no default
        params = vars(route)["params"]
        if not isinstance(params, type):
            params = vars(route)["params"] = params()
        return cast("type[Params]", params)


@dataclass(frozen=True)
class Route:
    """One way to do one operation: a provider, a model, its limits and its price.

    Attributes:
        models: names under which a spec may pin this route's model; the first is the provider's.
        params: the model of the parameters it takes, portable ones and the provider's own; may be
            given as a function that builds it.
        check: checks parameters and roles together, such as a mask that the mode needs; gets the
            parameters and the roles that the spec names; returns a sentence, or None.
        idempotency: how an unclear paid call is settled.
        charged_on_failure: whether an accepted job that fails is charged.
        credits: the known price of one call with these parameters, or None when unknown.
        price_as_of: when its price was looked up (ISO date).
        price_source: where it was looked up.
        call_s: total deadline of the paid call, seconds.
        typical_s: how long a job usually takes, seconds; it is first polled shortly before.
        job_s: a job that takes longer is given up, seconds.
        max_poll_gap_s: a job that is not polled for this long is lost, seconds; None if jobs wait.
        source: the role of the file that the spec's name implies.
        pinned_only: chosen only when the spec names its model.
        refusal: why a known operation is not available; a sentence, or None if it is.
    """

    operation: str
    provider: str
    models: tuple[str, ...]
    params: _ParamsOnFirstUse = _ParamsOnFirstUse()
    roles: Mapping[str, Role] = field(default_factory=dict)
    check: Callable[[Any, frozenset[str]], str | None] = lambda _params, _roles: None
    idempotency: Idempotency = "none"
    asynchronous: bool = False
    charged_on_failure: Charged = "unknown"
    credits: PriceTable = NO_PRICE
    price_as_of: str = ""
    price_source: str = ""
    call_s: int = 90
    typical_s: int = 5
    job_s: int = 3600
    max_poll_gap_s: int | None = None
    source: str = "image"
    pinned_only: bool = False
    refusal: str | None = None

    @property
    def model(self) -> str:
        """The provider's own name of the model."""
        return self.models[0]


@dataclass(frozen=True)
class Tariff:
    """What a provider's credit costs, and when that was looked up (ISO date).

    Attributes:
        usd_per_credit: US dollars; None where nobody says.
        as_of: when that was looked up.
        source: where it is from.
        is_setting: whether the environment's settings say so, and not the provider's documents.
    """

    usd_per_credit: float | None
    as_of: str
    source: str
    is_setting: bool = False


class RoutesByProvider(Sequence[Route]):
    """The routes of several providers, built when they are first read.

    A task needs those of its own provider, and `of` builds no other's.

    Args:
        providers: their names, in the default order of preference.
        routes_of: builds the routes of one provider, in its own order of preference.
        arrange: puts the routes of all providers in order.
    """

    def __init__(
        self,
        providers: Iterable[str],
        routes_of: Callable[[str], Sequence[Route]],
        arrange: Callable[[Sequence[Route]], Sequence[Route]],
    ) -> None:
        self._providers = tuple(providers)
        self._routes_of = routes_of
        self._arrange = arrange

    def of(self, provider: str) -> Sequence[Route]:
        """The provider's routes; empty for an unknown one."""
        return self._routes_of(provider) if provider in self._providers else ()

    @cached_property
    def _all(self) -> Sequence[Route]:
        return self._arrange([each for name in self._providers for each in self._routes_of(name)])

    @overload
    def __getitem__(self, index: int) -> Route: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Route]: ...
    def __getitem__(self, index: int | slice) -> Route | Sequence[Route]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)
