"""The process may die before or after any call to the outside, once; nothing is paid twice.

Each scenario is first run unharmed to count its calls. Then it is run again for every one of
them: that call dies, either before it does anything or after it has done it, and the caller of
the step (the queue, the workflow) calls it again.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.task import STUCK_AFTER
from darkroom.pipeline.sweep import sweep
from darkroom.ports import Ports
from tests.fakes.routes import JOB_KEY, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, PipelineHarness, refusal, spec_of

When = Literal["before", "after"]


@dataclass
class Doom:
    """Counts calls, and lets one of them die."""

    at: int | None = None
    when: When = "before"
    count: int = 0
    struck: str = ""
    names: list[str] = field(default_factory=list)

    @property
    def around_the_paid_call(self) -> bool:
        """Whether it struck between the intent and the write that keeps what was paid for."""
        calls = self.names[: self.at]
        if "providers.submit" not in calls:
            return False
        last = len(calls) - 1 - calls[::-1].index("providers.submit")
        return calls[last:].count("tasks.replace") <= 2

    def call(self, name: str, act: Callable[[], Any]) -> Any:
        """Do what was asked, unless its hour has come."""
        self.count += 1
        self.names.append(name)
        if self.count != self.at:
            return act()
        self.struck = name
        if self.when == "after":
            act()
        raise Died(f"{self.when} {name}")


class Mortal:
    """A port whose every call may be the last."""

    def __init__(self, port: Any, name: str, doom: Doom) -> None:
        self._port, self._name, self._doom = port, name, doom

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        full = f"{self._name}.{name}"
        return lambda *args, **kwargs: self._doom.call(full, lambda: attribute(*args, **kwargs))


def _mortal(ports: Ports, doom: Doom) -> Ports:
    lasting = ("clock", "limits")
    wrapped: dict[str, Any] = {
        f.name: Mortal(getattr(ports, f.name), f.name, doom)
        for f in fields(ports)
        if f.name not in lasting
    }
    return replace(ports, **wrapped)


# --- what happens in each scenario ---------------------------------------------------------------


def _photo_then_spec(operation: str) -> Callable[[PipelineHarness], None]:
    def act(harness: PipelineHarness) -> None:
        harness.upload(PHOTO)
        harness.upload_spec(operation)
        harness.run()

    return act


def _spec_then_photo(harness: PipelineHarness) -> None:
    harness.upload_spec(SYNC_NONE)
    harness.upload(PHOTO)
    harness.run()


def _bad_spec(harness: PipelineHarness) -> None:
    harness.upload(SPEC, b"{}")
    harness.run()


def _empty_photo_comes_late(harness: PipelineHarness) -> None:
    harness.upload_spec(JOB_KEY)
    harness.upload(PHOTO, b"")
    harness.run()


def _replaced(harness: PipelineHarness) -> None:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.upload_spec(JOB_KEY, params={"scale": 4})
    harness.run()


def _late_event(harness: PipelineHarness) -> None:
    harness.upload(PHOTO)
    old = harness.put_file(SPEC, spec_of(JOB_KEY))
    new = harness.put_file(SPEC, spec_of(JOB_KEY, params={"scale": 4}))
    harness.receive(new, old)
    harness.run()


def _deleted(harness: PipelineHarness) -> None:
    harness.upload_spec(SYNC_NONE)
    harness.delete(SPEC)
    harness.run()


def _never_came(harness: PipelineHarness) -> None:
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.inputs_s + 1)
    for _ in range(3):
        with contextlib.suppress(Died):
            sweep(harness.ports)
        harness.clock.advance(STUCK_AFTER.total_seconds())
    harness.run()


def _large_answer(harness: PipelineHarness) -> None:
    large = Finished((ResultRef("text", data="QUJD" * 50_000),))
    harness.providers.script("submit", large)
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, provider="alpha")
    harness.run()


def _fallback(harness: PipelineHarness) -> None:
    harness.providers.script("submit", refusal())
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()


SCENARIOS: dict[str, Callable[[PipelineHarness], None]] = {
    "answered at once, no key": _photo_then_spec(SYNC_NONE),
    "answered at once, key": _photo_then_spec(SYNC_KEY),
    "job, no key": _photo_then_spec(JOB_NONE),
    "job, key": _photo_then_spec(JOB_KEY),
    "spec first": _spec_then_photo,
    "large answer": _large_answer,
    "fallback": _fallback,
    "bad spec": _bad_spec,
    "empty photo comes late": _empty_photo_comes_late,
    "replaced": _replaced,
    "late event": _late_event,
    "deleted": _deleted,
    "never came": _never_came,
}
KEYED = {"answered at once, key", "job, key"}


def _played(scenario: str, doom: Doom) -> PipelineHarness:
    harness = PipelineHarness()
    harness.ports = _mortal(harness.ports, doom)
    SCENARIOS[scenario](harness)
    return harness


@dataclass(frozen=True)
class Story:
    """A scenario, played to its end unharmed and with every death; tests only look at it."""

    unharmed: PipelineHarness
    deaths: Sequence[tuple[Doom, PipelineHarness]]


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest) -> Story:
    """Played once for all tests of it, which follow each other."""
    scenario: str = request.param
    whole = Doom()
    unharmed = _played(scenario, whole)
    times: tuple[When, ...] = ("before", "after")
    dooms = [Doom(at, when) for at in range(1, whole.count + 1) for when in times]
    return Story(unharmed, [(doom, _played(scenario, doom)) for doom in dooms])


@pytest.mark.parametrize("story", SCENARIOS, indirect=True)
def test_every_task_ends_once_after_any_crash(story: Story) -> None:
    """One manifest, at least one event of its end and none of another, nothing left waiting."""
    unharmed = [task.state for task in story.unharmed.tasks.all]
    for doom, harness in story.deaths:
        where = f"died {doom.when} call {doom.at}, {doom.struck}"
        tasks = harness.tasks.all
        assert len(tasks) == len(unharmed), where
        for task, expected in zip(tasks, unharmed, strict=True):
            assert task.finished, where
            manifest = harness.manifest(task)
            assert (manifest["task_id"], manifest["status"]) == (task.task_id, task.state), where
            assert harness.event_kinds(task.task_id) == {f"Task {task.state.capitalize()}"}, where
            assert task.state in (expected, "unknown"), where
            for result in task.results:
                assert harness.outputs.get(result.key), where
        assert harness.tasks.wanted == [], where


@pytest.mark.parametrize("story", SCENARIOS, indirect=True)
def test_no_crash_pays_twice(story: Story) -> None:
    """Each task is charged at most once; without a key it is not even sent twice."""
    for doom, harness in story.deaths:
        where = f"died {doom.when} call {doom.at}, {doom.struck}"
        for task in harness.tasks.all:
            mine = [paid for paid in harness.providers.charged if paid.task_id == task.task_id]
            assert len(mine) <= 1, where
            if task.state == "succeeded":
                assert len(mine) == 1, where


@pytest.mark.parametrize("story", sorted(set(SCENARIOS) - KEYED), indirect=True)
def test_task_without_a_key_is_unknown_only_after_a_crash_at_its_paid_call(story: Story) -> None:
    """After any other crash the task goes on."""
    for doom, harness in story.deaths:
        if any(task.state == "unknown" for task in harness.tasks.all):
            assert doom.around_the_paid_call, f"{doom.when} call {doom.at}, {doom.struck}"


@pytest.mark.parametrize("story", sorted(KEYED), indirect=True)
def test_task_with_a_key_survives_every_crash(story: Story) -> None:
    """The same request under the same key finds what was paid for."""
    for doom, harness in story.deaths:
        states = [task.state for task in harness.tasks.all]
        assert states == ["succeeded"], f"{doom.when} {doom.struck}"


def test_every_port_crashes_in_some_scenario() -> None:
    """Otherwise this file would prove less than it says."""
    seen: set[str] = set()
    for scenario in SCENARIOS:
        doom = Doom()
        _played(scenario, doom)
        seen |= set(doom.names)
    expected = {
        *("tasks.get", "tasks.create", "tasks.replace", "tasks.latest", "tasks.owner"),
        *("tasks.wanting", "tasks.forget_wants", "tasks.due", "inputs.find", "inputs.read"),
        *("outputs.put_over", "workflows.start", "events.publish"),
        *("providers.submit", "providers.poll", "providers.fetch"),
    }
    assert expected <= seen
