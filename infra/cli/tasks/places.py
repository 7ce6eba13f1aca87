"""Where tasks are in their providers' lines, and about how long they wait there, for users."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from darkroom.domain.turns import expected_wait_s
from darkroom.pipeline.admission.circuit import is_open, pause_reason
from darkroom.pipeline.admission.payment_pause import DELIVERY, payment_pause_reason
from darkroom.pipeline.orders.match import find_route

if TYPE_CHECKING:
    from darkroom.domain.routes import Route
    from darkroom.domain.task import Task
    from darkroom.domain.turns import Place
    from darkroom.ports import Ports

MAX_PLACES: Final = 10
"""Of how many tasks the place is read at once: each takes a query that reads all who are ahead."""
REFRESH_S: Final = 5.0
"""A place that was read is shown for this long."""
_MINUTE: Final = 60
_HOUR: Final = 3600
_TEENS: Final = range(11, 14)
_SUFFIXES: Final = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class PlaceInLine:
    """A task's place in the line of the provider that it will call.

    Attributes:
        number: 1 for the first in line.
        wait_s: about how long it waits for its turn, seconds; None if that is not known.
        pause: why nobody gets a turn now, for users; "" if somebody does.
    """

    provider: str
    number: int
    wait_s: float | None = None
    pause: str = ""

    @property
    def reason(self) -> str:
        """Why it waits, without what changes all the time."""
        return self.pause or _reason(self.provider)

    @property
    def text(self) -> str:
        """Why it waits, as in "3rd in line at apiframe, about 40 s"."""
        if self.pause:
            return self.pause
        line = f"{_ordinal(self.number)} in line at {self.provider}"
        return line if self.wait_s is None else f"{line}, about {_duration(self.wait_s)}"


class Places:
    """Reads the places of tasks: of at most `MAX_PLACES` at once, and once in `REFRESH_S`.

    Args:
        open_ports: called when the first task is in a line.
        clock: seconds that only grow.
    """

    def __init__(
        self, open_ports: "Callable[[], Ports]", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_ports = open_ports
        self._clock = clock
        self._read_at = -math.inf
        self._known: dict[tuple[str, Place], PlaceInLine] = {}

    def of(self, tasks: "Iterable[Task]") -> Mapping[str, PlaceInLine]:
        """Task id -> its place; without tasks that are in no line, and without those not read."""
        if self._clock() - self._read_at >= REFRESH_S:
            self._known.clear()
            self._read_at = self._clock()
        found = {}
        for task in tasks:
            if task.place is None or task.ending is not None or task.held:
                continue
            key = (task.task_id, task.place)
            if key not in self._known and len(self._known) < MAX_PLACES:
                self._known[key] = _read_place(self._open_ports(), task, task.place)
            if key in self._known:
                found[task.task_id] = self._known[key]
        return found


def wait_reason(task: "Task", place: PlaceInLine | None) -> str | None:
    """Why an unfinished task waits now; the state of its line comes before what was stored."""
    if task.finished:
        return None
    if task.place is None or task.ending is not None or task.held:
        return task.wait_reason
    return place.reason if place else task.wait_reason or _reason(task.place.provider)


def _read_place(ports: "Ports", task: "Task", place: "Place") -> PlaceInLine:
    ahead = ports.lines.ahead(task.task_id, place)
    pause = _read_pause(ports, place.provider)
    route = _route(ports, task, place.provider)
    wait_s = None
    if not pause and route is not None:
        rules = ports.providers.rules(place.provider)
        wait_s = expected_wait_s(ahead, rules, route.typical_s, place.calls)
    return PlaceInLine(place.provider, ahead + 1, wait_s, pause)


def _read_pause(ports: "Ports", provider: str) -> str:
    """Why no turns are given at the provider, or only one at a time as a probe; "" if they are."""
    delivery = ports.limiter.circuit(DELIVERY)
    if delivery.probing:
        return payment_pause_reason(delivery)
    circuit = ports.limiter.circuit(provider)
    paused = circuit.probing or is_open(circuit, ports.clock.now().timestamp())
    return pause_reason(provider, circuit) if paused else ""


def _route(ports: "Ports", task: "Task", provider: str) -> "Route | None":
    """The route with which the task will call the provider; None if a deployment removed it."""
    order = task.resolved_order
    choices = (choice for choice in order.choices if choice.provider == provider)
    routes = (find_route(ports.providers.routes(), order.operation, choice) for choice in choices)
    return next((route for route in routes if route is not None), None)


def _reason(provider: str) -> str:
    return f"waits for its turn at {provider}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in _TEENS else _SUFFIXES.get(number % 10, "th")
    return f"{number:,}{ending}"


def _duration(seconds: float) -> str:
    """Rounded up, in the unit that keeps it short."""
    if seconds <= 1.5 * _MINUTE:
        return f"{math.ceil(seconds)} s"
    if seconds <= 1.5 * _HOUR:
        return f"{math.ceil(seconds / _MINUTE)} min"
    return f"{math.ceil(seconds / _HOUR):,} h"
