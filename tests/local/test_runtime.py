"""Functions run as in Lambda: answers, errors, time-outs, reuse, the cap, the environment."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.lambda_runtime.pool import NoSuchFunctionError, Place, Runtime
from infra.local.lambda_runtime.worker import Answer, Function
from infra.local.processes import Processes
from tests.local.tools import build_function, wait_for

Invoke = Callable[..., tuple[Answer, Any]]


def look_up(name: str) -> Function:
    """Every handler is a function; `brief` is one that may not take long."""
    if name == "unknown":
        raise NoSuchFunctionError(name)
    if name == "brief":
        return build_function("dawdle", timeout_s=0.3)
    if name == "lost":
        return Function(name, "arn:lost", "nowhere.handler", 3.0)
    return build_function(name, COLOUR="green", AWS_ACCESS_KEY_ID="stolen")


@pytest.fixture
def runtime(processes: Processes, place: Place) -> Iterator[Runtime]:
    """A runtime of at most two processes for each function."""
    started = Runtime(look_up, place, processes, workers=2)
    yield started
    started.close()


@pytest.fixture
def invoke(runtime: Runtime) -> Invoke:
    """Invokes and reads the answer."""

    def call(name: str, event: object = None) -> tuple[Answer, Any]:
        answer = runtime.invoke(name, json.dumps(event).encode())
        return answer, json.loads(answer.payload)

    return call


def test_a_function_gets_its_event_and_a_context(invoke: Invoke) -> None:
    """Event, name, ARN, request id and remaining time are what Lambda would give."""
    answer, told = invoke("echo", {"a": ["ü", 1]})
    assert answer.error is None
    assert told["event"] == {"a": ["ü", 1]}
    assert told["name"] == "echo"
    assert told["arn"].endswith(":function:echo")
    assert len(told["request_id"]) == 36
    assert 0 < told["left_ms"] <= 3000


def test_a_process_is_used_again(invoke: Invoke) -> None:
    """Calls one after the other meet the same process."""
    pids = {invoke("echo")[1]["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_an_exception_becomes_an_error_with_type_and_message(invoke: Invoke) -> None:
    """The error object is awslambdaric's; the process stays."""
    answer, told = invoke("fail", 7)
    assert answer.error == "Unhandled"
    assert told["errorType"] == "LookupError"
    assert told["errorMessage"] == "no good: 7"


def test_a_function_that_takes_too_long_is_ended(invoke: Invoke) -> None:
    """The error is Lambda's, and the next call gets a new process."""
    first = invoke("brief", {"s": 0})[1]["pid"]
    answer, told = invoke("brief", {"s": 20})
    assert answer.error == "Unhandled"
    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith("Task timed out after 0.30 seconds")
    assert invoke("brief", {"s": 0})[1]["pid"] != first


def test_a_process_that_leaves_is_an_error_and_is_replaced(invoke: Invoke) -> None:
    """As when the runtime exits in Lambda."""
    answer, told = invoke("leave", {"status": 3})
    assert answer.error == "Unhandled"
    assert told["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in told["errorMessage"]
    assert invoke("leave", {"status": 4})[1]["errorMessage"].endswith("exit status 4")


def test_a_function_that_cannot_be_loaded_says_so(invoke: Invoke) -> None:
    """The runtime client's own report is the answer."""
    answer, told = invoke("lost")
    assert answer.error == "Unhandled"
    assert told["errorType"] == "Runtime.ImportModuleError"


def test_an_answer_may_be_large_but_not_too_large(invoke: Invoke) -> None:
    """Lambda's limit is 6 MB."""
    assert invoke("shout", {"bytes": 3_000_000})[0].error is None
    assert invoke("shout", {"bytes": 7_000_000})[1]["errorType"] == "Function.ResponseSizeTooLarge"


def test_calls_beyond_the_cap_queue(runtime: Runtime) -> None:
    """Three calls share two processes: the third begins when one of the others has ended."""
    answers: list[Any] = []

    def call() -> None:
        answers.append(json.loads(runtime.invoke("dawdle", b'{"s": 0.4}').payload))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["pid"] for answer in answers}) == 2
    last = max(answer["started"] for answer in answers)
    assert last >= min(answer["ended"] for answer in answers)


def test_a_worker_sees_its_deployment_and_nothing_of_the_user(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables come from Lambda and the template; the user's AWS set-up stays outside."""
    monkeypatch.setenv("AWS_PROFILE", "precious")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "precious")
    told = invoke("echo")[1]["environment"]
    assert told["COLOUR"] == "green"
    assert told["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert told["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert told["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert told["AWS_ACCESS_KEY_ID"] == "local"
    assert "precious" not in told.values()


def test_what_a_function_prints_is_in_its_log(invoke: Invoke, place: Place) -> None:
    """Both outputs go to one file per function."""
    invoke("speak", {"text": "hello"})
    assert (place.logs / "speak.log").read_text().split("\n")[:2] == ["out: hello", "err: hello"]


def test_an_unknown_function_is_refused_at_once(runtime: Runtime) -> None:
    """Whether somebody waits for the answer or not."""
    with pytest.raises(NoSuchFunctionError):
        runtime.invoke("unknown", b"{}")
    with pytest.raises(NoSuchFunctionError):
        runtime.invoke_later("unknown", b"{}")


def test_a_call_that_nobody_waits_for_is_tried_three_times(
    processes: Processes, place: Place
) -> None:
    """After that it is lost, and whoever keeps the lost ones gets it."""
    lost: list[tuple[str, bytes, str | None]] = []
    notes = place.logs / "notes"
    runtime = Runtime(
        lambda name: build_function(name, NOTES=str(notes)),
        place,
        processes,
        on_lost=lambda function, payload, answer: lost.append(
            (function.name, payload, answer.error)
        ),
        retry_after_s=(0.0, 0.0),
    )
    runtime.invoke_later("note_and_fail", b'"x"')
    assert wait_for(lambda: lost) == [("note_and_fail", b'"x"', "Unhandled")]
    assert notes.read_text().splitlines() == ['"x"', '"x"', '"x"']
    runtime.close()


def test_a_warm_function_has_its_process_before_the_first_call(
    runtime: Runtime, invoke: Invoke, place: Place
) -> None:
    """Warming twice starts one process, and the first call meets it."""
    runtime.warm("echo")
    runtime.warm("echo")
    assert (place.logs / "echo.log").exists()
    assert len({invoke("echo")[1]["pid"] for _ in range(2)}) == 1
