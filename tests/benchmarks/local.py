"""Benchmark of the local environment: `python -m tests.benchmarks local`.

It takes two to four minutes on two idle cores.

One environment in its own process gets tasks on a synchronous route of SnapAPI's sandbox, each from
a small picture and its spec. In every round, a fixed number of tasks is in flight: each task that
ends is replaced by a new one. The last round repeats an early one, to show whether the environment
gets slower with the tasks that it has had. The account's rate limit is lifted on both sides, so
that only the machine's own speed is measured. All figures depend on the machine, and on what else
runs on it.
"""

import io
import itertools
import json
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image

from infra.local.processes import Processes
from infra.local.synthesis import find_template, make_template
from tests.e2e.environment_client import EnvironmentClient, open_environment

PROVIDER: Final = "snapapi"
OPERATION: Final = "restore"
SANDBOX_PATH: Final = "/v1/images/restore"
# In flight and tasks of each round. A round has more tasks than are in flight, so that most of it
# runs with all of them.
IN_FOLDER: Final = 400
"""Photos in a folder; with more new ones at once some would be held until a person approves."""
ROUNDS: Final[Sequence[tuple[int, int]]] = ((1, 20), (10, 100), (100, 200), (500, 600), (10, 100))
WARM_UP: Final = (10, 40)
CALLS_PER_MIN: Final = 1_000_000
CREDITS: Final = 1_000_000_000
SANDBOX_CALLS: Final = 15
PICTURE_SIZE: Final = (96, 64)
ROUND_WITHIN_S: Final = 240.0
DROP_FOR_S: Final = 40.0
"""A round drops no new task after this time, so that a slow machine ends it too."""
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Round:
    """One round: its size, wall time, the seconds of each task, CPU seconds by owner."""

    in_flight: int
    tasks: int
    took_s: float
    task_s: Sequence[float]
    cpu_s: dict[str, float]
    memory_mb: float

    def figures(self, sandbox_s: float) -> dict[str, Any]:
        """The round as JSON; `sandbox_s` is the time of one call of the sandbox."""
        median = statistics.median(self.task_s)
        return {
            "in_flight": self.in_flight,
            "tasks": self.tasks,
            "tasks_per_s": round(self.tasks / self.took_s, 2),
            "task_s": round(median, 3),
            "overhead_s": round(median - sandbox_s, 3),
            "cpu_ms_per_task": {
                owner: round(1000 * used / self.tasks, 1) for owner, used in self.cpu_s.items()
            },
            "main_memory_mb": round(self.memory_mb),
        }


def run(rounds: Sequence[tuple[int, int]] = ROUNDS) -> dict[str, Any]:
    """Run the benchmark; plain JSON figures.

    `rounds` has the tasks in flight and the tasks of each round.

    - `sandbox_s`: median seconds of one call of the sandbox, when nothing else runs;
    - `rounds`: for each round, in order, the tasks per second, the median seconds of a task from
      its first upload to its event, `overhead_s` (the same without the sandbox's time), and the CPU
      time per task: of the main process with moto, of the functions, of the sandboxes, and of this
      benchmark as their client.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-benchmark-") as scratch:
        folder = Path(scratch)
        _write_template(folder)
        with open_environment(folder) as environment:
            _lift_limits(environment)
            load = _Load(environment)
            load.run(*WARM_UP)
            sandbox_s = _time_sandbox(environment)
            done = [load.run(in_flight, tasks) for in_flight, tasks in rounds]
    return {
        "sandbox_s": round(sandbox_s, 4),
        "rounds": [one.figures(sandbox_s) for one in done],
    }


def _write_template(folder: Path) -> None:
    """Write the environment's template, with the account's own rate in place of the documented."""
    path = find_template("local", folder)
    processes = Processes()
    try:
        make_template("local", path, folder / "synthesis.log", processes)
    finally:
        processes.stop()
    template = json.loads(path.read_text())
    pace = json.dumps({PROVIDER: {"calls_per_min": CALLS_PER_MIN}})
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Environment"]["Variables"]["DARKROOM_PACE"] = pace
    path.write_text(json.dumps(template))


def _lift_limits(environment: EnvironmentClient) -> None:
    account = {"rate_per_min": 0, "credits": CREDITS}
    base_url = environment.sandboxes[PROVIDER]["base_url"]
    httpx.post(f"{base_url}/_sandbox/account", json=account).raise_for_status()


def _time_sandbox(environment: EnvironmentClient) -> float:
    """The median seconds of one call of the sandbox with the tasks' picture."""
    access = environment.sandboxes[PROVIDER]
    picture = _draw_picture()
    times = []
    with httpx.Client(base_url=access["base_url"]) as client:
        for _ in range(SANDBOX_CALLS):
            started = time.monotonic()
            client.post(
                SANDBOX_PATH,
                headers={"api-key": access["api_key"]},
                files={"input_image": ("picture.png", picture, "image/png")},
            ).raise_for_status()
            times.append(time.monotonic() - started)
    return statistics.median(times)


def _draw_picture() -> bytes:
    """A small picture: the sandbox's own work on it is short."""
    stored = io.BytesIO()
    Image.linear_gradient("L").resize(PICTURE_SIZE).convert("RGB").save(stored, "PNG")
    return stored.getvalue()


class _Load:
    """Drops tasks into one environment and waits for their events."""

    def __init__(self, environment: EnvironmentClient) -> None:
        self._environment = environment
        self._picture = _draw_picture()
        self._numbers = itertools.count()
        self._events = environment.sqs.create_queue(QueueName="benchmark")["QueueUrl"]
        environment.subscribe(self._events, "benchmark", {"source": ["darkroom"]})

    def run(self, in_flight: int, tasks: int) -> Round:
        """One round of at most `tasks`.

        Raises RuntimeError if a task does not succeed, TimeoutError if the round takes too long.
        """
        began: dict[str, float] = {}
        times: list[float] = []
        before = _read_cpu(self._environment.pid)
        started = time.monotonic()
        with _listening(self._receive) as ends:
            for _ in range(in_flight):
                self._drop(began)
            while began:
                spec_key, ended = _next(ends, started + ROUND_WITHIN_S)
                times.append(ended - began.pop(spec_key))
                in_time = time.monotonic() - started < DROP_FOR_S
                if in_time and len(times) + len(began) < tasks:
                    self._drop(began)
        took = time.monotonic() - started
        after = _read_cpu(self._environment.pid)
        cpu = {owner: after[owner] - before[owner] for owner in after}
        memory = _read_memory_mb(self._environment.pid)
        return Round(in_flight, len(times), took, times, cpu, memory)

    def _drop(self, began: dict[str, float]) -> None:
        number = next(self._numbers)
        photo = f"benchmark-{number // IN_FOLDER}/{number}.png"
        began[f"{photo}.json"] = time.monotonic()
        self._environment.drop(photo, self._picture)
        spec = {"operation": OPERATION, "provider": PROVIDER}
        self._environment.drop(f"{photo}.json", spec)

    def _receive(self) -> list[dict[str, Any]]:
        """The events that have arrived; waits a second for the first."""
        sqs = self._environment.sqs
        answer = sqs.receive_message(
            QueueUrl=self._events, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        messages = answer.get("Messages", [])
        if messages:
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=self._events, Entries=entries)
        return [json.loads(message["Body"]) for message in messages]


Ends = queue.SimpleQueue[tuple[dict[str, Any], float]]


@contextmanager
def _listening(receive: Callable[[], list[dict[str, Any]]]) -> Iterator[Ends]:
    """Receive in a thread: dropping tasks must not delay the time at which an event is seen."""
    ends: Ends = queue.SimpleQueue()
    stopped = threading.Event()

    def listen() -> None:
        while not stopped.is_set():
            events = receive()
            now = time.monotonic()
            for event in events:
                ends.put((event, now))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield ends
    finally:
        stopped.set()
        thread.join()


def _next(ends: Ends, deadline: float) -> tuple[str, float]:
    """The spec's key of the next task that has ended, and when; every task must succeed."""
    try:
        event, ended = ends.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError("the tasks of a round did not end in time") from None
    if event["detail-type"] != "Task Succeeded":
        message = f"a task has not succeeded: {json.dumps(event)}"
        raise RuntimeError(message)
    return event["detail"]["spec_key"], ended


def _read_cpu(main: int) -> dict[str, float]:
    """CPU seconds so far by owner: main process, functions, sandboxes, and this process."""
    used = {"main": _cpu_s(main), "functions": 0.0, "sandboxes": 0.0, "client": time.process_time()}
    for child in _children(main):
        command = (Path("/proc") / str(child) / "cmdline").read_bytes().split(b"\0")
        owner = "sandboxes" if b"infra.sandbox" in command else "functions"
        used[owner] += _cpu_s(child)
    return used


def _children(parent: int) -> list[int]:
    """The ids of a process's children; all its threads may have started them."""
    threads = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(word) for listed in threads for word in listed.read_text().split()]


def _cpu_s(process: int) -> float:
    """User and system seconds of a process, from fields 14 and 15 of `stat` (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _read_memory_mb(process: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
