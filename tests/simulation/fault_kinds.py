"""Every kind of fault, the calls that it may strike, and the policies that choose one.

A kind is a name. Its effect is where it strikes: in `fault_injection` for ordinary calls, in
`providers` for providers' responses, elsewhere for events and users.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

DEATHS: Final = ("crash-before", "crash-after", "slow-call")
_READ: Final = (*DEATHS, "table-throttled")
_WRITE: Final = (*DEATHS, "table-throttled", "table-answer-lost")
_PLAIN: Final = (*_WRITE, "write-contended")
_FIND: Final = (*DEATHS, "bucket-error")
_FREE: Final = (
    *DEATHS,
    "free-throttled",
    "free-throttled-without-hint",
    "free-server-error",
    "free-unanswered",
    "free-malformed",
)
_PAID: Final = (
    *("crash-before", "crash-after"),
    *("throttled", "throttled-without-hint", "not-sent", "server-error", "unanswered"),
    *("accepted-but-server-error", "accepted-but-unanswered", "accepted-but-malformed"),
    *("accepted-but-truncated", "half-open", "slow-answer", "refused"),
    *("refused-late", "throttled-late", "not-sent-late"),
)

CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "tasks.get": _READ,
    "tasks.latest": _READ,
    "tasks.owner": _READ,
    "tasks.of_request": _READ,
    "tasks.below": _READ,
    "tasks.in_batch": _READ,
    "batches.get_many": _READ,
    "batches.due": _READ,
    "batches.write": (*_WRITE, "create-contended"),
    "outputs.list_etags": _FIND,
    "tasks.wanting": _READ,
    "tasks.due": (*_READ, "list-broken"),
    "tasks.create": (*_WRITE, "create-contended"),
    "tasks.replace": _PLAIN,
    "tasks.claim_job": _PLAIN,
    "tasks.claim_output": _PLAIN,
    "tasks.forget_wants": _PLAIN,
    "tasks.postpone": _PLAIN,
    "tasks.dismiss": _PLAIN,
    "tasks.put_off": _PLAIN,
    "inputs.find": _FIND,
    "inputs.read": _FIND,
    "inputs.read_each": _FIND,
    "inputs.list_keys": _FIND,
    "inputs.list_recent": _FIND,
    "inputs.open": _FIND,
    "outputs.put": (*_FIND, "bucket-answer-lost"),
    "outputs.put_over": (*_FIND, "bucket-answer-lost", "bucket-contended", "bucket-sent-twice"),
    "outputs.find": _FIND,
    "outputs.writer": _FIND,
    "outputs.get": _FIND,
    "workflows.start": (*DEATHS, "start-throttled", "start-answer-lost", "start-lost"),
    "workflows.status": (*DEATHS, "start-throttled"),
    "events.publish": (*DEATHS, "event-not-taken", "event-answer-lost"),
    "lines.turns": _READ,
    "lines.compare_and_set": (*_WRITE, "create-contended"),
    "lines.first": _READ,
    "lines.missed": _READ,
    "lines.ahead": _READ,
    "lines.length": _READ,
    "lines.mark": _WRITE,
    "tasks.get_many": _READ,
    "tasks.done_by": _READ,
    "tasks.note_done": _WRITE,
    "new_tasks.count": _WRITE,
    "budgets.held": _READ,
    "budgets.holding": _READ,
    "budgets.note_holding": _WRITE,
    "budgets.forget_holding": _WRITE,
    "charges.known": (*DEATHS, "charges-unavailable"),
    "limiter.lease": _WRITE,
    "limiter.release": _WRITE,
    "limiter.circuit": _READ,
    "limiter.compare_and_set": _WRITE,
    "durations.known": (*DEATHS, "durations-unavailable"),
    "durations.compare_and_set": (*DEATHS, "durations-unavailable", "durations-answer-lost"),
    "charges.record": (*DEATHS, "charges-unavailable", "charges-answer-lost"),
    "dead_letters.put": (*DEATHS, "queue-error"),
    "errands.send": (*DEATHS, "queue-error"),
    "providers.prepare": (*_FREE, "prepare-refused"),
    "providers.pay": _PAID,
    "providers.repeat": _PAID,
    "providers.look_up": _FREE,
    "providers.poll": (*_FREE, "job-not-found-yet"),
    "providers.cancel": _FREE,
    "providers.balance": _FREE,
    "providers.history": _FREE,
    "pictures.measure": DEATHS,
    "providers.fetch": (*DEATHS, "result-gone", "result-unreachable", "result-cut"),
}
"""Call -> the kinds that may strike it. A call that is not listed can only kill its process."""

CHANCES: Final[Mapping[str, float]] = {
    "event-duplicated": 0.2,
    "event-delayed": 0.1,
    "event-poisoned": 0.01,
    "message-redelivered": 0.1,
    "message-malformed": 0.5,
    "function-refused": 0.01,
    "function-answer-lost": 0.02,
    "run-aborted": 0.02,
    "run-lost": 0.02,
    "function-late": 0.3,
    "clock-skewed": 0.3,
    "job-failed-refunded": 0.05,
    "job-failed-charged": 0.03,
    "job-hangs": 0.01,
    "job-late": 0.05,
    "listed-late": 0.3,
    "result-of-wrong-kind": 0.01,
    "spec-overwritten": 0.2,
    "spec-deleted": 0.05,
    "photo-overwritten": 0.05,
    "photo-deleted": 0.1,
    "photo-in-other-case": 0.2,
    "photo-follows": 0.5,
    "default-changed": 0.3,
    "default-broken": 0.3,
    "default-deleted": 0.1,
    "own-spec": 0.2,
    "cancelled": 0.05,
    "retried": 0.05,
    "retried-twice": 0.3,
    "retried-at-rest": 0.3,
    "paid-again": 0.03,
    "paid-again-at-rest": 0.2,
    "reconciled-at-rest": 0.3,
    "bad-ends-redriven": 0.5,
    "dead-letters-left": 0.2,
    "route-gone": 0.2,
    "price-changed": 0.2,
    "table-down": 0.15,
    "bucket-down": 0.1,
    "outputs-down": 0.15,
    "inputs-down": 0.1,
    "bus-down": 0.1,
    "starts-down": 0.1,
    "table-down-after-pay": 0.02,
    "table-down-long-after-pay": 0.01,
    "bucket-down-after-pay": 0.02,
    "bucket-down-long-after-pay": 0.01,
    "message-without-id": 0.3,
    "message-repeated": 0.5,
    "message-at-midnight": 0.2,
    "redrive-renames": 0.5,
    "photo-undeleted": 0.2,
    "item-unreadable": 0.2,
    "no-credits": 0.05,
    "key-refused": 0.05,
    "other-account": 0.05,
    "older-job-named": 0.02,
    "result-late": 0.05,
    "result-very-late": 0.02,
    "picture-deadly": 0.02,
    "picture-unreadable": 0.05,
    "decoder-broken": 0.02,
    "durations-known": 0.3,
    "durations-sampled": 0.3,
}
"""Events apart from calls -> their probability each time, in a simulation with every kind."""

KINDS: Final = tuple(dict.fromkeys([*(k for kinds in CALLS.values() for k in kinds), *CHANCES]))


class FaultPolicy(Protocol):
    """Decides what goes wrong, and counts it."""

    fired: Counter[str]

    def pick_fault(self, call: str) -> str | None:
        """The kind of fault that strikes this call, or None."""

    def chance(self, kind: str) -> bool:
        """Whether this happens now."""

    def between(self, least: float, most: float) -> float:
        """A number of this simulation's own: a pause, a duration, a choice."""


class NoFaults:
    """No faults at all."""

    def __init__(self) -> None:
        self.fired: Counter[str] = Counter()

    def pick_fault(self, call: str) -> str | None:
        """Nothing."""
        del call
        return None

    def chance(self, kind: str) -> bool:
        """Never."""
        del kind
        return False

    def between(self, least: float, most: float) -> float:
        """The middle."""
        return (least + most) / 2


class RandomFaults:
    """Random faults; the same seed always gives the same ones.

    Args:
        seed: of every random number.
        rate: share of calls that are struck, 0 to 1.
        kinds: those that may strike; seeds differ in them, so that no kind always hides another.
        chance_factor: multiplies the probability of everything that is not a call.
    """

    def __init__(
        self, seed: int, rate: float, kinds: Iterable[str], *, chance_factor: float = 1.0
    ) -> None:
        self.fired: Counter[str] = Counter()
        self._random = random.Random(seed)  # noqa: S311 - the same again, not a secret
        self._rate = rate
        enabled = frozenset(kinds)
        self._calls = {call: [k for k in of if k in enabled] for call, of in CALLS.items()}
        self._deaths = [k for k in DEATHS if k in enabled]
        self._chances = {k: p * chance_factor for k, p in CHANCES.items() if k in enabled}
        self._left = self._draw()

    def pick_fault(self, call: str) -> str | None:
        """The kind of fault that strikes this call, or None."""
        self._left -= 1
        if self._left > 0:
            return None
        self._left = self._draw()
        kinds = self._calls.get(call, self._deaths)
        if not kinds:
            return None
        kind = kinds[int(self._random.random() * len(kinds))]
        self.fired[kind] += 1
        return kind

    def chance(self, kind: str) -> bool:
        """Whether this happens now."""
        likely = self._chances.get(kind)
        if likely is None or self._random.random() >= likely:
            return False
        self.fired[kind] += 1
        return True

    def between(self, least: float, most: float) -> float:
        """A random number."""
        return least + (most - least) * self._random.random()

    def _draw(self) -> float:
        if self._rate <= 0:
            return math.inf
        return 1 + int(self._random.expovariate(self._rate))
