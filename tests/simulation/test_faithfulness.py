"""The simulation has the deployment's figures and runs its workflow."""

from typing import Any

import pytest

from darkroom.ports import Step
from darkroom.providers.perfect.adapter import Perfect
from infra.aws.sizes import MAX_RECEIVES, SIZES, VISIBILITY_FACTOR
from tests.simulation import intake_queue
from tests.simulation.asl_interpreter import AslInterpreter, definition
from tests.simulation.fault_injection import FaultInjector, FunctionError
from tests.simulation.fault_kinds import FaultPolicy
from tests.simulation.rate_invariants import RULES
from tests.simulation.scheduler import Scheduler
from tests.simulation.single_fault import FRACTION, SingleFault
from tests.simulation.system import LIMITS
from tests.workflow.definition import states


def test_functions_have_their_deployed_time_limits() -> None:
    """Every function's time limit."""
    assert {verb: size.timeout_s for verb, size in SIZES.items()} == LIMITS


def test_the_queue_has_the_deployed_receives_and_visibility_timeout() -> None:
    """Receives before a dead letter, and the visibility timeout."""
    assert intake_queue.MAX_RECEIVES == MAX_RECEIVES
    assert VISIBILITY_FACTOR * SIZES["intake"].timeout_s == intake_queue.VISIBILITY_TIMEOUT_S


def test_zeta_has_the_rate_limits_of_perfect() -> None:
    """It stands for the provider whose jobs are lost when they are not polled."""
    assert RULES["zeta"] == Perfect.rules


def test_the_workflow_is_the_one_in_the_file() -> None:
    """Every state of it."""
    assert set(definition()["States"]) == set(states())


class LateInvocations(SingleFault):
    """Lets every invocation of an aborted run begin late."""

    def chance(self, kind: str) -> bool:
        """Only this happens."""
        return kind == "function-late"


class ScriptedFunctions:
    """Functions with scripted answers, which record when they were called."""

    def __init__(
        self, *results: Step | FunctionError, fault_policy: FaultPolicy | None = None
    ) -> None:
        self.scheduler = Scheduler()
        self.interpreter = AslInterpreter(
            FaultInjector(self.scheduler, fault_policy or SingleFault()), self
        )
        self.calls: list[tuple[str, float]] = []
        self.events: list[Any] = []
        self._results = list(results)

    def __call__(self, verb: str, event: Any) -> Step | FunctionError:
        """The next answer; after the last one, `done`."""
        self.calls.append((verb, round(self.scheduler.now, 1)))
        self.events.append(event)
        return self._results.pop(0) if self._results else Step("done")

    @property
    def pauses(self) -> list[float]:
        """Seconds between the calls."""
        return [later - at for (_, at), (_, later) in zip(self.calls, self.calls[1:], strict=False)]

    def run(self) -> str:
        """Run one execution to its end; its status."""
        self.interpreter.start("t", 1)
        self.scheduler.run()
        return self.interpreter.runs["t", 1].status


def test_a_run_follows_the_answers_of_its_functions_and_waits() -> None:
    """From function to function, after the seconds that they return."""
    functions = ScriptedFunctions(Step("poll", 3), Step("poll", 60), Step("deliver"))
    assert functions.run() == "SUCCEEDED"
    assert [verb for verb, _ in functions.calls] == ["submit", "poll", "poll", "deliver"]
    assert functions.pauses == pytest.approx([3, 60, 0], abs=0.2)


@pytest.mark.parametrize("error", ["ClientError", "Busy"])
def test_errors_are_retried_as_the_file_says_and_then_passed_to_fail(error: str) -> None:
    """By the retrier that names the error, else by the general one; FAIL gets its name."""
    retrier = _retrier(error)
    tries = retrier["MaxAttempts"] + 1
    functions = ScriptedFunctions(*[FunctionError(error)] * tries)
    assert functions.run() == "SUCCEEDED"
    assert [verb for verb, _ in functions.calls] == ["submit"] * tries + ["fail"]
    assert functions.events[-1]["error"] == {"Error": error}
    assert functions.pauses[0] == pytest.approx(retrier["IntervalSeconds"], abs=0.2)
    assert max(functions.pauses) == pytest.approx(retrier["MaxDelaySeconds"], abs=0.2)


def test_a_retrier_with_jitter_waits_for_part_of_its_time() -> None:
    """Between zero and the whole of it, as the language's full jitter does."""
    retrier = _retrier("Lambda.TooManyRequestsException")
    assert retrier["JitterStrategy"] == "FULL"
    functions = ScriptedFunctions(FunctionError("Lambda.TooManyRequestsException"))
    assert functions.run() == "SUCCEEDED"
    assert functions.pauses[0] == pytest.approx(retrier["IntervalSeconds"] * FRACTION, abs=0.2)


def test_a_function_may_recover_at_its_last_try() -> None:
    """FAIL is not called then."""
    functions = ScriptedFunctions(
        *[FunctionError("ClientError")] * _retrier("ClientError")["MaxAttempts"]
    )
    assert functions.run() == "SUCCEEDED"
    assert {verb for verb, _ in functions.calls} == {"submit"}


def _retrier(error: str) -> Any:
    """SUBMIT's retrier for an error of this name."""
    known = states()["Submit"]["Retry"]
    return next(r for r in known if {error, "States.TaskFailed"} & set(r["ErrorEquals"]))


def test_fail_is_called_from_outside_for_a_run_whose_fail_state_fails() -> None:
    """Because of its bad end, three times at most; then it is a dead letter."""
    tries = states()["Fail"]["Retry"][0]["MaxAttempts"] + 1
    functions = ScriptedFunctions(Step("fail"), *[FunctionError("Busy")] * (tries + 3))
    assert functions.run() == "FAILED"
    assert [verb for verb, _ in functions.calls].count("fail") == tries + 3
    assert functions.events[-1] == {"task_id": "t", "run": 1, "error": {"Error": "FAILED"}}
    assert functions.interpreter.dead_letters == [("t", 1, "FAILED")]

    functions.interpreter.redrive()
    functions.scheduler.run()
    assert functions.interpreter.dead_letters == []


def test_fail_is_not_called_for_a_lost_run() -> None:
    """Its status is `ended`; a run that never existed has none."""
    functions = ScriptedFunctions(Step("poll", 60))
    functions.interpreter.start("t", 1)
    functions.scheduler.after(10, functions.interpreter.runs["t", 1].lose)
    functions.scheduler.run()
    assert [verb for verb, _ in functions.calls] == ["submit"]
    assert [functions.interpreter.status("t", run) for run in (1, 2)] == ["ended", "none"]


def test_an_invocation_in_flight_may_begin_after_its_run_was_aborted() -> None:
    """Once, while FAIL runs."""
    functions = ScriptedFunctions(Step("poll", 60), fault_policy=LateInvocations())
    functions.interpreter.start("t", 1)
    functions.scheduler.after(10, lambda: functions.interpreter.runs["t", 1].end("ABORTED"))
    functions.scheduler.run()
    assert [verb for verb, _ in functions.calls] == ["submit", "fail", "submit"]


def test_a_run_is_started_once() -> None:
    """The same name again changes nothing."""
    functions = ScriptedFunctions()
    functions.interpreter.start("t", 1)
    functions.run()
    assert [verb for verb, _ in functions.calls] == ["submit"]


def test_time_passes_in_the_middle_of_a_call() -> None:
    """What falls due then happens then, down to the maximum depth."""
    scheduler = Scheduler()
    happened: list[tuple[str, float]] = []

    def begin() -> None:
        scheduler.after(2, lambda: happened.append(("inner", scheduler.now)))
        scheduler.advance(5)
        happened.append(("outer", scheduler.now))

    scheduler.after(1, begin)
    scheduler.run()
    assert happened == [("inner", 3.0), ("outer", 6.0)]
