"""Runs the functions: one process per concurrent execution, reused, capped per function.

It knows functions only as `Function` values that `look_up` gives; what a template says is not its
business. On AWS a call beyond the cap is throttled; here it queues: the cap is this machine's.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.lambda_runtime.worker import Answer, Function, Worker
from infra.local.processes import Processes, StoppedError
from infra.loopback_guard import ACCESS_KEY

# What a function may see of this machine; everything else it sees comes from its deployment.
PASSED_ON: Final = (
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
# errors and retries with asynchronous invocation"). Minutes are of no use to someone who watches.
RETRY_AFTER_S: Final = (1.0, 2.0)
LATER_WORKERS: Final = 4


class NoSuchFunctionError(LookupError):
    """No function has this name or ARN."""


@dataclass(frozen=True)
class Place:
    """Where the functions live: their asset, the endpoint and region that they use, the logs."""

    asset: Path
    endpoint_url: str
    logs: Path
    region: str
    account: str


class Runtime:
    """Invokes functions in worker processes. Thread-safe."""

    def __init__(
        self,
        look_up: Callable[[str], Function],
        place: Place,
        processes: Processes,
        workers: int = 2,
        on_lost: Callable[[Function, bytes, Answer], None] = lambda *_: None,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        """`look_up` takes a name or an ARN and raises `NoSuchFunctionError`; `workers` is the cap.

        `on_lost` gets each asynchronous invocation that failed and was repeated in vain, and its
        last answer.
        """
        self._look_up = look_up
        self._place = place
        self._processes = processes
        self._cap = workers
        self._on_lost = on_lost
        self._retry_after_s = retry_after_s
        self._pools: dict[str, queue.LifoQueue[Worker | None]] = {}
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._later: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        for number in range(LATER_WORKERS):
            threading.Thread(target=self._work_later, name=f"later-{number}", daemon=True).start()

    def invoke(self, name: str, payload: bytes) -> Answer:
        """Runs a function and waits for its answer; queues while `workers` of it are at work."""
        function = self._look_up(name)
        pool = self._pool(function.name)
        worker = pool.get()
        try:
            worker = self._fit(worker, function)
            return worker.invoke(payload)
        finally:
            if worker is not None and not worker.alive:
                self._retire(worker)
                worker = None
            pool.put(worker)

    def invoke_later(self, name: str, payload: bytes) -> None:
        """Runs a function some time soon, and twice more if it fails. The function must exist."""
        self._look_up(name)
        self._later.put((name, payload))

    def warm(self, name: str) -> None:
        """Starts a process for the function, unless there is one, before its first call."""
        function = self._look_up(name)
        pool = self._pool(function.name)
        worker = pool.get()
        try:
            worker = self._fit(worker, function)
        finally:
            pool.put(worker)

    def close(self) -> None:
        """Ends all workers, and begins no more asynchronous invocations."""
        for _ in range(LATER_WORKERS):
            self._later.put(None)
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def _pool(self, name: str) -> "queue.LifoQueue[Worker | None]":
        with self._lock:
            if name not in self._pools:
                pool: queue.LifoQueue[Worker | None] = queue.LifoQueue()
                for _ in range(self._cap):
                    pool.put(None)
                self._pools[name] = pool
            return self._pools[name]

    def _fit(self, worker: Worker | None, function: Function) -> Worker:
        """The worker if it still runs the function as deployed, else a new one."""
        if worker is not None:
            if worker.alive and worker.function == function:
                return worker
            self._retire(worker)
        self._place.logs.mkdir(parents=True, exist_ok=True)
        started = Worker(
            function,
            self._processes,
            self._place.asset,
            build_environment(function, self._place),
            self._place.logs / f"{function.name}.log",
        )
        with self._lock:
            self._workers.append(started)
        return started

    def _retire(self, worker: Worker) -> None:
        worker.close()
        with self._lock, contextlib.suppress(ValueError):
            self._workers.remove(worker)

    def _work_later(self) -> None:
        while (call := self._later.get()) is not None:
            name, payload = call
            try:
                self._try_later(name, payload)
            except StoppedError:
                return
            except NoSuchFunctionError:
                continue

    def _try_later(self, name: str, payload: bytes) -> None:
        answer = self.invoke(name, payload)
        for pause_s in self._retry_after_s:
            if answer.error is None:
                return
            time.sleep(pause_s)
            answer = self.invoke(name, payload)
        if answer.error is not None:
            self._on_lost(self._look_up(name), payload, answer)


def build_environment(function: Function, place: Place) -> dict[str, str]:
    """The variables of a worker: Lambda's own, the function's, and where "AWS" is here."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
    return {
        **passed_on,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        **function.environment,
        "AWS_ENDPOINT_URL": place.endpoint_url,
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        # Nothing of the user's own set-up may reach a function, least of all real credentials.
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
        "LAMBDA_TASK_ROOT": str(place.asset),
        "PYTHONPATH": str(place.asset),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "_HANDLER": function.handler,
    }
