"""When a token is renewed, and when another thread's new token is used."""

from collections.abc import Mapping

import pytest

from darkroom.providers.adapter import Request, Response
from darkroom.providers.engine.account import Account, open_account
from darkroom.providers.engine.token_cache import RENEW_AT, TokenCache
from tests.providers.engine.token_provider import HELD, TokenProvider

LIFE_S = 100


class Till:
    """Grants one token after the other, and takes its time."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.now = 1000.0
        self.given = 0
        self._takes_s = takes_s

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def ask(self, request: Request) -> Response:
        """The response to a sign-in."""
        del request
        self.now += self._takes_s
        self.given += 1
        return Response(200, {}, b'{"token": "token-%d"}' % self.given)


def _account(held: Mapping[str, str] = HELD) -> Account:
    return open_account(TokenProvider(("https://api.example.com",)), held, "dev")


@pytest.mark.parametrize(("after_s", "given"), [(0, 1), (89.9, 1), (90, 2), (500, 2)])
def test_token_is_renewed_at_nine_tenths_of_its_lifetime(after_s: float, given: int) -> None:
    """Counted from the request, before which it cannot have been granted."""
    till = Till()
    token_cache = TokenCache(monotonic=till.monotonic)
    token_cache.headers(_account(), till.ask)
    till.now += after_s
    token_cache.headers(_account(), till.ask)
    assert till.given == given
    assert RENEW_AT * LIFE_S == 90


def test_duration_of_the_sign_in_counts() -> None:
    """A token that took 30 s to get is 30 s old."""
    till = Till(takes_s=30)
    token_cache = TokenCache(monotonic=till.monotonic)
    token_cache.headers(_account(), till.ask)
    till.now += 60
    token_cache.headers(_account(), till.ask)
    assert till.given == 2


def test_token_refused_to_several_callers_is_renewed_once() -> None:
    """The second caller finds the new one."""
    till = Till()
    token_cache = TokenCache(monotonic=till.monotonic)
    old = token_cache.headers(_account(), till.ask)
    first = token_cache.renew(_account(), old, till.ask)
    second = token_cache.renew(_account(), old, till.ask)

    assert first == second != old
    assert till.given == 2


def test_refused_headers_without_a_token_request_one() -> None:
    """Unknown headers are no reason to fail."""
    till = Till()
    assert TokenCache(monotonic=till.monotonic).renew(_account(), {"a": "b"}, till.ask)
    assert till.given == 1


def test_one_token_is_kept_per_provider() -> None:
    """Other credentials replace it; the first ones sign in again."""
    till = Till()
    token_cache = TokenCache(monotonic=till.monotonic)
    other = _account({**HELD, "password": "another-password"})
    names = [
        token_cache.headers(account, till.ask) for account in (_account(), other, other, _account())
    ]
    assert till.given == 3
    assert names[1] == names[2] != names[0]
