"""An environment in memory whose metrics are collected as CloudWatch collects them.

The pipeline runs with the real writer of metrics; what it writes is read as the log would be, at
the time of the test's clock. What AWS measures by itself is recorded as the local environment does.
"""

import io
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

from darkroom.aws.emf_metrics import EmfMetrics
from darkroom.domain.errors import AccountBlocked
from darkroom.domain.measurements import Measurement
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.money_settings import read_money_settings
from darkroom.ports import Ports
from infra.aws.environments import PROVIDERS, Environment
from infra.local.metrics.alarms import Alarm, State
from infra.local.metrics.recorder import LOG, Recorder
from infra.local.metrics.samples import Sample, read_folder, read_samples
from tests.fakes.clock import FixedClock
from tests.fakes.providers import FakeProviders
from tests.fakes.routes import JOB_NONE, ROUTES, SYNC_NONE
from tests.pipeline.harness import PipelineHarness

OPERATIONS = (SYNC_NONE, JOB_NONE)
"""What every provider of a world offers: one at once, and one with a job."""


@dataclass
class CollectedMetrics:
    """`darkroom.ports.Metrics`, written and read again."""

    environment: str
    clock: FixedClock
    samples: list[Sample] = field(default_factory=list)

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """Write them as a function does, and read them as CloudWatch does."""
        written = io.StringIO()
        with redirect_stdout(written):
            EmfMetrics(self.environment).emit(measurements)
        at = self.clock.now().timestamp()
        found = read_samples(written.getvalue().splitlines())
        self.samples += [replace(sample, at=at) for sample in found]


class AlarmWorld:
    """One environment: its pipeline, its clock, its metrics, and one of its alarms."""

    def __init__(self, environment: Environment, alarm: Alarm, folder: Path) -> None:
        kinds = [next(one for one in ROUTES if one.operation == name) for name in OPERATIONS]
        routes = [replace(kind, provider=provider) for kind in kinds for provider in PROVIDERS]
        money = read_money_settings(environment.money).as_rules()
        self.harness = PipelineHarness(providers=FakeProviders(routes), money=money)
        self.clock = self.harness.clock
        self.metrics = CollectedMetrics(environment.name, self.clock)
        self.harness.ports = replace(self.harness.ports, metrics=self.metrics)
        self.recorder = Recorder(folder, lambda: self.clock.now().timestamp())
        self._alarm, self._folder = alarm, folder
        self._photos = 0

    @property
    def ports(self) -> Ports:
        """What the pipeline runs with."""
        return self.harness.ports

    @property
    def state(self) -> State:
        """The alarm's, now."""
        recorded = read_folder(self._folder) if (self._folder / LOG).is_file() else []
        return self._alarm.judge([*self.metrics.samples, *recorded], self.clock.now().timestamp())

    def order(self, provider: str, photos: int = 1, operation: str = SYNC_NONE) -> None:
        """Upload photos for a provider, and let their tasks go as far as they come."""
        for _ in range(photos):
            self._photos += 1
            photo = f"photos/{self._photos:03}.jpg"
            self.harness.upload(photo)
            self.harness.upload_spec(operation, f"{photo}.json", provider=provider)
        self.harness.run(until=["held"])

    def lift_budget(self) -> None:
        """Let the provider be called as often as the test likes."""
        self.harness.ports = replace(self.harness.ports, money=MoneyRules())

    def measure_a_line(self, provider: str) -> None:
        """Measure the line of a provider with a task in it."""
        blocked = AccountBlocked("no-credits", "The account is empty.")
        self.harness.providers.script("submit", *[blocked] * 9)
        self.order(provider)
        self.harness.sweep()

    def pass_minutes(self, minutes: int, *, sweeping: bool = True) -> None:
        """Let time pass; SWEEP runs each minute."""
        for _ in range(minutes):
            self.clock.advance(60)
            if sweeping:
                self.harness.sweep()
