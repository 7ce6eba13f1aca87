"""The accounts at the providers: for a while empty, with a refused key, or somebody else's.

no-credits      paid calls are refused; whatever is free goes on
key-refused     every call is refused: the secret holds an old key
other-account   the secret holds another account's key: that one pays, and knows no job of ours
"""

import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, Literal

from darkroom.domain.errors import AccountBlocked
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.ledger import OURS
from tests.simulation.rate_invariants import BLOCKED_SIGN, RULES

Trouble = Literal["no-credits", "key-refused", "other-account"]
TROUBLES: Final[tuple[Trouble, ...]] = ("no-credits", "key-refused", "other-account")
MAX_FRUITLESS_CALLS: Final = 8
VAIN_IN_S: Final = 300
"""A blocked account is tried no more often than so many times in so many seconds: those that were
on their way when it was blocked, and one at a time after each pause."""
MAX_REFUSING_S: Final = 5.0
"""What a refusal takes; who asks meanwhile cannot know of it."""
MIN_S: Final = 30
MAX_S: Final = 5000
BLOCKED: Final = frozenset({"no-credits", "bad-credentials", "account-suspended"})
"""Failures that are the account's, and of no task."""


class Accounts:
    """How each account stands.

    Attributes:
        vain: provider -> when it refused something for its account's sake.
    """

    def __init__(self, injector: FaultInjector) -> None:
        self.vain: defaultdict[str, list[float]] = defaultdict(list)
        self._outside = injector
        self._troubles: Counter[tuple[str, Trouble]] = Counter()

    def come(self, within_s: float) -> None:
        """Let troubles come, each over any of the providers, and go again."""
        fault_policy = self._outside.fault_policy
        for trouble in TROUBLES:
            for provider in RULES:
                if fault_policy.chance(trouble):
                    begin = functools.partial(self.begin, provider, trouble)
                    self._outside.scheduler.after(fault_policy.between(0, within_s), begin)

    def begin(self, provider: str, trouble: Trouble, lasts_s: float | None = None) -> None:
        """Begin one."""
        if lasts_s is None:
            lasts_s = self._outside.fault_policy.between(MIN_S, MAX_S)
        self._outside.note(f"{trouble} at {provider} for {lasts_s:.0f} s")
        self._troubles[provider, trouble] += 1
        end = functools.partial(self._troubles.subtract, [(provider, trouble)])
        self._outside.scheduler.after(lasts_s, end)

    def name(self, provider: str) -> str:
        """Whose key is in the secret."""
        return "other" if self._troubles[provider, "other-account"] else OURS

    def digest(self, provider: str) -> str:
        """Tells accounts apart."""
        return hashlib.sha256(f"{provider} {self.name(provider)}".encode()).hexdigest()[:16]

    def blocked(self, provider: str) -> bool:
        """Whether nothing can be paid for."""
        return any(self._troubles[provider, trouble] for trouble in TROUBLES[:2])

    def check_key(self, provider: str) -> None:
        """Raises where the key is refused."""
        if self._troubles[provider, "key-refused"]:
            raise AccountBlocked("bad-credentials", f"{provider} refuses the key {BLOCKED_SIGN}")

    def check_paying(self, provider: str, *, known: bool, again: bool = False) -> None:
        """Raises where nothing can be paid for.

        What is `known` already costs nothing more, and who asks `again` finds out about a doubt.
        """
        if self.blocked(provider) and not again:
            self.vain[provider].append(self._outside.scheduler.now)
            self._outside.pass_(self._outside.fault_policy.between(0, MAX_REFUSING_S))
        self.check_key(provider)
        if self._troubles[provider, "no-credits"] and not known:
            raise AccountBlocked("no-credits", f"{provider} has no credits {BLOCKED_SIGN}")

    def crowded(self) -> Iterator[str]:
        """One sentence for each account that was tried too often while it was blocked."""
        for provider, times in self.vain.items():
            for first, last in zip(times, times[MAX_FRUITLESS_CALLS:], strict=False):
                if last - first < VAIN_IN_S:
                    calls = MAX_FRUITLESS_CALLS + 1
                    yield f"{provider} was tried {calls} times in {VAIN_IN_S} s in vain"
                    break
