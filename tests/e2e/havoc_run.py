"""One havoc run: everything is dropped, much goes wrong, and it is waited until nothing moves.

It judges nothing; `havoc_checks` does, by the evidence that is left.
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

from tests.e2e.havoc_evidence import Evidence, Witness
from tests.e2e.havoc_faults import add_rules, count_fired, draw_rules
from tests.e2e.havoc_kills import Killer, count_at_work
from tests.e2e.havoc_orders import Order, draw_orders
from tests.e2e.havoc_time import Hurry
from tests.e2e.havoc_wire import Wire
from tests.e2e.shop import Shop, open_shop

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "unknown"})
LOOK_EVERY_S: Final = 0.5
SAY_EVERY_S: Final = 10.0
KILLING_S: Final = 10.0


@dataclass(frozen=True)
class Asked:
    """How much havoc. `patience_s` is for the end of all tasks.

    A hurried run does not wait for answers that nobody is left to receive, and has no task that is
    lost by a kill and made anew after a rest: such are dropped when the killing is over.
    """

    tasks: int
    seed: int
    kills: int
    at_paid_calls: float = 0.1
    patience_s: float = 600.0
    redeliver_s: int = 30
    """After so long the intake queue hands a message out again: on AWS six minutes, here less."""
    hurried: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    asked: Asked
    orders: Sequence[Order]
    evidence: Evidence
    credentials: dict[str, dict[str, str]]
    kills: dict[str, int]
    struck: dict[str, int]
    at_work: int
    fired: dict[str, dict[str, int]]
    aged: int
    took_s: float
    rested: bool


def run(asked: Asked, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Bring an environment up, play havoc with it, and tell what is left."""
    rng = random.Random(asked.seed)  # noqa: S311 - a seed that gives the same run is the point
    orders = draw_orders(rng, asked.tasks)
    with (folder / "said.log").open("w") as said, open_shop(folder, said) as shop:
        witness = Witness(shop, folder)
        killer = Killer(
            shop.pid,
            random.Random(rng.random()),  # noqa: S311 - the same
            asked.kills,
            within_s=KILLING_S if asked.hurried else math.inf,
            at_paid_calls=asked.at_paid_calls,
        )
        with _wired(shop, witness, killer) as wires:
            _prepare(shop, asked, orders, rng)
            hurry = Hurry(witness.table, lambda: killer.callers_gone_at, patient=not asked.hurried)
            began = time.monotonic()
            killer.start()
            late = [order for order in orders if asked.hurried and order.lost_when_alone]
            _drop_all(shop, witness, [order for order in orders if order not in late])
            while late and not killer.spent:
                hurry.look(witness.scan())
                time.sleep(LOOK_EVERY_S)
            _drop_all(shop, witness, late)
            rested = _rest(asked, witness, hurry, began, say)
            killer.stop()
            took_s = time.monotonic() - began
            return Outcome(
                asked=asked,
                orders=orders,
                evidence=witness.gather([one for wire in wires for one in wire.exchanges()]),
                credentials={name: _keys(access) for name, access in shop.sandboxes.items()},
                kills=dict(killer.kills),
                struck={str(moment): times for moment, times in killer.struck.items()},
                at_work=count_at_work(folder / "logs"),
                fired={
                    name: count_fired(access["base_url"]) for name, access in shop.sandboxes.items()
                },
                aged=hurry.aged,
                took_s=took_s,
                rested=rested,
            )


def _drop_all(shop: Shop, witness: Witness, orders: Sequence[Order]) -> None:
    """Ask for every task through its door, for some twice."""
    for order in orders:
        spec_key = f"{order.photo_key}.json"
        if order.door == "spec-first":
            shop.drop(spec_key, order.spec)
        for key, body in order.files():
            shop.drop(key, body)
        if order.door in ("photo-first", "by-key"):
            shop.drop(spec_key, order.spec)
        for _ in range(2 if order.again else 1):
            _ask(shop, witness, order, spec_key)


def _ask(shop: Shop, witness: Witness, order: Order, spec_key: str) -> None:
    request = {"request_id": order.name, "source": order.photo_key, "spec": order.spec}
    if order.door == "message":
        shop.send(request)
    elif order.door == "event":
        entry: Any = {
            "Source": "shop.backend",
            "DetailType": "Task Requested",
            "Detail": json.dumps(request),
            "EventBusName": shop.outputs["EventBus"],
        }
        assert witness.bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    elif order.door == "by-key" or order.again:
        shop.send({"key": spec_key})


@contextmanager
def _wired(shop: Shop, witness: Witness, killer: Killer) -> Iterator[list[Wire]]:
    """The functions speak to the sandboxes over wires of ours: the secrets say where they are."""
    wires = []
    for provider, access in shop.sandboxes.items():
        wire = Wire(provider, access["base_url"], killer.strike)
        wires.append(wire)
        witness.secrets.put_secret_value(
            SecretId=f"darkroom/local/{provider}",
            SecretString=json.dumps({**access, "base_url": wire.base_url}),
        )
    try:
        yield wires
    finally:
        for wire in wires:
            wire.close()


def _prepare(shop: Shop, asked: Asked, orders: Sequence[Order], rng: random.Random) -> None:
    shop.sqs.set_queue_attributes(
        QueueUrl=shop.outputs["IntakeQueueUrl"],
        Attributes={"VisibilityTimeout": str(asked.redeliver_s)},
    )
    for provider, access in shop.sandboxes.items():
        mine = sum(order.wish.provider == provider for order in orders)
        add_rules(access["base_url"], draw_rules(rng, provider, mine, hurried=asked.hurried))


def _rest(
    asked: Asked, witness: Witness, hurry: Hurry, began: float, say: Callable[[str], None]
) -> bool:
    """Wait until every task has ended and nothing runs; whether that came in time."""
    told = began
    while time.monotonic() - began < asked.patience_s:
        items = witness.scan()
        hurry.look(items)
        states = [item["state"] for item in items if item["sk"] == "task"]
        ended = sum(state in ENDED for state in states)
        if ended == len(states) >= asked.tasks and not (witness.running() or witness.queued()):
            return True
        if time.monotonic() - told > SAY_EVERY_S:
            told = time.monotonic()
            counted = ", ".join(f"{states.count(one)} {one}" for one in sorted(set(states)))
            say(f"{told - began:4.0f} s  {ended} of {asked.tasks} ended ({counted})")
        time.sleep(LOOK_EVERY_S)
    return False


def _keys(access: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in access.items() if name != "base_url"}
