"""The simulation's own figures are those of the deployment, and its workflow is the real one."""

from typing import Any

import pytest

from darkroom.ports import Step
from darkroom.providers.perfect.adapter import Perfect
from infra.aws.sizes import MAX_RECEIVES, SIZES, VISIBILITY_FACTOR
from tests.simulation import intake_queue
from tests.simulation.asl_interpreter import AslInterpreter, definition
from tests.simulation.fault_injection import Broken, FaultInjector
from tests.simulation.fault_kinds import FaultPolicy
from tests.simulation.rate_invariants import RULES
from tests.simulation.scheduler import Scheduler
from tests.simulation.single_fault import PLACE, SingleFault
from tests.simulation.system import LIMITS
from tests.workflow.definition import states


def test_processes_live_as_long_as_they_are_deployed_to() -> None:
    """Every door's time limit."""
    assert {verb: size.timeout_s for verb, size in SIZES.items()} == LIMITS


def test_the_queue_is_as_patient_as_the_deployed_one() -> None:
    """Receives before the dead letters, and the time between them."""
    assert intake_queue.MAX_RECEIVES == MAX_RECEIVES
    assert VISIBILITY_FACTOR * SIZES["intake"].timeout_s == intake_queue.HIDDEN_S


def test_zeta_bears_what_perfect_bears() -> None:
    """Its rules are the declared ones; it stands for the provider whose jobs are lost alone."""
    assert RULES["zeta"] == Perfect.rules


def test_the_workflow_is_the_one_in_the_file() -> None:
    """Every state of it."""
    assert set(definition()["States"]) == set(states())


class Late(SingleFault):
    """A mischief that lets every invocation of an aborted run begin late."""

    def chance(self, kind: str) -> bool:
        """This alone happens."""
        return kind == "door-late"


class Script:
    """Doors that answer as they are told, and note when they were called."""

    def __init__(self, *said: Step | Broken, fault_policy: FaultPolicy | None = None) -> None:
        self.scheduler = Scheduler()
        self.interpreter = AslInterpreter(
            FaultInjector(self.scheduler, fault_policy or SingleFault()), self
        )
        self.calls: list[tuple[str, float]] = []
        self.events: list[Any] = []
        self._said = list(said)

    def __call__(self, verb: str, event: Any) -> Step | Broken:
        """The next answer; in the end, everything is done."""
        self.calls.append((verb, round(self.scheduler.now, 1)))
        self.events.append(event)
        return self._said.pop(0) if self._said else Step("done")

    @property
    def pauses(self) -> list[float]:
        """Seconds between the calls."""
        return [later - at for (_, at), (_, later) in zip(self.calls, self.calls[1:], strict=False)]

    def run(self) -> str:
        """Run one execution to its end; how it ended."""
        self.interpreter.start("t", 1)
        self.scheduler.run()
        return self.interpreter.runs["t", 1].status


def test_a_run_follows_its_answers_and_waits() -> None:
    """From door to door, with the seconds that they ask for."""
    script = Script(Step("poll", 3), Step("poll", 60), Step("deliver"))
    assert script.run() == "SUCCEEDED"
    assert [verb for verb, _ in script.calls] == ["submit", "poll", "poll", "deliver"]
    assert script.pauses == pytest.approx([3, 60, 0], abs=0.2)


@pytest.mark.parametrize("error", ["ClientError", "Busy"])
def test_errors_are_retried_as_the_file_says_and_then_go_to_fail(error: str) -> None:
    """By the retrier that names the error, else by the one for all; FAIL learns its name."""
    retrier = _retrier(error)
    tries = retrier["MaxAttempts"] + 1
    script = Script(*[Broken(error)] * tries)
    assert script.run() == "SUCCEEDED"
    assert [verb for verb, _ in script.calls] == ["submit"] * tries + ["fail"]
    assert script.events[-1]["error"] == {"Error": error}
    assert script.pauses[0] == pytest.approx(retrier["IntervalSeconds"], abs=0.2)
    assert max(script.pauses) == pytest.approx(retrier["MaxDelaySeconds"], abs=0.2)


def test_a_retrier_with_jitter_waits_for_part_of_its_time() -> None:
    """Between nothing and the whole of it, as the language's full jitter does."""
    retrier = _retrier("Lambda.TooManyRequestsException")
    assert retrier["JitterStrategy"] == "FULL"
    script = Script(Broken("Lambda.TooManyRequestsException"))
    assert script.run() == "SUCCEEDED"
    assert script.pauses[0] == pytest.approx(retrier["IntervalSeconds"] * PLACE, abs=0.2)


def test_a_door_may_recover_at_the_last_try() -> None:
    """Then nobody fails."""
    script = Script(*[Broken("ClientError")] * _retrier("ClientError")["MaxAttempts"])
    assert script.run() == "SUCCEEDED"
    assert {verb for verb, _ in script.calls} == {"submit"}


def _retrier(error: str) -> Any:
    """SUBMIT's retrier for an error of this name."""
    known = states()["Submit"]["Retry"]
    return next(r for r in known if {error, "States.TaskFailed"} & set(r["ErrorEquals"]))


def test_a_run_whose_last_door_fails_is_told_to_fail_from_outside() -> None:
    """By its bad end, thrice at most; then it lies in the dead letters."""
    tries = states()["Fail"]["Retry"][0]["MaxAttempts"] + 1
    script = Script(Step("fail"), *[Broken("Busy")] * (tries + 3))
    assert script.run() == "FAILED"
    assert [verb for verb, _ in script.calls].count("fail") == tries + 3
    assert script.events[-1] == {"task_id": "t", "run": 1, "error": {"Error": "FAILED"}}
    assert script.interpreter.lost == [("t", 1, "FAILED")]

    script.interpreter.redrive()
    script.scheduler.run()
    assert script.interpreter.lost == []


def test_a_run_that_vanishes_is_told_to_nobody() -> None:
    """It is over, and whoever asks is told so; of a run that never was, nothing is known."""
    script = Script(Step("poll", 60))
    script.interpreter.start("t", 1)
    script.scheduler.after(10, script.interpreter.runs["t", 1].vanish)
    script.scheduler.run()
    assert [verb for verb, _ in script.calls] == ["submit"]
    assert [script.interpreter.status("t", run) for run in (1, 2)] == ["ended", "none"]


def test_an_invocation_that_was_on_its_way_begins_after_its_run_was_aborted() -> None:
    """Once, in the middle of what FAIL does."""
    script = Script(Step("poll", 60), fault_policy=Late())
    script.interpreter.start("t", 1)
    script.scheduler.after(10, lambda: script.interpreter.runs["t", 1].end("ABORTED"))
    script.scheduler.run()
    assert [verb for verb, _ in script.calls] == ["submit", "fail", "submit"]


def test_a_run_is_started_once() -> None:
    """The same name again changes nothing."""
    script = Script()
    script.interpreter.start("t", 1)
    script.run()
    assert [verb for verb, _ in script.calls] == ["submit"]


def test_time_passes_in_the_middle_of_a_call() -> None:
    """What falls due then happens then, and not below the deepest level."""
    scheduler = Scheduler()
    happened: list[tuple[str, float]] = []

    def begin() -> None:
        scheduler.after(2, lambda: happened.append(("inner", scheduler.now)))
        scheduler.pass_(5)
        happened.append(("outer", scheduler.now))

    scheduler.after(1, begin)
    scheduler.run()
    assert happened == [("inner", 3.0), ("outer", 6.0)]
