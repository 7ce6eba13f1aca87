"""What the tasks of an upload will cost, as far as that is known, before anything is uploaded.

Each task counts with the expected price of the provider that it will call first; see
`darkroom.domain.prices` for where that is from. Nothing is called that costs anything.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from darkroom.domain.errors import DarkroomError, SpecRefused
from darkroom.pipeline.orders.match import find_route
from darkroom.pipeline.orders.price import price_for
from darkroom.pipeline.orders.resolve import resolve
from infra.cli.offline_specs import AskedTask, offline_providers
from infra.cli.tasks.cost import money_text

if TYPE_CHECKING:
    from darkroom.domain.order import Order
    from darkroom.domain.prices import Price
    from darkroom.domain.routes import Route, Tariff
    from darkroom.ports import Ports, Providers
    from infra.cli.files.upload_all import Present
    from infra.cli.files.upload_plan import UploadPlan


@dataclass(frozen=True)
class NewTask:
    """A task that the upload will make; `key` is that of its spec, or of its photo."""

    key: str
    asked: AskedTask


@dataclass
class ProviderSum:
    """What the tasks at one provider will cost.

    Attributes:
        credits: of the tasks whose price is known.
        usd: of those whose price in dollars is known.
        without_credits: how many tasks have no known price in credits.
        without_usd: the same in dollars.
        sources: where the prices are from, for people.
    """

    tasks: int = 0
    credits: float = 0.0
    usd: float = 0.0
    without_credits: int = 0
    without_usd: int = 0
    sources: dict[str, None] = field(default_factory=dict)

    def add(self, price: "Price") -> None:
        """Count one more task."""
        self.tasks += 1
        self.credits += price.credits or 0
        self.usd += price.usd or 0
        self.without_credits += price.credits is None
        self.without_usd += price.usd is None
        if price.basis != "unknown":
            source = " ".join(filter(None, (price.basis, price.as_of, f"({price.source})")))
            self.sources[source] = None

    def describe(self, provider: str) -> str:
        """As in "304 credits at snapapi ($6.08)", and plainly what is unknown."""
        if self.without_credits == self.tasks:
            return f"the price of {_tasks(self.tasks)} at {provider} is unknown"
        if self.without_usd == 0:
            money = money_text(self.usd)
        elif self.without_usd == self.tasks:
            money = "in dollars unknown"
        else:
            money = f"{money_text(self.usd)} and {_tasks(self.without_usd)} unknown in dollars"
        more = self.without_credits
        rest = f" and {_tasks(more)} at an unknown price" if more else ""
        return f"{self.credits:,.10g} credits at {provider} ({money}){rest}"

    def as_dict(self) -> dict[str, Any]:
        """The sum as `--json` prints it."""
        return {**vars(self), "sources": list(self.sources)}


@dataclass(frozen=True)
class Estimate:
    """What an upload will cost.

    Attributes:
        tasks: all that it is about.
        done: those of them that exist already; nothing is paid for them.
        by_provider: provider -> the others, which are to be paid.
        may_reuse: how many of these may get an earlier result instead, at no charge; only Darkroom
            knows whether there is one.
    """

    tasks: int
    done: int
    by_provider: dict[str, ProviderSum]
    may_reuse: int = 0

    @property
    def new(self) -> int:
        """How many tasks are to be paid."""
        return self.tasks - self.done

    @property
    def usd(self) -> float | None:
        """Dollars in all; None where the price of one is not known."""
        known = all(each.without_usd == 0 for each in self.by_provider.values())
        return sum(each.usd for each in self.by_provider.values()) if known else None

    @property
    def text(self) -> str:
        """As in "200 tasks, 48 of them begun before; 304 credits at snapapi ($6.08)"."""
        before = f", {self.done:,} of them begun before" if self.done else ""
        cost = ", ".join(each.describe(name) for name, each in sorted(self.by_provider.items()))
        less = f", less where {_tasks(self.may_reuse)} reuse earlier results"
        rest = less if self.may_reuse else ""
        return f"{_tasks(self.tasks)}{before}; {cost or 'nothing to pay'}{rest}"

    def as_dict(self) -> dict[str, Any]:
        """The estimate as `--json` prints it."""
        return {
            "tasks": self.tasks,
            "done_before": self.done,
            "new": self.new,
            "usd": self.usd,
            "may_reuse": self.may_reuse,
            "by_provider": {name: each.as_dict() for name, each in self.by_provider.items()},
        }


def find_new_tasks(plan: "UploadPlan", present: "Present") -> list[NewTask]:
    """The tasks of the plan that do not exist yet."""
    new: list[NewTask] = []
    for key, asked in plan.asked.items():
        if key in plan.photos:
            made = present.labels.get(key, frozenset())
            pairs = zip(plan.photos[key], asked, strict=True)
            new += [NewTask(key, each) for label, each in pairs if label not in made]
        elif key in plan.specs and key not in present.specs:
            new += [NewTask(key, each) for each in asked]
    return new


def count_tasks_of(plan: "UploadPlan") -> int:
    """All tasks of the plan, those that exist included."""
    photos = sum(len(labels) for labels in plan.photos.values())
    return photos + len(plan.specs)


class Estimator:
    """Prices tasks with an environment's providers, settings and what was charged there lately.

    Args:
        ports: of the environment.
        set_up: which providers count as set up.
    """

    def __init__(self, ports: "Ports", set_up: "SetUp") -> None:
        self._ports = ports
        self._providers = cast("Providers", _SetUpProviders(ports.providers, set_up))
        self._known: dict[object, tuple[str, Price]] = {}

    def estimate(self, tasks: int, new: Iterable[NewTask]) -> Estimate:
        """What these new tasks of so many will cost."""
        by_provider: dict[str, ProviderSum] = {}
        count = may_reuse = 0
        for each in new:
            provider, price = self._price(each.asked)
            by_provider.setdefault(provider, ProviderSum()).add(price)
            count += 1
            may_reuse += each.asked.spec.reuse
        return Estimate(tasks, tasks - count, by_provider, may_reuse)

    def _price(self, asked: AskedTask) -> "tuple[str, Price]":
        spec = asked.spec
        # Files and metadata are no part of a price; how many files there are chooses the route.
        roles = sorted((role, len(_as_list(paths))) for role, paths in spec.inputs.items())
        plain = spec.model_dump_json(exclude={"inputs", "metadata", "output"})
        same = (plain, tuple(roles), asked.name.source is None)
        if same not in self._known:
            self._known[same] = self._find_price(asked)
        return self._known[same]

    def _find_price(self, asked: AskedTask) -> "tuple[str, Price]":
        order = self._resolve(asked)
        choice = order.choices[0]
        route = cast("Route", find_route(self._providers.routes(), order.operation, choice))
        return choice.provider, price_for(self._ports, route, order.params)

    def _resolve(self, asked: AskedTask) -> "Order":
        try:
            return resolve(asked.spec, asked.name, self._providers, self._ports.money.max_price)
        except SpecRefused:
            # No provider is set up, which the task will say.
            return resolve(asked.spec, asked.name, offline_providers())


class SetUp:
    """Which providers count as set up: those whose secrets may not be read do, too.

    Args:
        providers: of the environment.
        may_read: whether this user may read the secret of a provider.
    """

    def __init__(self, providers: "Providers", may_read: Callable[[str], bool]) -> None:
        self._providers, self._may_read = providers, may_read
        self._known: dict[str, bool] = {}

    def __call__(self, provider: str) -> bool:
        """Whether it counts as set up; asked once."""
        if provider not in self._known:
            try:
                known = self._providers.set_up(provider)
            except DarkroomError:
                known = True  # that it cannot be found out now says nothing
            self._known[provider] = known or not self._may_read(provider)
        return self._known[provider]


class _SetUpProviders:
    """The part of `ports.Providers` that `resolve` uses."""

    def __init__(self, providers: "Providers", set_up: SetUp) -> None:
        self._providers, self._set_up = providers, set_up

    def routes(self) -> "Sequence[Route]":
        return self._providers.routes()

    def tariff(self, provider: str) -> "Tariff":
        return self._providers.tariff(provider)

    def set_up(self, provider: str) -> bool:
        return self._set_up(provider)

    def set_up_hint(self, _provider: str) -> str:
        return ""


def _as_list(paths: object) -> Sequence[object]:
    return paths if isinstance(paths, list) else [paths]


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number:,} tasks"
