"""Each alarm of the template begins when it should, and is over when it should be."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from darkroom.domain.errors import AccountBlocked, Unclear
from darkroom.pipeline.admission.payment_pause import pause_payments, resume_payments
from infra.aws.environments import PROVIDERS, Environment
from infra.local.metrics.alarms import Alarm, read_alarms
from tests.infra.alarm_world import AlarmWorld
from tests.infra.template import Template

Play = Iterator[str]
"""What happens to an alarm, as a generator: each value is the state that it has then."""

NAME = "bank"
ROOT = Path(__file__).parents[2]


def dead_letter(world: AlarmWorld) -> Play:
    """A message that could not be processed, and its redrive."""
    world.recorder.looked_at(f"darkroom-{NAME}-dead-letters", visible=1, oldest_s=9)
    world.pass_minutes(5)
    yield "ALARM"
    world.recorder.looked_at(f"darkroom-{NAME}-dead-letters", visible=0, oldest_s=0)
    world.pass_minutes(5)
    yield "OK"


def late_intake(world: AlarmWorld) -> Play:
    """Messages that INTAKE does not get to."""
    for oldest_s in (899, 901, 10):
        world.recorder.looked_at(f"darkroom-{NAME}-intake", visible=70, oldest_s=oldest_s)
        world.pass_minutes(5)
        yield "ALARM" if oldest_s > 900 else "OK"


def no_sweeps(world: AlarmWorld) -> Play:
    """Its schedule is off for five minutes."""
    world.pass_minutes(6)
    yield "OK"
    world.pass_minutes(6, sweeping=False)
    yield "ALARM"
    world.pass_minutes(2)
    yield "OK"


def unknown_task(world: AlarmWorld) -> Play:
    """A provider that does not answer a paid call."""
    world.harness.providers.script("submit", Unclear("no-answer", "It did not answer."))
    world.order("goapi")
    world.pass_minutes(5)
    yield "ALARM"
    world.pass_minutes(5)
    yield "OK"


def throttled_functions(world: AlarmWorld) -> Play:
    """For a quarter of an hour."""
    for _ in range(3):
        world.recorder.throttled(f"darkroom-{NAME}-submit")
        world.pass_minutes(5)
    yield "ALARM"
    world.pass_minutes(5)
    yield "OK"


def failing_functions(world: AlarmWorld) -> Play:
    """Once is no alarm; again and again is one."""
    for failures in range(1, 4):
        world.recorder.invoked(f"darkroom-{NAME}-poll", failed=True)
        world.recorder.invoked(f"darkroom-{NAME}-deliver", failed=False)
        world.pass_minutes(5)
        yield "ALARM" if failures == 3 else "OK"
    world.pass_minutes(5)
    yield "OK"


def paused_delivery(world: AlarmWorld) -> Play:
    """The output bucket takes nothing."""
    pause_payments(world.ports, "0" * 32, PermissionError("AccessDenied"))
    for _ in range(10):
        world.pass_minutes(1)
        pause_payments(world.ports, "0" * 32, PermissionError("AccessDenied"))
    yield "ALARM"
    resume_payments(world.ports)
    world.pass_minutes(10)
    yield "OK"


def failing_calls(provider: str) -> Callable[[AlarmWorld], Play]:
    """Calls that come to nothing, one in four; then none."""

    def play(world: AlarmWorld) -> Play:
        world.lift_budget()
        for number in range(12):
            if number % 4 == 0:
                world.harness.providers.script("submit", Unclear("no-answer", "Nothing came."))
            world.order(provider)
        world.pass_minutes(15)
        yield "ALARM"
        world.pass_minutes(15)
        yield "OK"

    return play


def paused(provider: str) -> Callable[[AlarmWorld], Play]:
    """An account that is blocked for more than an hour."""

    def play(world: AlarmWorld) -> Play:
        blocked = AccountBlocked("no-credits", "The account is empty.")
        world.harness.providers.script("submit", *[blocked] * 500)
        world.order(provider)
        for _ in range(70):
            world.pass_minutes(1)
            world.harness.run(until=["held"])
        yield "ALARM"
        world.harness.providers.forget("submit")
        for _ in range(15):
            world.pass_minutes(1)
            world.harness.run(until=["held"])
        assert world.harness.task.state == "succeeded"
        yield "OK"

    return play


def used_budget(provider: str, percent: int) -> Callable[[AlarmWorld], Play]:
    """Calls of 2 credits, and of $0.02, until the budget is used; then it is another day."""

    def play(world: AlarmWorld) -> Play:
        world.order(provider, 3)
        world.pass_minutes(2)
        yield "OK"
        world.order(provider, (percent - 60) // 20)
        world.pass_minutes(2)
        yield "ALARM"
        world.clock.advance(24 * 3600)
        world.pass_minutes(2)
        yield "OK"

    return play


PLAYS: Mapping[str, Callable[[AlarmWorld], Play]] = {
    "dead-letters": dead_letter,
    "intake-is-late": late_intake,
    "sweep-stands-still": no_sweeps,
    "unknown-tasks": unknown_task,
    "function-throttles": throttled_functions,
    "function-errors": failing_functions,
    "delivery-paused": paused_delivery,
    **{f"{name}-fails": failing_calls(name) for name in PROVIDERS},
    **{f"{name}-paused": paused(name) for name in PROVIDERS},
    **{
        f"budget-{name}-{percent}": used_budget(name.removeprefix("credits-"), percent)
        for name in (f"credits-{provider}" for provider in PROVIDERS)
        for percent in (80, 100)
    },
    **{f"budget-usd-{percent}": used_budget(PROVIDERS[0], percent) for percent in (80, 100)},
}


@pytest.fixture
def alarms(templates: Mapping[str, Template]) -> Mapping[str, Alarm]:
    """Name within the environment -> the alarm as the template defines it."""
    return {
        alarm.name.removeprefix(f"darkroom-{NAME}-"): alarm
        for alarm in read_alarms(templates[NAME].body)
    }


def test_every_alarm_is_played(alarms: Mapping[str, Alarm]) -> None:
    """One that nobody has seen begin is none."""
    assert alarms.keys() == PLAYS.keys()


@pytest.mark.parametrize("name", PLAYS)
def test_alarm_begins_and_is_over(
    name: str, alarms: Mapping[str, Alarm], bank: Environment, tmp_path: Path
) -> None:
    """From metrics that the functions write."""
    world = AlarmWorld(bank, alarms[name], tmp_path)
    for expected in PLAYS[name](world):
        assert world.state == expected


def test_alarm_says_what_to_type(alarms: Mapping[str, Alarm]) -> None:
    """A sentence that says what has happened, and a command for this environment."""
    for name, alarm in alarms.items():
        meaning, _, command = alarm.description.partition(": darkroom ")
        assert meaning.count(".") >= 1, name
        assert command.endswith(f"--env {NAME}"), name


def test_readme_says_what_to_do_about_each_alarm() -> None:
    """A row of its table for each; there people look who are woken."""
    readme = (ROOT / "infra" / "README.md").read_text("utf-8")
    for name in PLAYS:
        shown = re.sub(rf"^({'|'.join(PROVIDERS)})-", "<provider>-", name)
        shown = re.sub(r"^budget-.*-(80|100)$", "budget-<account>-80", shown)
        assert f"`{shown}`" in readme


def test_alarms_write_to_the_receiver_when_they_begin_and_when_they_are_over(
    templates: Mapping[str, Template],
) -> None:
    """Where the environment names one."""
    for name, receivers in (("bank", 1), ("prod", 0)):
        for alarm in templates[name].of_type("CloudWatch::Alarm"):
            for actions in ("AlarmActions", "OKActions"):
                assert len(alarm.get(actions) or ()) == receivers
