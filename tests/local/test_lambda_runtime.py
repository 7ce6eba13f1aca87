"""Functions run as in Lambda: results, errors, time-outs, reuse, the limit, the environment."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.lambda_runtime.pool import (
    MAX_GROWTH,
    NoSuchFunctionError,
    Runtime,
    Workspace,
)
from infra.local.lambda_runtime.worker import Function, InvocationResult
from infra.local.processes import Processes
from tests.local.wait import build_function, wait_for

Invoke = Callable[..., tuple[InvocationResult, Any]]


def look_up(name: str) -> Function:
    """Every handler is a function; `brief` has a short time-out, `lost` has no module."""
    if name == "unknown":
        raise NoSuchFunctionError(name)
    if name == "brief":
        return build_function("dawdle", timeout_s=0.3)
    if name == "lost":
        return Function(name, "arn:lost", "nowhere.handler", 3.0)
    return build_function(name, COLOUR="green", AWS_ACCESS_KEY_ID="stolen")


@pytest.fixture
def runtime(processes: Processes, workspace: Workspace) -> Iterator[Runtime]:
    """A runtime with at most two processes for each function."""
    started = Runtime(look_up, workspace, processes, workers=2, patience_s=60)
    yield started
    started.close()


@pytest.fixture
def invoke(runtime: Runtime) -> Invoke:
    """Invokes a function and parses its result."""

    def call(name: str, event: object = None) -> tuple[InvocationResult, Any]:
        result = runtime.invoke(name, json.dumps(event).encode())
        return result, json.loads(result.payload)

    return call


def test_function_gets_its_event_and_a_context(invoke: Invoke) -> None:
    """Event, name, ARN, request id and remaining time are as in Lambda."""
    result, body = invoke("echo", {"a": ["ü", 1]})
    assert result.error is None
    assert body["event"] == {"a": ["ü", 1]}
    assert body["name"] == "echo"
    assert body["arn"].endswith(":function:echo")
    assert len(body["request_id"]) == 36
    assert 0 < body["left_ms"] <= 3000


def test_process_is_reused(invoke: Invoke) -> None:
    """Invocations one after the other run in the same process."""
    pids = {invoke("echo")[1]["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_exception_becomes_an_error_with_type_and_message(invoke: Invoke) -> None:
    """The error object is awslambdaric's; the process is kept."""
    result, body = invoke("fail", 7)
    assert result.error == "Unhandled"
    assert body["errorType"] == "LookupError"
    assert body["errorMessage"] == "no good: 7"


def test_function_that_times_out_is_ended(invoke: Invoke) -> None:
    """The error is Lambda's, and the next invocation gets a new process."""
    first = invoke("brief", {"s": 0})[1]["pid"]
    result, body = invoke("brief", {"s": 20})
    assert result.error == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"
    assert body["errorMessage"].endswith("Task timed out after 0.30 seconds")
    assert invoke("brief", {"s": 0})[1]["pid"] != first


def test_process_that_exits_is_an_error_and_is_replaced(invoke: Invoke) -> None:
    """As in Lambda when the runtime exits."""
    result, body = invoke("leave", {"status": 3})
    assert result.error == "Unhandled"
    assert body["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in body["errorMessage"]
    assert invoke("leave", {"status": 4})[1]["errorMessage"].endswith("exit status 4")


def test_function_that_cannot_be_loaded_is_an_error(invoke: Invoke) -> None:
    """The result is the runtime client's report."""
    result, body = invoke("lost")
    assert result.error == "Unhandled"
    assert body["errorType"] == "Runtime.ImportModuleError"


def test_response_is_limited_to_6_mb(invoke: Invoke) -> None:
    """The limit is Lambda's."""
    assert invoke("shout", {"bytes": 3_000_000})[0].error is None
    assert invoke("shout", {"bytes": 7_000_000})[1]["errorType"] == "Function.ResponseSizeTooLarge"


def _dawdle(runtime: Runtime, times: int) -> list[Any]:
    """The answers of so many invocations at once, each of which takes 0.4 s."""
    answers: list[Any] = []

    def call() -> None:
        answers.append(json.loads(runtime.invoke("dawdle", b'{"s": 0.4}').payload))

    threads = [threading.Thread(target=call) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_invocation_that_has_queued_for_long_gets_a_further_process(
    processes: Processes, workspace: Workspace
) -> None:
    """Those at work may be asleep; up to a limit."""
    impatient = Runtime(look_up, workspace, processes, workers=1, patience_s=0)
    try:
        answers = _dawdle(impatient, MAX_GROWTH + 2)
    finally:
        impatient.close()
    assert len({answer["pid"] for answer in answers}) == MAX_GROWTH


def test_invocations_beyond_the_limit_wait(runtime: Runtime) -> None:
    """Three invocations share two processes: the third starts when one of the others has ended."""
    answers = _dawdle(runtime, 3)
    assert len({answer["pid"] for answer in answers}) == 2
    last = max(answer["started"] for answer in answers)
    assert last >= min(answer["ended"] for answer in answers)


def test_worker_gets_its_deployed_variables_and_none_of_the_user(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables come from Lambda and the template, not from the user's AWS set-up."""
    monkeypatch.setenv("AWS_PROFILE", "precious")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "precious")
    variables = invoke("echo")[1]["environment"]
    assert variables["COLOUR"] == "green"
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert variables["AWS_ACCESS_KEY_ID"] == "key-of-echo"
    assert "precious" not in variables.values()


def test_worker_cannot_import_what_the_layer_lacks(invoke: Invoke) -> None:
    """A function that needs a package of the command fails as it would in Lambda."""
    assert invoke("import_module", "rich")[1]["errorType"] == "ModuleNotFoundError"
    assert invoke("import_module", "httpx")[1] == "httpx"


def test_output_of_a_function_is_in_its_log(invoke: Invoke, workspace: Workspace) -> None:
    """Stdout and stderr go to one file for each function."""
    invoke("speak", {"text": "hello"})
    assert (workspace.logs / "speak.log").read_text().split("\n")[:2] == [
        "out: hello",
        "err: hello",
    ]


def test_unknown_function_is_refused_at_once(runtime: Runtime) -> None:
    """Synchronously and asynchronously."""
    with pytest.raises(NoSuchFunctionError):
        runtime.invoke("unknown", b"{}")
    with pytest.raises(NoSuchFunctionError):
        runtime.invoke_later("unknown", b"{}")


def test_asynchronous_invocation_is_tried_three_times(
    processes: Processes, workspace: Workspace
) -> None:
    """After that, `on_failed` gets it."""
    lost: list[tuple[str, bytes, str | None]] = []
    notes = workspace.logs / "notes"
    runtime = Runtime(
        lambda name: build_function(name, NOTES=str(notes)),
        workspace,
        processes,
        on_failed=lambda function, payload, result: lost.append(
            (function.name, payload, result.error)
        ),
        retry_after_s=(0.0, 0.0),
    )
    runtime.invoke_later("note_and_fail", b'"x"')
    assert wait_for(lambda: lost) == [("note_and_fail", b'"x"', "Unhandled")]
    assert notes.read_text().splitlines() == ['"x"', '"x"', '"x"']
    runtime.close()


def test_warm_function_has_its_process_before_the_first_invocation(
    runtime: Runtime, invoke: Invoke, workspace: Workspace
) -> None:
    """Warming twice starts one process, and the first invocation uses it."""
    runtime.warm("echo")
    runtime.warm("echo")
    assert (workspace.logs / "echo.log").exists()
    assert len({invoke("echo")[1]["pid"] for _ in range(2)}) == 1
