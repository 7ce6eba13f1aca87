"""The headers that carry a provider's credentials, kept for as long as they are good.

A provider that gives out tokens is asked for one once in a process, and again when the token has
become old or is refused; everyone else's headers are made in passing. Nothing is stored.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from darkroom.domain.errors import Busy, Unclear
from darkroom.providers.adapter import Answer, Request
from darkroom.providers.engine.account import Account

RENEWED_AT = 0.9
"""Of its life, after which a token is renewed without having been refused."""

Ask = Callable[[Request], Answer]


@dataclass(frozen=True)
class _Session:
    credentials: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    until: float


class TokenCache:
    """Keeps one session per provider.

    Args:
        now_ms: milliseconds since 1970; some providers want to see them.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._kept: dict[str, _Session] = {}

    def headers(self, account: Account, ask: Ask) -> Mapping[str, str]:
        """The headers for a request of this account.

        Args:
            account: whose.
            ask: makes one round trip without credentials.

        Raises:
            Refused, Throttled, NotSent, Busy: no session can be had; what wanted it was not sent.
        """
        kept = self._kept.get(account.adapter.name)
        if (
            kept is None
            or kept.credentials != account.credentials
            or self._monotonic() >= kept.until
        ):
            kept = self._open(account, ask)
            self._kept[account.adapter.name] = kept
        return kept.headers

    def renew(self, account: Account, refused: Mapping[str, str], ask: Ask) -> Mapping[str, str]:
        """Other headers in place of some that the provider has refused."""
        kept = self._kept.get(account.adapter.name)
        if kept is not None and kept.headers == refused:
            del self._kept[account.adapter.name]
        return self.headers(account, ask)

    def _open(self, account: Account, ask: Ask) -> _Session:
        began = self._monotonic()
        steps = account.adapter.authorize(account.credentials, self._now_ms())
        try:
            request = next(steps)
            while True:
                request = steps.send(ask(request))
        except StopIteration as end:
            life_s = account.adapter.session_s
            until = float("inf") if life_s is None else began + RENEWED_AT * life_s
            return _Session(account.credentials, end.value, until)
        except Unclear as error:
            told = error.failure
            raise Busy(told.code, told.sentence, told.next_step) from error
        finally:
            steps.close()
