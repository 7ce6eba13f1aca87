"""Each vendor's account runs empty in the middle of 60 tasks, and is topped up.

The pipeline is that of the other tests, its provider the real driver over the vendor's sandbox. The
sandbox says in its vendor's words that there are no credits.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import AccountBlocked
from darkroom.domain.limits import Limits
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import Accepted, JobRequest, Prepared
from darkroom.ports import Step
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.clock import Clock
from infra.sandbox.http_server import start
from infra.sandbox.ledger import Ledger
from tests.fakes.clock import START, FixedClock
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import BY_NAME
from tests.pipeline.harness import ClockScheduler, PipelineHarness
from tests.sandbox.images import as_png, portrait
from tests.simulation.asl_interpreter import Run, definition
from tests.simulation.single_fault import SingleFault

TASKS: Final = 60
PAID_FIRST: Final = 25
"""For so many the credits last."""
MAX_S: Final = 3600
LOOKS: Final = 3
"""So often the account is found empty before it is topped up."""
WORK: Final[Mapping[str, tuple[str, int]]] = {
    "snapapi": ("remove-background", 1),
    "apiframe": ("upscale", 5),
    "perfect": ("remove-background", 1),
    "goapi": ("remove-background", 1),
}
"""Provider -> an operation, and its price in credits."""


class WatchedDriver:
    """The driver; the account is topped up after it was found empty `LOOKS` times.

    Attributes:
        accepted: the tasks whose paid calls were accepted, in order.
        refused: how many paid calls were refused for lack of credits.
        asked: what was in the account whenever that was asked for.
    """

    def __init__(self, driver: Driver, ledger: Ledger) -> None:
        self.driver, self.ledger = driver, ledger
        self.accepted: list[str] = []
        self.refused = 0
        self.asked: list[float | None] = []
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Submit; notes how that ended."""
        try:
            answer = self.driver.submit(work, intend)
        except AccountBlocked:
            self.refused += 1
            self._look()
            raise
        self.accepted.append(work.task_id)
        return answer

    def balance(self, provider: str) -> Balance | None:
        """Ask; notes the answer."""
        balance = self.driver.balance(provider)
        if balance is not None:
            self.asked.append(balance.credits)
            self._look()
        return balance

    def _look(self) -> None:
        self._looks += 1
        if self._looks == LOOKS:
            self.ledger.set_balance(10_000)


@contextmanager
def _night(provider: str) -> Iterator[tuple[PipelineHarness, WatchedDriver]]:
    """The pipeline over the vendor's sandbox, on one clock."""
    clock, inputs, transport = FixedClock(), InMemoryInputs(), DeadlineTransport()
    since = time.time()  # Perfect checks when a request was signed
    own_clock = Clock(lambda: since + (clock.now() - START).total_seconds())
    with start([provider], clock=own_clock, job_s=2.0) as running:
        one = running[provider]
        driver = Driver(
            BY_NAME,
            lambda name: {**one.credentials, "base_url": one.base_url} if name == provider else {},
            inputs,
            "local",
            transport=transport,
            preferences=Preferences(loopback=True),
        )
        watched: Any = WatchedDriver(driver, one.state.ledger)
        # A process that waits in place would stop the clock of all others.
        limits = Limits(linger_s=0)
        yield PipelineHarness(clock=clock, inputs=inputs, providers=watched, limits=limits), watched
    transport.close()


def _play(harness: PipelineHarness) -> None:
    """Interpret all runs at the same time, and SWEEP every minute, until all tasks have ended."""
    scheduler = ClockScheduler(harness.clock)
    injector: Any = SimpleNamespace(scheduler=scheduler, fault_policy=SingleFault())

    def sweep() -> None:
        harness.sweep()
        scheduler.after(60, sweep)

    def begin(task_id: str, run: int) -> None:
        def invoke(verb: str, event: Mapping[str, Any]) -> Step:
            return harness.step(verb, task_id, run, event.get("step", {}).get("wait_s"))

        Run(task_id, run, definition(), injector, invoke, lambda *_: None).begin()

    scheduler.after(60, sweep)
    begun = 0
    while not all(task.finished for task in harness.tasks.all):
        for task_id, run in harness.workflows.started[begun:]:
            begin(task_id, run)
            begun += 1
        assert scheduler.now < MAX_S
        scheduler.run_next()


@pytest.mark.parametrize("provider", WORK)
def test_account_that_runs_empty_in_the_middle_of_a_night_delays_it(provider: str) -> None:
    """All succeed, in order, at the same vendor; one event says how many wait for what."""
    operation, price = WORK[provider]
    with _night(provider) as (harness, driver):
        driver.ledger.set_balance(PAID_FIRST * price)
        photo = as_png(portrait(64, 64))
        for number in range(TASKS):
            name = f"night/{number:02}.png"
            harness.upload(name, photo)
            harness.upload_spec(operation, f"{name}.json", provider=provider)
            harness.clock.advance(0.01)
        _play(harness)
        ledger = driver.ledger.entries()

    in_order = sorted(harness.tasks.all, key=lambda task: task.trigger.key)
    assert {task.state for task in in_order} == {"succeeded"}, in_order[0].ending
    assert {a.provider for task in in_order for a in task.attempts} == {provider}
    assert all(len(task.attempts) == 1 for task in in_order)
    assert driver.accepted == [task.task_id for task in in_order]
    assert sum(entry.kind == "charge" for entry in ledger) == TASKS
    # A task tries only where the vendor has no free call.
    assert driver.refused == (LOOKS if provider == "snapapi" else 1)
    assert len(driver.asked) == (0 if provider == "snapapi" else LOOKS)
    (event,) = [e.detail for e in harness.events.published if e.kind == "Account Empty"]
    assert event["provider"] == provider
    assert event["tasks"] == TASKS - PAID_FIRST
    assert event["credits_needed"] in (None, (TASKS - PAID_FIRST) * price)
