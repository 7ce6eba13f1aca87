"""The local environment: the deployed stack on this machine, from nothing to ready, and back.

Everything that starts here is stopped here, whenever the interruption comes. It must stay cheap to
import: moto takes over a second and is loaded when an environment starts.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self

from infra.aws.environments import PROVIDERS, find_environment
from infra.local.processes import Processes
from infra.local.running_file import FOLDER, Record, find_running, forget_record, write_record
from infra.local.sandboxes import Sandboxes, find_real_keys
from infra.local.synthesis import CHECKOUT, find_template, make_template

if TYPE_CHECKING:
    from infra.local.emulator import AwsEmulator

ENVIRONMENT: Final = find_environment("local")
# The names under which what happens behind the endpoint is logged: to a file, not to the terminal.
LOGGED: Final = ("infra.local", "moto")


class LocalEnvironment:
    """The stack, up for as long as the `with` block lasts. One at a time in a process.

    `port` 0 takes any free one. `say` gets one line for each step. `workers` is how many processes
    a function may have, `job_s` how long a job takes in a sandbox. Inside the block:

    - `endpoint_url`: where "AWS" is;
    - `outputs`: the stack's outputs, name -> value;
    - `sandboxes`: provider -> `base_url` and credentials; a provider whose real key is set, as in
      `DARKROOM_SNAPAPI_API_KEY`, has none.

    Raises `SynthesisError`, `DeployError`, `SandboxError` or `PortTakenError` when it cannot start;
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
    ) -> None:
        self.endpoint_url = ""
        self.outputs: dict[str, str] = {}
        self.sandboxes: dict[str, dict[str, str]] = {}
        self._port = port
        self._say = say
        self._workers = workers
        self._job_s = job_s
        self._folder = folder
        self._logs = folder / "logs"
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Starts everything; nothing is left when it cannot."""
        self._undo = ExitStack()
        try:
            self._undo.enter_context(_leaving_on_sigterm())
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
        """Stops everything, within two seconds."""
        self._stop()

    def _start(self) -> None:
        self._prepare_logs()
        self._undo.enter_context(_logging_to(self._logs / "local.log"))
        processes = Processes()
        self._undo.callback(processes.stop)
        real_keys = find_real_keys(PROVIDERS, os.environ)
        sandboxes = self._start_sandboxes(real_keys, processes)
        template = find_template(ENVIRONMENT.name, self._folder)
        if not template.is_file():
            self._say("synthesizing the stack")
            make_template(ENVIRONMENT.name, template, self._logs / "synthesis.log", processes)
        cloud = self._start_cloud(processes)
        resources = json.loads(template.read_text())
        self._say(f"deploying {len(resources['Resources'])} resources")
        self.outputs = cloud.deploy(resources, ENVIRONMENT.stack_name)
        cloud.warm()
        if sandboxes is not None:
            self._say("waiting for the sandboxes")
            self.sandboxes = sandboxes.wait()
        for provider, held in real_keys.items():
            self._say(f"{provider} is the real one: its calls cost money")
            cloud.put_secret(ENVIRONMENT.secret_name(provider), held)
        for provider, access in self.sandboxes.items():
            cloud.put_secret(ENVIRONMENT.secret_name(provider), access)
        self._tell()

    def _start_sandboxes(
        self, real_keys: Collection[str], processes: Processes
    ) -> Sandboxes | None:
        wanted = [provider for provider in PROVIDERS if provider not in real_keys]
        if not wanted:
            return None
        self._say(f"starting the sandboxes of {', '.join(wanted)}")
        return Sandboxes.start(wanted, self._job_s, self._logs / "sandboxes.log", processes)

    def _start_cloud(self, processes: Processes) -> "AwsEmulator":
        from infra.local.emulator import AwsEmulator  # noqa: PLC0415 - moto is slow to import

        cloud = AwsEmulator(
            processes,
            CHECKOUT / "functions",
            self._logs,
            port=self._port,
            workers=self._workers,
        )
        # Workers go first: what waits for one ends by that.
        self._undo.callback(cloud.stop)
        self._undo.callback(processes.stop)
        self._undo.callback(cloud.quiesce)
        self.endpoint_url = cloud.url
        return cloud

    def _tell(self) -> None:
        record = Record(self.endpoint_url, os.getpid(), self.outputs, self.sandboxes)
        self._undo.callback(forget_record, record.pid, self._folder)
        if not write_record(record, self._folder):
            self._say("another local environment is up and stays the one that --env local means")

    def _prepare_logs(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        if find_running(self._folder) is None:
            for old in self._logs.glob("*.log"):
                old.unlink(missing_ok=True)

    def _stop(self) -> None:
        with _deaf():
            self._undo.close()


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the process as `sys.exit` does, unless somebody else handles it."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _deaf() -> Iterator[None]:
    """A second Ctrl-C must not interrupt the stopping, which is short."""
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
            # A handler that was not set from Python cannot be put back.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    loggers = [logging.getLogger(name) for name in LOGGED]
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
