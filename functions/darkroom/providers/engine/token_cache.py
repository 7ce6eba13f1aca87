"""Caches the headers that carry a provider's credentials, for as long as they are valid.

A provider with access tokens is asked for one once in a process, and again when the token is about
to expire or is refused. For the others the headers are built without a request. Nothing is stored
outside the process.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from darkroom.domain.errors import Busy, Unclear
from darkroom.providers.adapter import Request, Response
from darkroom.providers.engine.account import Account

RENEW_AT = 0.9
"""Share of its lifetime after which a token is renewed before it is refused."""

SendUnauthorized = Callable[[Request], Response]
"""Makes one round trip without credentials."""


@dataclass(frozen=True)
class _Token:
    credentials: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    until: float


class TokenCache:
    """Keeps one token per provider.

    Args:
        now_ms: milliseconds since 1970; some providers sign the time.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._tokens: dict[str, _Token] = {}

    def headers(self, account: Account, send: SendUnauthorized) -> Mapping[str, str]:
        """The headers for a request of this account.

        Args:
            account: the provider and its credentials.
            send: makes one round trip without credentials.

        Raises:
            Refused, Throttled, NotSent, Busy: no token was granted; the request that needs it was
                not sent.
        """
        token = self._tokens.get(account.adapter.name)
        if (
            token is None
            or token.credentials != account.credentials
            or self._monotonic() >= token.until
        ):
            token = self._request_token(account, send)
            self._tokens[account.adapter.name] = token
        return token.headers

    def renew(
        self, account: Account, refused: Mapping[str, str], send: SendUnauthorized
    ) -> Mapping[str, str]:
        """New headers in place of those that the provider has refused."""
        token = self._tokens.get(account.adapter.name)
        if token is not None and token.headers == refused:
            del self._tokens[account.adapter.name]
        return self.headers(account, send)

    def _request_token(self, account: Account, send: SendUnauthorized) -> _Token:
        began = self._monotonic()
        steps = account.adapter.authorize(account.credentials, self._now_ms())
        try:
            request = next(steps)
            while True:
                request = steps.send(send(request))
        except StopIteration as end:
            lifetime_s = account.adapter.token_lifetime_s
            until = float("inf") if lifetime_s is None else began + RENEW_AT * lifetime_s
            return _Token(account.credentials, end.value, until)
        except Unclear as error:
            failure = error.failure
            raise Busy(failure.code, failure.sentence, failure.next_step) from error
        finally:
            steps.close()
