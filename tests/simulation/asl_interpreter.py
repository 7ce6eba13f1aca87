"""Runs of the workflow, interpreted from its own file: retries, catches, choices and waits.

Of the language only what the file uses is understood; anything else raises when it is read. A
run that ends badly is told to FAIL, as EventBridge does.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from darkroom.ports import RunStatus, Step
from infra.aws.workflow_definition import build_definition
from tests.simulation.fault_injection import Broken, FaultInjector

PATH: Final = Path(__file__).parents[2] / "functions" / "workflow.asl.json"
START_S: Final = 0.05
ASYNC_RETRIES_S: Final = (60, 120)
"""Lambda's guide, "Asynchronous invocation": two more tries, after one and two minutes."""


class Doors(Protocol):
    """Calls a door in a process of its own."""

    def __call__(self, verb: str, event: Mapping[str, Any]) -> Step | Broken:
        """The door's answer, or the error that it ended with."""


class AslInterpreter:
    """Fulfils `darkroom.ports.Workflows`; `doors` is what its runs call.

    Attributes:
        runs: by task and run.
        lost: runs whose bad end FAIL could not be told of; they lie in the dead letters.
    """

    def __init__(self, injector: FaultInjector, doors: Doors) -> None:
        self.runs: dict[tuple[str, int], Run] = {}
        self.lost: list[tuple[str, int, str]] = []
        self._outside, self._doors = injector, doors
        self._definition = definition()

    def start(self, task_id: str, run: int) -> None:
        """Start the run; a run that exists already is left alone."""
        if (task_id, run) in self.runs:
            return
        made = Run(task_id, run, self._definition, self._outside, self._doors, self.tell)
        self.runs[task_id, run] = made
        self._outside.scheduler.after(START_S, made.begin)
        fault_policy = self._outside.fault_policy
        if fault_policy.chance("run-aborted"):
            self._outside.scheduler.after(fault_policy.between(0, 30), lambda: made.end("ABORTED"))
        if fault_policy.chance("run-lost"):
            self._outside.scheduler.after(fault_policy.between(0, 30), made.vanish)

    def status(self, task_id: str, run: int) -> RunStatus:
        """How the run stands."""
        made = self.runs.get((task_id, run))
        if made is None:
            return "none"
        return "running" if made.status == "RUNNING" else "ended"

    def tell(self, task_id: str, run: int, status: str, tries: int = 0) -> None:
        """Call FAIL for a run that ended badly, and again when that breaks."""
        event = {"task_id": task_id, "run": run, "error": {"Error": status}}
        said = self._doors("fail", event)
        if not isinstance(said, Broken):
            return
        if tries == len(ASYNC_RETRIES_S):
            self.lost.append((task_id, run, status))
            return
        again = functools.partial(self.tell, task_id, run, status, tries + 1)
        self._outside.scheduler.after(ASYNC_RETRIES_S[tries], again)

    def abort(self, task_id: str) -> None:
        """Let somebody abort the task's newest run."""
        self.runs[max(key for key in self.runs if key[0] == task_id)].end("ABORTED")

    def redrive(self) -> None:
        """Let a person send the dead letters of bad ends once more."""
        lost, self.lost = self.lost, []
        for task_id, run, status in lost:
            self._outside.scheduler.after(1, functools.partial(self.tell, task_id, run, status))


class Run:
    """One execution."""

    def __init__(
        self,
        task_id: str,
        run: int,
        definition: Mapping[str, Any],
        injector: FaultInjector,
        doors: Doors,
        tell: Callable[[str, int, str], None],
    ) -> None:
        self.status = "RUNNING"
        self._data: dict[str, Any] = {"task_id": task_id, "run": run}
        self._definition, self._states = definition, definition["States"]
        self._outside, self._timeline = injector, injector.scheduler
        self._doors, self._tell = doors, tell
        self._until = injector.scheduler.now + definition["TimeoutSeconds"]
        self._visit = 0
        self._door = ""

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
            self._timeline.after(1, lambda: self._tell(task_id, run, status))

    def vanish(self) -> None:
        """End the run, and nobody hears of it; its door may be at work still."""
        if self.status == "RUNNING":
            self._stop("LOST")

    def _stop(self, status: str) -> None:
        """Call no more doors; but an invocation may be on its way, and begin after all."""
        self.status = status
        self._visit += 1
        fault_policy = self._outside.fault_policy
        if status in ("ABORTED", "LOST") and self._door and fault_policy.chance("door-late"):
            late = functools.partial(self._doors, self._door, dict(self._data))
            self._timeline.after(fault_policy.between(0.5, 60), late)

    def _enter(self, name: str) -> None:
        self._visit += 1
        if self._timeline.now > self._until:
            self.end("TIMED_OUT")
            return
        state = self._states[name]
        match state["Type"]:
            case "Task":
                self._try(state, {})
            case "Choice":
                self._enter(self._choose(state))
            case "Wait":
                wait_s = self._read(_path(state["SecondsPath"]))
                self._later(wait_s, lambda: self._enter(state["Next"]))
            case "Succeed":
                self.end("SUCCEEDED")

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """Go on after a while, unless the run has gone elsewhere by then."""
        visit = self._visit

        def go_on() -> None:
            if self._visit == visit:
                act()

        self._timeline.after(seconds, go_on)

    def _try(self, state: Mapping[str, Any], tries: dict[int, int]) -> None:
        """Call the door; whoever answers after the state's time limit is not heard."""
        fault_policy = self._outside.fault_policy
        self._visit += 1
        visit = self._visit
        if fault_policy.chance("door-refused"):
            self._break(state, tries, "Lambda.TooManyRequestsException")
            return
        if fault_policy.chance("door-answer-lost"):
            # The network broke while the door was at work: it is called again meanwhile.
            lost = functools.partial(self._break, state, tries, "Lambda.SdkClientException")
            self._later(fault_policy.between(0, 3), lost)
        else:
            late = functools.partial(self._break, state, tries, "States.Timeout")
            self._later(state["TimeoutSeconds"], late)
        self._door = state["verb"]
        said = self._doors(self._door, dict(self._data))
        if self._visit != visit:
            return
        if isinstance(said, Broken):
            self._break(state, tries, said.name)
            return
        self._data["step"] = said.as_dict()
        self._enter(state["Next"])

    def _break(self, state: Mapping[str, Any], tries: dict[int, int], error: str) -> None:
        self._visit += 1
        for index, retrier in enumerate(state.get("Retry", ())):
            if not _matches(retrier["ErrorEquals"], error):
                continue
            count = tries.get(index, 0)
            if count < retrier["MaxAttempts"]:
                wait_s = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** count
                wait_s = min(wait_s, retrier.get("MaxDelaySeconds", wait_s))
                if retrier.get("JitterStrategy") == "FULL":
                    wait_s = self._outside.fault_policy.between(0, wait_s)
                again = {**tries, index: count + 1}
                self._later(wait_s, functools.partial(self._try, state, again))
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
def definition() -> Mapping[str, Any]:
    """The deployed workflow, read so that it can be followed quickly.

    Every task has the `verb` that its `Resource` names, every choice its `rules`: tests of a path
    for a value, and where to go.
    """
    document = build_definition(PATH.read_text("utf-8"))
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
    "Task": {"Resource", "TimeoutSeconds", "ResultPath", "Retry", "Catch"},
    "Choice": {"Choices", "Default"},
    "Wait": {"SecondsPath"},
    "Succeed": set(),
}


_RETRIER: Final = {
    *("ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts"),
    "JitterStrategy",
}


def _test(test: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """A comparison: equal words and equal numbers are all that is asked for."""
    wanted = test["StringEquals"] if "StringEquals" in test else test["NumericEquals"]
    return _path(test["Variable"]), wanted


def _path(written: str) -> tuple[str, ...]:
    return tuple(written.split(".")[1:])


def _matches(errors: list[str], error: str) -> bool:
    """The language's own rule: `States.TaskFailed` is every error but a time-out."""
    if error in errors or "States.ALL" in errors:
        return True
    return "States.TaskFailed" in errors and error != "States.Timeout"
