"""One havoc run: everything is dropped, much goes wrong, and it is waited until nothing moves.

It judges nothing; `checks` does, by the evidence that is left.
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

from tests.e2e.havoc.drops import Drop, draw_drops
from tests.e2e.havoc.evidence import Evidence, Witness
from tests.e2e.havoc.faults import add_rules, count_fired, draw_rules
from tests.e2e.havoc.kills import MIN_KILLED_AT_WORK, Killer, count_at_work
from tests.e2e.havoc.liberties import Ageing, redeliver_sooner
from tests.e2e.havoc.troubles import Troubles
from tests.e2e.havoc.wire import Wire
from tests.e2e.shop import Shop, open_shop

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "unknown"})
PATIENCE_S: Final = 1200.0
"""A hundred tasks take up to ten minutes on two quiet cores: what a kill at Perfect's end lost is
made anew after a rest of minutes."""
LOOK_EVERY_S: Final = 0.5
SAY_EVERY_S: Final = 10.0
KILLING_S: Final = 60.0


@dataclass(frozen=True)
class Extent:
    """How much havoc. `patience_s` is for the end of all tasks.

    A hurried run does not wait for answers that nobody is left to receive, and has no task that is
    lost by a kill and made anew after a rest: such are dropped when the killing is over.
    """

    tasks: int
    seed: int
    kills: int
    hurried: bool = False
    patience_s: float = PATIENCE_S


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    extent: Extent
    drops: Sequence[Drop]
    evidence: Evidence
    troubles: Sequence[str]
    credentials: dict[str, dict[str, str]]
    kills: dict[str, int]
    struck: dict[str, int]
    at_work: int
    fired: dict[str, dict[str, int]]
    aged: int
    took_s: float
    rested: bool


@contextmanager
def play(extent: Extent, folder: Path, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Bring an environment up, play havoc with it, and tell what is left while it is still up."""
    rng = random.Random(extent.seed)  # noqa: S311 - a seed that gives the same run is the point
    with (folder / "said.log").open("w") as said, open_shop(folder, said) as shop:
        yield _play(extent, shop, folder, rng, say)


def _play(
    extent: Extent, shop: Shop, folder: Path, rng: random.Random, say: Callable[[str], None]
) -> Outcome:
    drops = draw_drops(rng, extent.tasks)
    witness = Witness(shop, folder)
    killer = Killer(
        shop.pid,
        folder / "logs",
        random.Random(rng.random()),  # noqa: S311 - the same
        extent.kills,
        at_work=MIN_KILLED_AT_WORK * extent.tasks,
        within_s=KILLING_S if extent.hurried else math.inf,
    )
    with _wired(shop, witness, killer) as wires:
        redeliver_sooner(shop, hurried=extent.hurried)
        for provider, access in shop.sandboxes.items():
            mine = sum(drop.wish.provider == provider for drop in drops)
            rules = draw_rules(rng, provider, mine, hurried=extent.hurried)
            add_rules(access["base_url"], rules)
        ageing = Ageing(witness.table, lambda: killer.callers_gone_at, hurried=extent.hurried)
        troubles = Troubles(
            shop,
            folder,
            random.Random(rng.random()),  # noqa: S311 - the same
            witness.put_secret,
            {
                wire.provider: {**shop.sandboxes[wire.provider], "base_url": wire.base_url}
                for wire in wires
            },
            lambda: any(one.paid for wire in wires for one in wire.exchanges()),
        )
        began = time.monotonic()
        killer.start()
        if not extent.hurried:
            troubles.start()
        late = [drop for drop in drops if extent.hurried and drop.lost_when_alone]
        _drop_all(shop, witness, [drop for drop in drops if drop not in late])
        while late and not killer.spent:
            ageing.look(witness.scan())
            time.sleep(LOOK_EVERY_S)
        _drop_all(shop, witness, late)
        rested = _rest(extent, witness, ageing, began, say)
        killer.stop()
        troubles.stop()
        took_s = time.monotonic() - began
        evidence = witness.gather([one for wire in wires for one in wire.exchanges()])
        evidence.closed += troubles.closed
        return Outcome(
            extent=extent,
            drops=drops,
            evidence=evidence,
            troubles=troubles.played,
            credentials={name: _keys(access) for name, access in shop.sandboxes.items()},
            kills=dict(killer.kills),
            struck={str(moment): times for moment, times in killer.struck.items()},
            at_work=count_at_work(folder / "logs"),
            fired={
                name: count_fired(access["base_url"]) for name, access in shop.sandboxes.items()
            },
            aged=ageing.times,
            took_s=took_s,
            rested=rested,
        )


def _drop_all(shop: Shop, witness: Witness, drops: Sequence[Drop]) -> None:
    """Ask for every task in its way, for some twice."""
    for drop in drops:
        spec_key = f"{drop.photo_key}.json"
        if drop.way == "spec-first":
            shop.drop(spec_key, drop.spec)
        for key, body in drop.files():
            shop.drop(key, body)
        if drop.way in ("photo-first", "by-key"):
            shop.drop(spec_key, drop.spec)
        for _ in range(2 if drop.again else 1):
            _ask(shop, witness, drop, spec_key)


def _ask(shop: Shop, witness: Witness, drop: Drop, spec_key: str) -> None:
    request = {"request_id": drop.name, "source": drop.photo_key, "spec": drop.spec}
    if drop.way == "message":
        shop.send(request)
    elif drop.way == "event":
        entry: Any = {
            "Source": "shop.backend",
            "DetailType": "Task Requested",
            "Detail": json.dumps(request),
            "EventBusName": shop.outputs["EventBus"],
        }
        assert witness.bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    elif drop.way == "by-key" or drop.again:
        shop.send({"key": spec_key})


@contextmanager
def _wired(shop: Shop, witness: Witness, killer: Killer) -> Iterator[list[Wire]]:
    """The functions speak to the sandboxes over wires of ours: the secrets say where they are."""
    wires = []
    for provider, access in shop.sandboxes.items():
        wire = Wire(provider, access["base_url"], killer.strike)
        wires.append(wire)
        witness.put_secret(provider, {**access, "base_url": wire.base_url})
    try:
        yield wires
    finally:
        for wire in wires:
            wire.close()


def _rest(
    extent: Extent, witness: Witness, ageing: Ageing, began: float, say: Callable[[str], None]
) -> bool:
    """Wait until every task has ended and nothing runs; whether that came in time."""
    told = began
    while time.monotonic() - began < extent.patience_s:
        items = witness.scan()
        ageing.look(items)
        states = [item["state"] for item in items if item["sk"] == "task"]
        ended = sum(state in ENDED for state in states)
        if ended == len(states) >= extent.tasks and not (witness.running() or witness.queued()):
            return True
        if time.monotonic() - told > SAY_EVERY_S:
            told = time.monotonic()
            counted = ", ".join(f"{states.count(one)} {one}" for one in sorted(set(states)))
            say(f"{told - began:4.0f} s  {ended} of {extent.tasks} ended ({counted})")
        time.sleep(LOOK_EVERY_S)
    return False


def _keys(access: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in access.items() if name != "base_url"}
