"""Runs the functions: one process per concurrent invocation, reused, with a limit per function.

The limit is for functions at work. One that sleeps, until a job is done for instance, leaves the
processor to others. So a call that has queued for long gets one process more, up to a second limit.

It gets `Function` values from `look_up` and knows nothing of templates. On AWS an invocation beyond
the concurrency limit is throttled; here it waits, because the limit is this machine's.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.lambda_runtime.worker import Function, InvocationResult, Worker
from infra.local.processes import Processes, StoppedError

# The variables of this machine that a function gets; all others come from its deployment.
PASSED_VARIABLES: Final = (
    "PATH",
    "LANG",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
)
# Lambda retries an asynchronous invocation after one and after two minutes ("How Lambda handles
# errors and retries with asynchronous invocation"). Here users would not wait for minutes.
RETRY_AFTER_S: Final = (1.0, 2.0)
ASYNC_THREADS: Final = 4
PATIENCE_S: Final = 2.0
"""A call that has queued this long gets a further process: by then, those at work are done."""
MAX_GROWTH: Final = 4
"""How many times its limit a function's processes may become, each about 90 MB."""


class NoSuchFunctionError(LookupError):
    """No function has this name or ARN."""


@dataclass(frozen=True)
class Workspace:
    """What all functions share: their asset, AWS's endpoint and region, the folder for logs.

    `access_key` makes a function's access key out of its ARN.
    """

    asset: Path
    endpoint_url: str
    logs: Path
    region: str
    account: str
    access_key: Callable[[str], str]


class Runtime:
    """Invokes functions in worker processes. Thread-safe."""

    def __init__(
        self,
        look_up: Callable[[str], Function],
        workspace: Workspace,
        processes: Processes,
        workers: int = 2,
        on_failed: Callable[[Function, bytes, InvocationResult], None] = lambda *_: None,
        on_ended: Callable[[str, InvocationResult], None] = lambda *_: None,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`look_up` takes a name or an ARN and raises `NoSuchFunctionError`.

        `workers` is how many processes each function may have at once, and up to `MAX_GROWTH` times
        as many where calls queue for longer than `patience_s`. `on_failed` gets each asynchronous
        invocation whose retries all failed, with its last result; `on_ended` the name of the
        function of every invocation, and its result.
        """
        self._look_up = look_up
        self._workspace = workspace
        self._processes = processes
        self._cap = workers
        self._on_lost = on_failed
        self._on_ended = on_ended
        self._retry_after_s = retry_after_s
        self._patience_s = patience_s
        self._added: Counter[str] = Counter()
        self._pools: dict[str, queue.LifoQueue[Worker | None]] = {}
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._async_queue: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        for number in range(ASYNC_THREADS):
            threading.Thread(target=self._run_async, name=f"later-{number}", daemon=True).start()

    def invoke(self, name: str, payload: bytes) -> InvocationResult:
        """Run a function and wait for its result; waits while all its processes are busy."""
        function = self._look_up(name)
        pool = self._pool(function.name)
        worker = self._take(pool, function.name)
        try:
            worker = self._ensure_current(worker, function)
            result = worker.invoke(payload)
            self._on_ended(function.name, result)
            return result
        finally:
            if worker is not None and not worker.alive:
                self._remove(worker)
                worker = None
            pool.put(worker)

    def invoke_later(self, name: str, payload: bytes) -> None:
        """Run a function asynchronously, with two retries. Raises `NoSuchFunctionError`."""
        self._look_up(name)
        self._async_queue.put((name, payload))

    def warm(self, name: str) -> None:
        """Start a process for the function, unless there is one, before its first invocation."""
        function = self._look_up(name)
        pool = self._pool(function.name)
        worker = pool.get()
        try:
            worker = self._ensure_current(worker, function)
        finally:
            pool.put(worker)

    def close(self) -> None:
        """End all workers, and start no more asynchronous invocations."""
        for _ in range(ASYNC_THREADS):
            self._async_queue.put(None)
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def _take(self, pool: "queue.LifoQueue[Worker | None]", name: str) -> Worker | None:
        """A free worker of the function, or the place of one that is still to be started."""
        with contextlib.suppress(queue.Empty):
            return pool.get(timeout=self._patience_s)
        with self._lock:
            if self._added[name] < (MAX_GROWTH - 1) * self._cap:
                self._added[name] += 1
                return None
        return pool.get()

    def _pool(self, name: str) -> "queue.LifoQueue[Worker | None]":
        with self._lock:
            if name not in self._pools:
                pool: queue.LifoQueue[Worker | None] = queue.LifoQueue()
                for _ in range(self._cap):
                    pool.put(None)
                self._pools[name] = pool
            return self._pools[name]

    def _ensure_current(self, worker: Worker | None, function: Function) -> Worker:
        """The worker if it runs the function as deployed now, else a new one."""
        if worker is not None:
            if worker.alive and worker.function == function:
                return worker
            self._remove(worker)
        self._workspace.logs.mkdir(parents=True, exist_ok=True)
        started = Worker(
            function,
            self._processes,
            self._workspace.asset,
            build_environment(function, self._workspace),
            self._workspace.logs / f"{function.name}.log",
        )
        with self._lock:
            self._workers.append(started)
        return started

    def _remove(self, worker: Worker) -> None:
        worker.close()
        with self._lock, contextlib.suppress(ValueError):
            self._workers.remove(worker)

    def _run_async(self) -> None:
        while (call := self._async_queue.get()) is not None:
            name, payload = call
            try:
                self._invoke_with_retries(name, payload)
            except StoppedError:
                return
            except NoSuchFunctionError:
                continue

    def _invoke_with_retries(self, name: str, payload: bytes) -> None:
        result = self.invoke(name, payload)
        for pause_s in self._retry_after_s:
            if result.error is None:
                return
            time.sleep(pause_s)
            result = self.invoke(name, payload)
        if result.error is not None:
            self._on_lost(self._look_up(name), payload, result)


def build_environment(function: Function, workspace: Workspace) -> dict[str, str]:
    """The variables of a worker: Lambda's own, the function's, and the emulator's endpoint."""
    passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
    access_key = workspace.access_key(function.arn)
    return {
        **passed,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        **function.environment,
        "AWS_ENDPOINT_URL": workspace.endpoint_url,
        "AWS_REGION": workspace.region,
        "AWS_DEFAULT_REGION": workspace.region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
        # A function must not see the user's own AWS set-up, above all no real credentials.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(workspace.asset),
        "PYTHONPATH": str(workspace.asset),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "_HANDLER": function.handler,
    }
