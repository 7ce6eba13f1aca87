"""Trouble with the accounts at the providers: no credits, a refused key, another account's key.

no-credits      paid calls are refused; free calls work
key-refused     every call is refused: the secret holds an old key
other-account   the secret holds another account's key: that one pays, and knows none of our jobs
"""

import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, Literal

from darkroom.domain.errors import AccountBlocked
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.ledger import OUR_ACCOUNT
from tests.simulation.rate_invariants import BLOCKED_SIGN, RULES

AccountProblem = Literal["no-credits", "key-refused", "other-account"]
ACCOUNT_PROBLEMS: Final[tuple[AccountProblem, ...]] = ("no-credits", "key-refused", "other-account")
MAX_FRUITLESS_CALLS: Final = 8
FRUITLESS_WINDOW_S: Final = 300
"""A blocked account is tried no more often than this in `FRUITLESS_WINDOW_S`: by the calls in
flight when it was blocked, then by one call after each pause."""
MAX_REFUSAL_S: Final = 5.0
"""How long a refusal takes at most; calls sent before it arrives cannot know of it."""
MIN_S: Final = 30
MAX_S: Final = 5000
BLOCKED_CODES: Final = frozenset({"no-credits", "bad-credentials", "account-suspended"})
"""Failure codes that concern the account and not the task."""


class Accounts:
    """The state of each account.

    Attributes:
        refused_at: provider -> when it refused a call because its account was blocked.
    """

    def __init__(self, injector: FaultInjector) -> None:
        self.refused_at: defaultdict[str, list[float]] = defaultdict(list)
        self._injector = injector
        self._problems: Counter[tuple[str, AccountProblem]] = Counter()
        self._called: dict[tuple[int, str], str] = {}

    def schedule(self, within_s: float) -> None:
        """Let problems begin at random times, each at any of the providers."""
        fault_policy = self._injector.fault_policy
        for problem in ACCOUNT_PROBLEMS:
            for provider in RULES:
                if fault_policy.chance(problem):
                    begin = functools.partial(self.begin, provider, problem)
                    self._injector.scheduler.after(fault_policy.between(0, within_s), begin)

    def begin(self, provider: str, problem: AccountProblem, lasts_s: float | None = None) -> None:
        """Begin a problem; it ends after `lasts_s`, by default a random time."""
        if lasts_s is None:
            lasts_s = self._injector.fault_policy.between(MIN_S, MAX_S)
        self._injector.note(f"{problem} at {provider} for {lasts_s:.0f} s")
        self._problems[provider, problem] += 1
        end = functools.partial(self._problems.subtract, [(provider, problem)])
        self._injector.scheduler.after(lasts_s, end)

    def account_name(self, provider: str) -> str:
        """The name of the account whose key is in the secret."""
        return "other" if self._problems[provider, "other-account"] else OUR_ACCOUNT

    def digest(self, provider: str) -> str:
        """Identify the account without revealing its key."""
        return hashlib.sha256(f"{provider} {self.account_name(provider)}".encode()).hexdigest()[:16]

    def called(self, provider: str) -> str:
        """The account of the last call of the process that is running, as a digest."""
        return self._called.get((id(self._injector.current), provider)) or self.digest(provider)

    def blocked(self, provider: str) -> bool:
        """Whether paid calls are refused."""
        return any(self._problems[provider, problem] for problem in ACCOUNT_PROBLEMS[:2])

    def balance(self, provider: str) -> float:
        """The credits in the account."""
        return 0.0 if self._problems[provider, "no-credits"] else 100.0

    def check_key(self, provider: str) -> None:
        """Raise `AccountBlocked` if the key is refused."""
        self._called[id(self._injector.current), provider] = self.digest(provider)
        if self._problems[provider, "key-refused"]:
            raise AccountBlocked("bad-credentials", f"{provider} refuses the key {BLOCKED_SIGN}")

    def check_payment(self, provider: str, *, known: bool, again: bool = False) -> None:
        """Raise `AccountBlocked` if nothing can be paid for.

        Args:
            provider: whose account.
            known: whether the job exists already, so that the call costs nothing more.
            again: whether the call reconciles an earlier one, which is allowed while blocked.
        """
        if self.blocked(provider) and not again:
            self.refused_at[provider].append(self._injector.scheduler.now)
            self._injector.advance(self._injector.fault_policy.between(0, MAX_REFUSAL_S))
        self.check_key(provider)
        if self._problems[provider, "no-credits"] and not known:
            raise AccountBlocked("no-credits", f"{provider} has no credits {BLOCKED_SIGN}")

    def find_violations(self) -> Iterator[str]:
        """A sentence for each account that was tried too often while it was blocked."""
        for provider, times in self.refused_at.items():
            for first, last in zip(times, times[MAX_FRUITLESS_CALLS:], strict=False):
                if last - first < FRUITLESS_WINDOW_S:
                    calls = MAX_FRUITLESS_CALLS + 1
                    yield f"{provider} was tried {calls} times in {FRUITLESS_WINDOW_S} s"
                    break
