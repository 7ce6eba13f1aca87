"""A task's place in line, in words; how often it is read, and what comes before it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import Failure
from darkroom.domain.order import Choice, Order
from darkroom.domain.rate_limits import Rate, Rules, bucket_of
from darkroom.domain.task import Ending, Task
from darkroom.domain.turns import Place
from darkroom.pipeline.admission.payment_pause import DELIVERY
from darkroom.ports import Ports
from infra.cli.tasks.places import MAX_PLACES, REFRESH_S, PlaceInLine, Places, wait_reason
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task
from tests.pipeline.harness import PipelineHarness

NOW = START.timestamp()


class Harness(PipelineHarness):
    """Tasks in the line of beta, where jobs usually take six seconds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.providers.rules_of["beta"] = Rules(open_jobs=2)
        self.time = 0.0
        self.opened = 0
        self.places = Places(self.open_ports, lambda: self.time)

    def open_ports(self) -> Ports:
        """The ports, counted."""
        self.opened += 1
        return self.ports

    def add(self, number: int, **changes: object) -> Task:
        """A task in the line, later than those with lower numbers."""
        place = Place("beta", START + timedelta(seconds=number), opens_job=True)
        task = sample_task(number, place=place)
        task = replace(task, **changes)  # type: ignore[arg-type]
        self.tasks.create(task, previous=None, owner=None)
        return task

    def place(self, task: Task) -> PlaceInLine | None:
        """The task's place, read now."""
        self.time += REFRESH_S
        return self.places.of([task]).get(task.task_id)


@pytest.fixture
def harness() -> Harness:
    """Nobody is in line."""
    return Harness()


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (112, "112th"),
        (1022, "1,022nd"),
    ],
)
def test_place_is_an_ordinal_number(number: int, word: str) -> None:
    """As people say it."""
    assert PlaceInLine("beta", number).text == f"{word} in line at beta"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (90, "90 s"),
        (90.5, "2 min"),
        (5400, "90 min"),
        (5401, "2 h"),
        (3_600_000, "1,000 h"),
    ],
)
def test_wait_is_rounded_up(seconds: float, words: str) -> None:
    """In seconds, minutes or hours."""
    assert PlaceInLine("beta", 3, seconds).text == f"3rd in line at beta, about {words}"


def test_place_counts_those_ahead_and_estimates_the_wait(harness: Harness) -> None:
    """By the route's usual time where open jobs are limited, by the rate where that is."""
    tasks = [harness.add(number) for number in range(1, 6)]
    assert harness.place(tasks[0]) == PlaceInLine("beta", 1, 6)
    assert harness.place(tasks[4]) == PlaceInLine("beta", 5, 18)

    rules = Rules(Rate(60, 60))
    bucket = bucket_of(rules)
    assert bucket
    harness.providers.rules_of["beta"] = rules
    assert harness.place(tasks[4]) == PlaceInLine("beta", 5, 5 * bucket.spacing_s)
    several = harness.add(6, place=Place("beta", START + timedelta(seconds=6), calls=3))
    assert harness.place(several) == PlaceInLine("beta", 6, 18 * bucket.spacing_s)


def test_wait_is_unknown_without_limits_or_a_route(harness: Harness) -> None:
    """The place is known; a deployment has removed the route, or the account's limits."""
    gone = harness.add(1, order=Order("upscale", (Choice("beta", "gone"),)))
    task = harness.add(2)
    assert harness.place(gone) == PlaceInLine("beta", 1)
    harness.providers.rules_of.clear()
    assert harness.place(task) == PlaceInLine("beta", 2)


def test_route_is_that_of_the_provider_in_whose_line_it_is(harness: Harness) -> None:
    """The first choice may have refused; its usual time says nothing."""
    choices = (Choice("gamma", "gamma-1"), Choice("beta", "beta-1"))
    harness.providers.offered = [
        replace(route, typical_s=600) if route.provider == "gamma" else route
        for route in harness.providers.offered
    ]
    task = harness.add(1, order=Order("upscale", choices))
    assert harness.place(task) == PlaceInLine("beta", 1, 6)


@pytest.mark.parametrize(
    ("name", "circuit", "reason"),
    [
        (
            "beta",
            CircuitState(1, NOW + 9, "It was busy."),
            "beta is paused: It was busy.",
        ),
        (
            "beta",
            CircuitState(FAILURES_TO_OPEN, NOW - 9, "Too few credits."),
            "beta is paused: Too few credits.",
        ),
        (
            DELIVERY,
            CircuitState(FAILURES_TO_OPEN, NOW - 9, "PermissionError."),
            "new paid calls are paused while results cannot be delivered: PermissionError.",
        ),
    ],
)
def test_pause_is_the_reason_instead_of_the_place(
    harness: Harness, name: str, circuit: CircuitState, reason: str
) -> None:
    """Also for a task that was queued during the pause and has no stored reason."""
    task = harness.add(1)
    harness.limiter.compare_and_set(name, CircuitState(), circuit)
    place = harness.place(task)
    assert place == PlaceInLine("beta", 1, None, reason)
    assert (place.text, wait_reason(task, place)) == (reason, reason)


@pytest.mark.parametrize(
    ("name", "circuit"),
    [
        ("beta", CircuitState(1, NOW - 9, "It was busy.")),
        ("gamma", CircuitState(1, NOW + 9, "It was busy.")),
        (DELIVERY, CircuitState(1, NOW + 9, "It failed once.")),
    ],
)
def test_pause_that_is_over_or_elsewhere_is_no_reason(
    harness: Harness, name: str, circuit: CircuitState
) -> None:
    """And a reason that was stored during a pause is not shown after it."""
    task = harness.add(1, wait_reason="beta is paused: It was busy.")
    harness.limiter.compare_and_set(name, CircuitState(), circuit)
    place = harness.place(task)
    assert place == PlaceInLine("beta", 1, 6)
    assert wait_reason(task, place) == "waits for its turn at beta"


def test_task_in_no_line_has_no_place(harness: Harness) -> None:
    """No ports are opened for it; a task whose ending is decided gets no turn either."""
    ending = Ending("cancelled", Failure("cancelled", "A user cancelled it."))
    tasks = [
        sample_task(1, "running", wait_reason="why"),
        harness.add(2, ending=ending),
        sample_task(3, "succeeded"),
    ]
    assert harness.places.of(tasks) == {}
    assert harness.opened == 0
    assert [wait_reason(task, None) for task in tasks] == ["why", None, None]


def test_task_whose_place_was_not_read_waits_for_its_turn(harness: Harness) -> None:
    """Or for what was stored."""
    task = harness.add(1)
    assert wait_reason(task, None) == "waits for its turn at beta"
    assert wait_reason(replace(task, wait_reason="why"), None) == "why"


def test_list_reads_few_places(harness: Harness) -> None:
    """Those that it begins with, however often and with whatever tasks it is shown."""
    tasks = [harness.add(number) for number in range(1, 3 * MAX_PLACES)]
    first = harness.places.of(tasks)
    assert list(first) == [task.task_id for task in tasks[:MAX_PLACES]]
    assert list(harness.places.of(tasks[MAX_PLACES:])) == []
    assert harness.places.of(tasks) == first
    assert harness.opened == MAX_PLACES


@pytest.mark.parametrize(("passed_s", "number"), [(REFRESH_S - 0.1, 2), (REFRESH_S, 1)])
def test_place_is_read_again_after_a_while(harness: Harness, passed_s: float, number: int) -> None:
    """The progress is drawn several times a second."""
    first, second = harness.add(1), harness.add(2)
    assert harness.places.of([second])[second.task_id].number == 2
    harness.tasks.replace(first, replace(first, place=None))
    harness.time += passed_s
    assert harness.places.of([second])[second.task_id].number == number


def test_new_place_of_a_task_is_read_at_once(harness: Harness) -> None:
    """What was read is another line's."""
    task = harness.add(1)
    assert harness.places.of([task])[task.task_id].provider == "beta"
    moved = harness.tasks.replace(task, replace(task, place=Place("gamma", START)))
    assert harness.places.of([moved])[task.task_id].provider == "gamma"


def test_ports_are_not_opened_before_they_are_needed() -> None:
    """Opening them takes longer than a short command."""
    assert Places(pytest.fail).of([sample_task(1, "running")]) == {}
