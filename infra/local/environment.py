"""The local environment: starts and stops the deployed stack and the sandboxes on this machine.

It stops everything that it started, at whatever step it is interrupted. It must stay cheap to
import: importing moto takes over a second, so that happens when an environment starts.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from infra.aws.environments import PROVIDERS, Environment, find_environment
from infra.local.processes import Processes
from infra.local.running_file import (
    FOLDER,
    RunningEnvironment,
    find_running,
    remove_running,
    write_running,
)
from infra.local.sandboxes import Sandboxes, find_real_keys
from infra.local.synthesis import CHECKOUT, find_template, make_template

if TYPE_CHECKING:
    from infra.local.emulator import AwsEmulator

ENVIRONMENT: Final = find_environment("local")
# The loggers of everything behind the endpoint; they write to a file, not to the terminal.
LOGGERS: Final = ("infra.local", "moto")


class LocalEnvironment:
    """The stack, up for as long as the `with` block lasts. One at a time in a process.

    `beside` names further environments, `local-...`, whose stacks run in the same account.

    `port` 0 takes any free port. `say` gets one line for each step. `workers` is the maximum number
    of processes for each function, `job_s` how many seconds a job takes in a sandbox. Inside the
    block:

    - `endpoint_url`: the URL of the emulated AWS;
    - `outputs`: the stack's outputs, name -> value;
    - `outputs_beside`: the same of each environment beside it;
    - `sandboxes`: provider -> `base_url` and credentials; without the providers whose real key is
      set, as in `DARKROOM_SNAPAPI_API_KEY`.

    Raises `SynthesisError`, `DeployError`, `SandboxError` or `PortTakenError` if it cannot start.
    SIGTERM ends the process through the block, as Ctrl-C does.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        say: Callable[[str], None] = lambda _line: None,
        workers: int = 2,
        job_s: float = 1.0,
        folder: Path = FOLDER,
        beside: Sequence[str] = (),
    ) -> None:
        self.endpoint_url = ""
        self.outputs: dict[str, str] = {}
        self.outputs_beside: dict[str, dict[str, str]] = {}
        self.sandboxes: dict[str, dict[str, str]] = {}
        self._port = port
        self._say = say
        self._workers = workers
        self._job_s = job_s
        self._folder = folder
        self._beside = [find_environment(name) for name in beside]
        self._logs = folder / "logs"
        self._exit_stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything; on an error, stop what has started."""
        self._exit_stack = ExitStack()
        try:
            self._exit_stack.enter_context(_exit_on_sigterm())
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything, within two seconds."""
        self._stop()

    def _start(self) -> None:
        self._prepare_logs()
        self._exit_stack.enter_context(_log_to(self._logs / "local.log"))
        processes = Processes()
        self._exit_stack.callback(processes.stop)
        real_keys = find_real_keys(PROVIDERS, os.environ)
        sandboxes = self._start_sandboxes(real_keys, processes)
        template = self._find_template(ENVIRONMENT, processes)
        templates = [self._find_template(each, processes) for each in self._beside]
        emulator = self._start_emulator(processes)
        self._say(f"deploying {len(template['Resources'])} resources")
        self.outputs = emulator.deploy(template, ENVIRONMENT.stack_name)
        for each, its_template in zip(self._beside, templates, strict=True):
            self._say(f"deploying {each.name} beside it")
            self.outputs_beside[each.name] = emulator.deploy(its_template, each.stack_name)
        emulator.warm()
        if sandboxes is not None:
            self._say("waiting for the sandboxes")
            self.sandboxes = sandboxes.wait()
        for provider in real_keys:
            self._say(f"{provider} uses your real key: its calls cost money")
        for environment in (ENVIRONMENT, *self._beside):
            for provider, access in (real_keys | self.sandboxes).items():
                emulator.put_secret(environment.secret_name(provider), access)
        self._write_running_file()

    def _find_template(self, environment: Environment, processes: Processes) -> Mapping[str, Any]:
        path = find_template(environment.name, self._folder)
        if not path.is_file():
            self._say(f"synthesizing the stack of {environment.name}")
            make_template(environment.name, path, self._logs / "synthesis.log", processes)
        template: dict[str, Any] = json.loads(path.read_text())
        return template

    def _start_sandboxes(
        self, real_keys: Collection[str], processes: Processes
    ) -> Sandboxes | None:
        sandboxed = [provider for provider in PROVIDERS if provider not in real_keys]
        if not sandboxed:
            return None
        self._say(f"starting the sandboxes of {', '.join(sandboxed)}")
        return Sandboxes.start(sandboxed, self._job_s, self._logs / "sandboxes.log", processes)

    def _start_emulator(self, processes: Processes) -> "AwsEmulator":
        from infra.local.emulator import AwsEmulator  # noqa: PLC0415 - moto is slow to import

        emulator = AwsEmulator(
            processes,
            CHECKOUT / "functions",
            self._logs,
            port=self._port,
            workers=self._workers,
        )
        # Kill the workers first: this ends the requests that wait for them.
        self._exit_stack.callback(emulator.stop)
        self._exit_stack.callback(processes.stop)
        self._exit_stack.callback(emulator.quiesce)
        self.endpoint_url = emulator.url
        return emulator

    def _write_running_file(self) -> None:
        running = RunningEnvironment(
            self.endpoint_url, os.getpid(), self.outputs, self.sandboxes, str(self._logs.resolve())
        )
        self._exit_stack.callback(remove_running, running.pid, self._folder)
        if not write_running(running, self._folder):
            self._say("another local environment is running; --env local still means that one")

    def _prepare_logs(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        if find_running(self._folder) is None:
            for old in self._logs.glob("*.log"):
                old.unlink(missing_ok=True)

    def _stop(self) -> None:
        with _ignore_signals():
            self._exit_stack.close()


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the process as `sys.exit` does, unless it already has a handler."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_exit(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _ignore_signals() -> Iterator[None]:
    """Ignore a second Ctrl-C while everything is being stopped, which is short."""
    if not _in_main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            # A handler that was not set from Python cannot be restored.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
        handler.close()
