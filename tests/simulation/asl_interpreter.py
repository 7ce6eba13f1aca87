"""Interprets the workflow's own file: retries, catches, choices and waits.

Only the parts of the language that the file uses are supported; anything else raises when the file
is read. FAIL is called for a run that ends badly, as EventBridge does.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from darkroom.ports import RunStatus, Step
from infra.aws.workflow_definition import build_definition
from tests.simulation.fault_injection import FaultInjector, FunctionError

DEFINITION_PATH: Final = Path(__file__).parents[2] / "functions" / "workflow.asl.json"
START_DELAY_S: Final = 0.05
ASYNC_RETRIES_S: Final = (60, 120)
"""Lambda's guide, "Asynchronous invocation": two more tries, after one and two minutes."""


class InvokeFunction(Protocol):
    """Calls a function in a process of its own."""

    def __call__(self, verb: str, event: Mapping[str, Any]) -> Step | FunctionError:
        """The function's answer, or the error that it ended with."""


class AslInterpreter:
    """Fulfils `darkroom.ports.Workflows`; `invoke_function` is what its runs call.

    Attributes:
        runs: by task and run.
        dead_letters: bad ends of runs that FAIL could not be called with.
    """

    def __init__(self, injector: FaultInjector, invoke_function: InvokeFunction) -> None:
        self.runs: dict[tuple[str, int], Run] = {}
        self.dead_letters: list[tuple[str, int, str]] = []
        self._injector, self._invoke_function = injector, invoke_function
        self._definition = definition()

    def start(self, task_id: str, run: int) -> None:
        """Start the run; a run that exists already is left alone."""
        if (task_id, run) in self.runs:
            return
        execution = Run(
            task_id,
            run,
            self._definition,
            self._injector,
            self._invoke_function,
            self.report_bad_end,
        )
        self.runs[task_id, run] = execution
        self._injector.scheduler.after(START_DELAY_S, execution.begin)
        fault_policy = self._injector.fault_policy
        if fault_policy.chance("run-aborted"):
            self._injector.scheduler.after(
                fault_policy.between(0, 30), lambda: execution.end("ABORTED")
            )
        if fault_policy.chance("run-lost"):
            self._injector.scheduler.after(fault_policy.between(0, 30), execution.lose)

    def status(self, task_id: str, run: int) -> RunStatus:
        """The status of the run."""
        execution = self.runs.get((task_id, run))
        if execution is None:
            return "none"
        return "running" if execution.status == "RUNNING" else "ended"

    def report_bad_end(self, task_id: str, run: int, status: str, tries: int = 0) -> None:
        """Call FAIL for a run that ended badly; call it again if that fails."""
        event = {"task_id": task_id, "run": run, "error": {"Error": status}}
        result = self._invoke_function("fail", event)
        if not isinstance(result, FunctionError):
            return
        if tries == len(ASYNC_RETRIES_S):
            self.dead_letters.append((task_id, run, status))
            return
        again = functools.partial(self.report_bad_end, task_id, run, status, tries + 1)
        self._injector.scheduler.after(ASYNC_RETRIES_S[tries], again)

    def abort(self, task_id: str) -> None:
        """Abort the task's newest run."""
        self.runs[max(key for key in self.runs if key[0] == task_id)].end("ABORTED")

    def redrive(self) -> None:
        """Redrive the dead letters: call FAIL with each once more."""
        lost, self.dead_letters = self.dead_letters, []
        for task_id, run, status in lost:
            self._injector.scheduler.after(
                1, functools.partial(self.report_bad_end, task_id, run, status)
            )


class Run:
    """One execution.

    Attributes:
        entered: how many states it has entered: Step Functions bills each.
    """

    def __init__(
        self,
        task_id: str,
        run: int,
        definition: Mapping[str, Any],
        injector: FaultInjector,
        invoke_function: InvokeFunction,
        report_bad_end: Callable[[str, int, str], None],
    ) -> None:
        self.status = "RUNNING"
        self.entered = 0
        self._data: dict[str, Any] = {"task_id": task_id, "run": run}
        self._definition, self._states = definition, definition["States"]
        self._injector, self._scheduler = injector, injector.scheduler
        self._invoke_function, self._report_bad_end = invoke_function, report_bad_end
        self._until = injector.scheduler.now + definition["TimeoutSeconds"]
        self._visit = 0
        self._function = ""

    def begin(self) -> None:
        """Enter the first state."""
        self._enter(self._definition["StartAt"])

    def end(self, status: str) -> None:
        """End the run, once."""
        if self.status != "RUNNING":
            return
        self._stop(status)
        if status != "SUCCEEDED":
            task_id, run = self._data["task_id"], self._data["run"]
            self._scheduler.after(1, lambda: self._report_bad_end(task_id, run, status))

    def lose(self) -> None:
        """End the run without an event; its function may still be at work."""
        if self.status == "RUNNING":
            self._stop("LOST")

    def _stop(self, status: str) -> None:
        """Call no more functions; an invocation in flight may still begin."""
        self.status = status
        self._visit += 1
        fault_policy = self._injector.fault_policy
        aborted = status in ("ABORTED", "LOST") and self._function
        if aborted and fault_policy.chance("function-late"):
            late = functools.partial(self._invoke_function, self._function, dict(self._data))
            self._scheduler.after(fault_policy.between(0.5, 60), late)

    def _enter(self, name: str) -> None:
        self._visit += 1
        if self._scheduler.now > self._until:
            self.end("TIMED_OUT")
            return
        state = self._states[name]
        self.entered += 1
        match state["Type"]:
            case "Task":
                self._run_task(state, {})
            case "Choice":
                self._enter(self._choose(state))
            case "Wait":
                wait_s = self._read(_path(state["SecondsPath"]))
                self._later(wait_s, lambda: self._enter(state["Next"]))
            case "Succeed":
                self.end("SUCCEEDED")

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do this after a while, unless the run has gone elsewhere by then."""
        visit = self._visit

        def go_on() -> None:
            if self._visit == visit:
                action()

        self._scheduler.after(seconds, go_on)

    def _run_task(self, state: Mapping[str, Any], tries: dict[int, int]) -> None:
        """Call the function; an answer after the state's time limit is ignored."""
        fault_policy = self._injector.fault_policy
        self._visit += 1
        visit = self._visit
        if fault_policy.chance("function-refused"):
            self._handle_error(state, tries, "Lambda.TooManyRequestsException")
            return
        if fault_policy.chance("function-answer-lost"):
            # The connection broke while the function was at work: it is called again concurrently.
            lost = functools.partial(self._handle_error, state, tries, "Lambda.SdkClientException")
            self._later(fault_policy.between(0, 3), lost)
        else:
            late = functools.partial(self._handle_error, state, tries, "States.Timeout")
            self._later(state["TimeoutSeconds"], late)
        self._function = state["verb"]
        result = self._invoke_function(self._function, dict(self._data))
        if self._visit != visit:
            return
        if isinstance(result, FunctionError):
            self._handle_error(state, tries, result.name)
            return
        self._data["step"] = result.as_dict()
        if state.get("End"):
            self.end("SUCCEEDED")
        else:
            self._enter(state["Next"])

    def _handle_error(self, state: Mapping[str, Any], tries: dict[int, int], error: str) -> None:
        self._visit += 1
        for index, retrier in enumerate(state.get("Retry", ())):
            if not _matches(retrier["ErrorEquals"], error):
                continue
            count = tries.get(index, 0)
            if count < retrier["MaxAttempts"]:
                wait_s = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** count
                wait_s = min(wait_s, retrier.get("MaxDelaySeconds", wait_s))
                if retrier.get("JitterStrategy") == "FULL":
                    wait_s = self._injector.fault_policy.between(0, wait_s)
                again = {**tries, index: count + 1}
                self._later(wait_s, functools.partial(self._run_task, state, again))
                return
            break
        for catcher in state.get("Catch", ()):
            if _matches(catcher["ErrorEquals"], error):
                self._data["error"] = {"Error": error}
                self._enter(catcher["Next"])
                return
        self.end("FAILED")

    def _choose(self, state: Mapping[str, Any]) -> str:
        for tests, following in state["rules"]:
            for path, wanted in tests:
                if self._read(path) != wanted:
                    break
            else:
                return str(following)
        return str(state["Default"])

    def _read(self, path: tuple[str, ...]) -> Any:
        value: Any = self._data
        for part in path:
            value = value[part]
        return value


@functools.cache
def definition(path: Path = DEFINITION_PATH) -> Mapping[str, Any]:
    """A workflow, by default the deployed one, prepared so that it can be interpreted quickly.

    Every task has the `verb` that its `Resource` names, every choice its `rules`: tests of a path
    for a value, and the next state.
    """
    document = build_definition(path.read_text("utf-8"))
    for name, state in document["States"].items():
        known = _KNOWN[state["Type"]]
        strange = set(state) - known - {"Type", "Comment", "Next"}
        if strange:
            raise ValueError(f"the state {name} has {strange}, which is not simulated")
        for retrier in state.get("Retry", ()):
            if set(retrier) - _RETRIER:
                raise ValueError(f"{name} is retried as {retrier}, which is not simulated")
        if state["Type"] == "Task":
            state["verb"] = state["Resource"].removeprefix("${").removesuffix("Function}").lower()
        if state["Type"] == "Choice":
            state["rules"] = [
                ([_test(test) for test in rule.get("And", (rule,))], rule["Next"])
                for rule in state["Choices"]
            ]
    return document


_KNOWN: Final[Mapping[str, set[str]]] = {
    "Task": {"Resource", "TimeoutSeconds", "ResultPath", "Retry", "Catch", "End"},
    "Choice": {"Choices", "Default"},
    "Wait": {"SecondsPath"},
    "Succeed": set(),
}


_RETRIER: Final = {
    *("ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts"),
    "JitterStrategy",
}


def _test(test: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """A comparison: only equal strings and equal numbers are supported."""
    wanted = test["StringEquals"] if "StringEquals" in test else test["NumericEquals"]
    return _path(test["Variable"]), wanted


def _path(written: str) -> tuple[str, ...]:
    return tuple(written.split(".")[1:])


def _matches(errors: list[str], error: str) -> bool:
    """The language's own rule: `States.TaskFailed` is every error but a time-out."""
    if error in errors or "States.ALL" in errors:
        return True
    return "States.TaskFailed" in errors and error != "States.Timeout"
