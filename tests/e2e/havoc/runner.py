"""One havoc run: drops all tasks, starts faults and kills, waits until all tasks have ended.

It checks nothing; `checks` does that with the collected state.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.environment_client import EnvironmentClient, open_environment
from tests.e2e.havoc.collected_state import CollectedState, Collector
from tests.e2e.havoc.killer import MIN_KILLED_AT_WORK, Killer, count_at_work
from tests.e2e.havoc.outages import Outages
from tests.e2e.havoc.provider_faults import add_rules, count_fired, draw_rules
from tests.e2e.havoc.recording_proxy import RecordingProxy
from tests.e2e.havoc.request_kinds import PAID
from tests.e2e.havoc.time_compression import TimeCompression, redeliver_sooner
from tests.e2e.havoc.workload import DroppedTask, draw_tasks

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "unknown"})
TIMEOUT_S: Final = 1200.0
"""A hundred tasks take up to ten minutes on two idle cores: a job that Perfect loses by a kill is
made again only after minutes."""
POLL_INTERVAL_S: Final = 0.5
SAY_EVERY_S: Final = 10.0
KILLING_S: Final = 60.0


@dataclass(frozen=True)
class RunSize:
    """The size of a run; all tasks must end within `timeout_s`.

    A hurried run does not wait for responses whose caller was killed. It drops tasks whose jobs are
    lost by a kill, and then made again only after minutes, when the killing is over.
    """

    tasks: int
    seed: int
    kills: int
    hurried: bool = False
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    size: RunSize
    drops: Sequence[DroppedTask]
    state: CollectedState
    outages: Sequence[str]
    credentials: dict[str, dict[str, str]]
    kills: dict[str, int]
    struck: dict[str, int]
    at_work: int
    fired: dict[str, dict[str, int]]
    aged: int
    took_s: float
    rested: bool


@contextmanager
def run(size: RunSize, folder: Path, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Start an environment and run havoc in it; gives the result while it is still running."""
    rng = random.Random(size.seed)  # noqa: S311 - must repeat with the same seed
    with (folder / "stderr.log").open("w") as stderr, open_environment(folder, stderr) as client:
        yield _run(size, client, folder, rng, say)


def _run(
    size: RunSize,
    client: EnvironmentClient,
    folder: Path,
    rng: random.Random,
    say: Callable[[str], None],
) -> Outcome:
    drops = draw_tasks(rng, size.tasks)
    collector = Collector(client, folder)
    killer = Killer(
        client.pid,
        folder / "logs",
        random.Random(rng.random()),  # noqa: S311 - the same
        size.kills,
        at_work=MIN_KILLED_AT_WORK * size.tasks,
        within_s=KILLING_S if size.hurried else math.inf,
    )
    with _proxied(client, collector, killer) as proxies:
        redeliver_sooner(client, hurried=size.hurried)
        for provider, access in client.sandboxes.items():
            if provider not in PAID:
                continue  # the workload has no task for it
            count = sum(drop.kind.provider == provider for drop in drops)
            rules = draw_rules(rng, provider, count, hurried=size.hurried)
            add_rules(access["base_url"], rules)
        compression = TimeCompression(
            collector.table, lambda: killer.callers_gone_at, hurried=size.hurried
        )
        outages = Outages(
            client,
            folder,
            random.Random(rng.random()),  # noqa: S311 - the same
            collector.put_secret,
            {
                proxy.provider: {
                    **client.sandboxes[proxy.provider],
                    "base_url": proxy.base_url,
                }
                for proxy in proxies
            },
            lambda: any(one.paid for proxy in proxies for one in proxy.exchanges()),
        )
        started = time.monotonic()
        killer.start()
        if not size.hurried:
            outages.start()
        late = [drop for drop in drops if size.hurried and drop.lost_without_polls]
        _drop_all(client, collector, [drop for drop in drops if drop not in late])
        while late and not killer.stopped:
            compression.apply(collector.scan())
            time.sleep(POLL_INTERVAL_S)
        _drop_all(client, collector, late)
        rested = _rest(size, collector, compression, started, say)
        killer.stop()
        outages.stop()
        took_s = time.monotonic() - started
        state = collector.collect([one for proxy in proxies for one in proxy.exchanges()])
        state.closed += outages.closed
        return Outcome(
            size=size,
            drops=drops,
            state=state,
            outages=outages.finished,
            credentials={name: _without_url(access) for name, access in client.sandboxes.items()},
            kills=dict(killer.kills),
            struck={str(moment): times for moment, times in killer.struck.items()},
            at_work=count_at_work(folder / "logs"),
            fired={
                name: count_fired(access["base_url"]) for name, access in client.sandboxes.items()
            },
            aged=compression.times,
            took_s=took_s,
            rested=rested,
        )


def _drop_all(
    client: EnvironmentClient, collector: Collector, drops: Sequence[DroppedTask]
) -> None:
    """Drop each task in its way, and request some of them twice."""
    for drop in drops:
        spec_key = f"{drop.photo_key}.json"
        if drop.way == "spec-first":
            client.drop(spec_key, drop.spec)
        for key, body in drop.files():
            client.drop(key, body)
        if drop.way in ("photo-first", "by-key"):
            client.drop(spec_key, drop.spec)
        for _ in range(2 if drop.again else 1):
            _request(client, collector, drop, spec_key)


def _request(
    client: EnvironmentClient, collector: Collector, drop: DroppedTask, spec_key: str
) -> None:
    request = {"request_id": drop.name, "source": drop.photo_key, "spec": drop.spec}
    if drop.way == "message":
        client.send(request)
    elif drop.way == "event":
        entry: Any = {
            "Source": "shop.backend",
            "DetailType": "Task Requested",
            "Detail": json.dumps(request),
            "EventBusName": client.outputs["EventBus"],
        }
        assert collector.bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    elif drop.way == "by-key" or drop.again:
        client.send({"key": spec_key})


@contextmanager
def _proxied(
    client: EnvironmentClient, collector: Collector, killer: Killer
) -> Iterator[list[RecordingProxy]]:
    """Put a proxy in front of each sandbox, by changing the base URL in its secret."""
    proxies = []
    for provider, access in client.sandboxes.items():
        proxy = RecordingProxy(provider, access["base_url"], killer.strike)
        proxies.append(proxy)
        collector.put_secret(provider, {**access, "base_url": proxy.base_url})
    try:
        yield proxies
    finally:
        for proxy in proxies:
            proxy.close()


def _rest(
    size: RunSize,
    collector: Collector,
    compression: TimeCompression,
    started: float,
    say: Callable[[str], None],
) -> bool:
    """Wait until every task has ended and nothing runs; whether that was in time."""
    printed_at = started
    while time.monotonic() - started < size.timeout_s:
        items = collector.scan()
        compression.apply(items)
        states = [item["state"] for item in items if item["pk"].startswith("task#")]
        ended = sum(state in ENDED for state in states)
        if ended == len(states) >= size.tasks and not (collector.running() or collector.queued()):
            return True
        if time.monotonic() - printed_at > SAY_EVERY_S:
            printed_at = time.monotonic()
            counted = ", ".join(f"{states.count(one)} {one}" for one in sorted(set(states)))
            say(f"{printed_at - started:4.0f} s  {ended} of {size.tasks} ended ({counted})")
        time.sleep(POLL_INTERVAL_S)
    return False


def _without_url(access: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in access.items() if name != "base_url"}
