"""What the calls of one task allow within AWS's quotas: a sustained rate, and a burst of files.

    python -m tests.benchmarks scale           # half a minute

The way of a task is counted by `cost` (one that no provider limits), the quotas are token buckets:
no AWS is called. What finds no token waits, as boto3 and the workflow let it: a request is tried
again within its call for some seconds, a refused call of a function after a while by the workflow
(each try is a state entered), a message that failed after its visibility time-out.

DynamoDB may split a busy partition of the table after a while; that is not counted on.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.aws.dynamodb_indexes import INDEXES, SHARDS
from darkroom.domain.rate_limits import Rate, Rules
from infra.aws.environments import find_environment
from infra.aws.sizes import BATCH_SIZE, MAX_RECEIVES, SIZES, VISIBILITY_FACTOR
from tests.benchmarks.cost import Stage, profile

BURST: Final = 10_000
JOBS_S: Final = (0, 20, 60)
SEED: Final = 1
PARTITION_WRITES_PER_S: Final = 1000
PARTITIONS: Final[Mapping[str, int]] = dict.fromkeys(INDEXES, SHARDS)
"""Partitions that share the writes; one for every other name."""
START_RATE: Final = (300.0, 1300.0)
"""StartExecution: refill a second, and bucket."""
NEW_ENVIRONMENTS: Final = (100.0, 1000.0)
"""Lambda: each function may get 1,000 more execution environments every ten seconds."""
REQUEST_RETRIES_S: Final = 4.0
"""How long boto3 tries a throttled request again before the call of the function fails."""
THROTTLED: Final = (5.0, 1.5, 300.0, 200)
"""The workflow's retry of a throttled function: interval, back-off, longest wait, tries."""
FAILED: Final = (2.0, 2.0, 300.0, 40)
"""The same of a function that failed."""
POLLER_WAIT_S: Final = 1.0
"""How long the queue's poller waits when no environment is free for INTAKE."""


@dataclass(frozen=True)
class Quotas:
    """Of an account in a region.

    Attributes:
        states_per_s: state transitions of Step Functions; as many at once after an idle time.
        functions: how many functions run at once.
        intake: how many of them INTAKE may be.
    """

    states_per_s: float
    functions: int
    intake: int


_INTAKE: Final = find_environment("prod").intake_concurrency
ACCOUNTS: Final[Mapping[str, Quotas]] = {
    "large region": Quotas(5000, 1000, _INTAKE),
    "other region": Quotas(1500, 1000, _INTAKE),
    "large region, INTAKE at 100": Quotas(5000, 1000, 100),
    "new account": Quotas(800, 10, _INTAKE),
}
"""Default quotas of Step Functions and Lambda; INTAKE's share is the environment's setting."""

ACCOUNT_QUOTAS: Final = ("runs started", "states entered", "functions at once")
"""What AWS limits. INTAKE's concurrency is our setting, the partitions are those of our keys."""


def run(burst: int = BURST) -> dict[str, Any]:
    """Run the benchmark; plain JSON figures.

    - `sustained`: for each account and time of a job, the tasks a second that each quota allows
      (`by_quota`), the least of them (`tasks_per_s`) and its quota (`bound_by`);
    - `burst`: so many photos with their specs at once: `took_s`; `over_floor`, divided by the time
      that the account's quotas alone need and one task's own; `over_own_bound`, by the time that
      all of `by_quota` need; `lost`; and what was refused on the way;
    - `in_line`: the same as `sustained` for the partitions of a provider with a documented limit.
    """
    ways = {job_s: profile(job_s) for job_s in JOBS_S}
    sustained, bursts = [], []
    for account, quotas in ACCOUNTS.items():
        for job_s, way in ways.items():
            bounds = sustained_bounds(way, quotas)
            bound_by = min(bounds, key=bounds.__getitem__)
            sustained.append(
                {
                    "account": account,
                    "job_s": job_s,
                    "tasks_per_s": round(bounds[bound_by], 1),
                    "bound_by": bound_by,
                    "by_quota": {name: round(rate, 1) for name, rate in bounds.items()},
                }
            )
            task_s = sum(stage.seconds for stage in way)
            floor_s = burst / min(bounds[name] for name in ACCOUNT_QUOTAS) + task_s
            bound_s = burst / bounds[bound_by] + task_s
            outcome = Burst(way, quotas).run(burst)
            bursts.append(
                {
                    "account": account,
                    "job_s": job_s,
                    "files": burst,
                    "took_s": round(outcome.took_s),
                    "over_floor": round(outcome.took_s / floor_s, 3),
                    "over_own_bound": round(outcome.took_s / bound_s, 3),
                    "lost": outcome.lost,
                    "refused": dict(outcome.refused),
                }
            )
    limited = profile(0, Rules(Rate(60, 60)))
    in_line = {name: _partition_rate(limited, name) for name in ("line", "turns")}
    return {"sustained": sustained, "burst": bursts, "in_line": in_line}


def sustained_bounds(way: Sequence[Stage], quotas: Quotas) -> dict[str, float]:
    """Quota -> the tasks a second that it allows."""
    intake_s = sum(stage.seconds for stage in way if stage.name == "intake")
    functions_s = sum(stage.seconds for stage in way if stage.name != "wait")
    bounds = {
        "runs started": START_RATE[0],
        "states entered": quotas.states_per_s / _states(way),
        "functions at once": quotas.functions / functions_s,
        "INTAKE at once": min(quotas.intake, quotas.functions) / intake_s,
    }
    shared = {name for stage in way for name, units in stage.shared.items() if units}
    return bounds | {f"partition {name}": _partition_rate(way, name) for name in sorted(shared)}


def _partition_rate(way: Sequence[Stage], name: str) -> float:
    units = sum(stage.shared.get(name, 0) for stage in way)
    return PARTITIONS.get(name, 1) * PARTITION_WRITES_PER_S / units


def _states(way: Sequence[Stage]) -> int:
    """A wait; a function and the choice after it; the end."""
    return 1 + sum(_STATES.get(stage.name, 2) for stage in way)


_STATES: Final = {"intake": 0, "wait": 1}


@dataclass
class Bucket:
    """Tokens that come back at `rate` a second, up to `most`; taking too many leaves a debt."""

    rate: float
    most: float
    at: float = 0.0
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    def wait_s(self, now: float, tokens: float) -> float:
        """How long it takes until so many are there; takes none."""
        self.left = min(self.most, self.left + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (tokens - self.left) / self.rate)

    def take(self, now: float, tokens: float = 1) -> float:
        """Take them, or reserve them behind those that wait already; how long that takes."""
        wait_s = self.wait_s(now, tokens)
        self.left -= tokens
        return wait_s


@dataclass
class Outcome:
    """Of a burst: when the last task ended, how many never did, and what was refused."""

    took_s: float = 0.0
    lost: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Burst:
    """Many photos with their specs at once, at a deployment that was idle."""

    def __init__(self, way: Sequence[Stage], quotas: Quotas) -> None:
        self._quotas = quotas
        self._arrivals = [stage for stage in way if stage.name == "intake"]
        self._stages = [stage for stage in way if stage.name != "intake"]
        self._draw = random.Random(SEED)  # noqa: S311 - the same again, not a secret
        self._now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._starts = Bucket(*START_RATE)
        self._states = Bucket(quotas.states_per_s, quotas.states_per_s)
        self._partitions: dict[tuple[str, int], Bucket] = {}
        self._busy: Counter[str] = Counter()
        self._environments: Counter[str] = Counter()
        self._new: dict[str, Bucket] = {}
        self._queue: list[tuple[int, Stage, int]] = []
        self._outcome = Outcome()

    def run(self, files: int) -> Outcome:
        """Run until every task has ended or is lost."""
        messages = [(task, stage, 1) for task in range(files) for stage in self._arrivals]
        self._queue = messages[::-1]
        for _ in range(min(self._quotas.intake, len(self._queue))):
            self._after(0, self._poll_queue)
        while self._heap:
            self._now, _, act = heapq.heappop(self._heap)
            act()
        return self._outcome

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self._now + seconds, next(self._count), act))

    # --- INTAKE -----------------------------------------------------------------------------------

    def _poll_queue(self) -> None:
        """One of INTAKE's pollers: a batch at a time, as long as there are messages."""
        if not self._queue:
            return
        if not self._begin("intake"):
            self._after(POLLER_WAIT_S, self._poll_queue)
            return
        batch = [self._queue.pop() for _ in range(min(BATCH_SIZE, len(self._queue)))]
        took_s = 0.0
        for task, stage, receives in batch:
            took_s += stage.seconds
            wait_s = self._write(task, stage, took_s)
            last = stage is self._arrivals[-1]  # the spec's message starts the run
            if wait_s is not None and last:
                start_s = self._starts.wait_s(self._now + took_s, 1)
                wait_s = None if start_s > REQUEST_RETRIES_S else max(wait_s, self._start(took_s))
            if wait_s is None:
                took_s += REQUEST_RETRIES_S
                self._send_back(task, stage, receives)
                continue
            took_s += wait_s
            if last:
                self._after(took_s, lambda task=task: self._enter(task, 0, 0, 0))  # type: ignore[misc] # bound now
        self._after(took_s, self._end_batch)

    def _start(self, after_s: float) -> float:
        return self._starts.take(self._now + after_s)

    def _end_batch(self) -> None:
        self._end("intake")
        self._poll_queue()

    def _send_back(self, task: int, stage: Stage, receives: int) -> None:
        """The message is received again after its visibility time-out, or is a dead letter."""
        self._outcome.refused["messages"] += 1
        if receives >= MAX_RECEIVES:
            self._outcome.lost += 1
            return

        def receive_again() -> None:
            self._queue.append((task, stage, receives + 1))
            self._poll_queue()

        self._after(VISIBILITY_FACTOR * SIZES["intake"].timeout_s, receive_again)

    # --- the runs ---------------------------------------------------------------------------------

    def _enter(self, task: int, number: int, throttled: int, failed: int) -> None:
        """Enter a state when the quota of transitions allows it, and do its work."""
        stage = self._stages[number] if number < len(self._stages) else None
        retried = bool(throttled or failed)
        states = 1 if retried or stage is None else _STATES.get(stage.name, 2)
        wait_s = self._states.take(self._now, states)
        if stage is None:
            self._after(wait_s, self._finish)
        elif stage.name == "wait":
            self._after(wait_s + stage.seconds, lambda: self._enter(task, number + 1, 0, 0))
        else:
            self._after(wait_s, lambda: self._call(task, number, throttled, failed))

    def _finish(self) -> None:
        self._outcome.took_s = max(self._outcome.took_s, self._now)

    def _call(self, task: int, number: int, throttled: int, failed: int) -> None:
        stage = self._stages[number]
        if not self._begin(stage.name):
            self._outcome.refused["functions"] += 1
            self._retry(
                THROTTLED, throttled, lambda: self._enter(task, number, throttled + 1, failed)
            )
            return
        wait_s = self._write(task, stage, 0.0)
        if wait_s is None:
            self._outcome.refused["writes"] += 1

            def fail() -> None:
                self._end(stage.name)
                self._retry(
                    FAILED, failed, lambda: self._enter(task, number, throttled, failed + 1)
                )

            self._after(REQUEST_RETRIES_S, fail)
            return

        def go_on() -> None:
            self._end(stage.name)
            self._enter(task, number + 1, 0, 0)

        self._after(stage.seconds + wait_s, go_on)

    def _retry(
        self, rule: tuple[float, float, float, int], tries: int, again: Callable[[], None]
    ) -> None:
        interval_s, back_off, longest_s, most = rule
        if tries >= most:
            self._outcome.lost += 1
            return
        wait_s = min(longest_s, interval_s * back_off ** min(tries, 50))
        if rule is THROTTLED:
            wait_s = self._draw.uniform(0, wait_s)
        self._after(wait_s, again)

    # --- what they share --------------------------------------------------------------------------

    def _write(self, task: int, stage: Stage, after_s: float) -> float | None:
        """Make the stage's writes to shared partitions: how long that takes; None if it fails."""
        at = self._now + after_s
        wanted = [
            (self._partition(name, task), units) for name, units in stage.shared.items() if units
        ]
        if any(bucket.wait_s(at, units) > REQUEST_RETRIES_S for bucket, units in wanted):
            return None
        return max((bucket.take(at, units) for bucket, units in wanted), default=0.0)

    def _partition(self, name: str, task: int) -> Bucket:
        key = (name, task % PARTITIONS.get(name, 1))
        full = float(PARTITION_WRITES_PER_S)
        return self._partitions.setdefault(key, Bucket(full, full))

    def _begin(self, function: str) -> bool:
        """Whether the function may run now: the account's limit, and the growth of the function."""
        if self._busy.total() >= self._quotas.functions:
            return False
        if self._busy[function] >= self._environments[function]:
            new = self._new.setdefault(function, Bucket(*NEW_ENVIRONMENTS))
            if new.wait_s(self._now, 1) > 0:
                return False
            new.take(self._now)
            self._environments[function] += 1
        self._busy[function] += 1
        return True

    def _end(self, function: str) -> None:
        self._busy[function] -= 1
