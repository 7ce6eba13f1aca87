"""When a token is renewed, and when one that another thread has renewed is used as it is."""

from collections.abc import Mapping

import pytest

from darkroom.providers.adapter import Answer, Request
from darkroom.providers.engine.account import Account, open_account
from darkroom.providers.engine.token_cache import RENEWED_AT, TokenCache
from tests.providers.tokens import HELD, Tokens

LIFE_S = 100


class Till:
    """Gives out one token after the other; it takes its time."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.now = 1000.0
        self.given = 0
        self._takes_s = takes_s

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def ask(self, request: Request) -> Answer:
        """The answer to a sign-in."""
        del request
        self.now += self._takes_s
        self.given += 1
        return Answer(200, {}, b'{"token": "token-%d"}' % self.given)


def _account(held: Mapping[str, str] = HELD) -> Account:
    return open_account(Tokens(("https://api.example.com",)), held, "dev")


@pytest.mark.parametrize(("after_s", "given"), [(0, 1), (89.9, 1), (90, 2), (500, 2)])
def test_a_token_is_renewed_at_nine_tenths_of_its_life(after_s: float, given: int) -> None:
    """Counted from when it was asked for, which its provider cannot have given it before."""
    till = Till()
    sessions = TokenCache(monotonic=till.monotonic)
    sessions.headers(_account(), till.ask)
    till.now += after_s
    sessions.headers(_account(), till.ask)
    assert till.given == given
    assert RENEWED_AT * LIFE_S == 90


def test_the_time_of_the_sign_in_counts() -> None:
    """A token that took half a minute to get is half a minute old."""
    till = Till(takes_s=30)
    sessions = TokenCache(monotonic=till.monotonic)
    sessions.headers(_account(), till.ask)
    till.now += 60
    sessions.headers(_account(), till.ask)
    assert till.given == 2


def test_a_refused_token_is_renewed_once_for_all_who_were_refused() -> None:
    """The second one to come finds the new one, and asks for none."""
    till = Till()
    sessions = TokenCache(monotonic=till.monotonic)
    old = sessions.headers(_account(), till.ask)
    first = sessions.renew(_account(), old, till.ask)
    second = sessions.renew(_account(), old, till.ask)

    assert first == second != old
    assert till.given == 2


def test_what_is_refused_before_there_was_a_session_opens_one() -> None:
    """Headers that nobody knows here are no reason to fail."""
    till = Till()
    assert TokenCache(monotonic=till.monotonic).renew(_account(), {"a": "b"}, till.ask)
    assert till.given == 1


def test_other_credentials_have_another_session_in_the_same_process() -> None:
    """And the first ones are signed in again when they come back: one session is kept."""
    till = Till()
    sessions = TokenCache(monotonic=till.monotonic)
    other = _account({**HELD, "password": "another-password"})
    names = [
        sessions.headers(account, till.ask) for account in (_account(), other, other, _account())
    ]
    assert till.given == 3
    assert names[1] == names[2] != names[0]
