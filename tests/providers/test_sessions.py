"""A provider with tokens is asked for one when one is needed, and no request is lost by it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from darkroom.domain.errors import AccountBlocked, Busy, ProviderRefused, Throttled
from darkroom.domain.provider_jobs import Accepted, JobRequest, Pending
from darkroom.providers.engine.token_cache import TokenCache
from tests.fakes.inputs import InMemoryInputs
from tests.providers.desk import PNG
from tests.providers.rawserver import RawServer, http, serving, speaking
from tests.providers.tokens import ROUTE, Tokens, driver_of

OK = http("200 OK", b"{}")
PAID = http("200 OK", b'{"job": "j1"}')
NO = http("401 Unauthorized", b"{}")


class Watch:
    """Seconds that go by when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def token(name: str) -> bytes:
    """The answer that gives out a token."""
    return http("200 OK", json.dumps({"token": f"token-{name}"}).encode())


def script(**more: Sequence[bytes]) -> Mapping[str, Sequence[bytes]]:
    """Everything goes well, unless said otherwise."""
    paths = {"sign_in": [token("one"), token("two"), token("three")], "texts": [OK], "pay": [PAID]}
    return {f"/{path.replace('_', '-')}": lines for path, lines in (paths | more).items()} | {
        "/jobs/j1": more.get("jobs", [OK])
    }


def work(inputs: InMemoryInputs) -> JobRequest:
    """One small file."""
    return JobRequest("ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (inputs.put("a.png", PNG),)})


def asked(server: RawServer) -> list[tuple[str, str]]:
    """Each request's path and the token that it carried."""
    told = []
    for raw in server.received:
        lines = raw.split(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        told.append((lines[0].split(" ")[1], headers.get("authorization", "")))
    return told


def test_a_token_is_asked_for_once_and_kept() -> None:
    """The sign-in itself carries none, and tells the time."""
    sessions = TokenCache(now_ms=lambda: 1_700_000_000_123)
    with serving(speaking(script())) as server:
        driver = driver_of(Tokens((server.base_url,)), sessions=sessions, base_url=server.base_url)
        assert driver.poll(ROUTE, "j1") == Pending()
        assert driver.poll(ROUTE, "j1") == Pending()

    one = "Bearer token-one"
    assert asked(server) == [("/sign-in", ""), ("/jobs/j1", one), ("/jobs/j1", one)]
    assert b'"now_ms":1700000000123' in server.received[0]


def test_an_old_token_is_renewed_before_it_is_refused() -> None:
    """At nine tenths of its life."""
    watch = Watch()
    with serving(speaking(script())) as server:
        driver = driver_of(Tokens((server.base_url,)), sessions=TokenCache(monotonic=watch))
        driver.poll(ROUTE, "j1")
        watch.now = 91.0
        driver.poll(ROUTE, "j1")

    assert [bearer for path, bearer in asked(server) if path == "/jobs/j1"] == [
        "Bearer token-one",
        "Bearer token-two",
    ]


def test_a_refused_token_is_renewed_and_the_request_sent_again() -> None:
    """Also the paid one: a 401 was no acceptance."""
    inputs = InMemoryInputs()
    with serving(speaking(script(pay=[NO, PAID]))) as server:
        adapter = Tokens((server.base_url,))
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        intended: list[Any] = []
        assert driver.submit(work(inputs), intended.append) == Accepted("j1")

    assert len(intended) == 1
    assert [one for one in asked(server) if one[0] == "/pay"] == [
        ("/pay", "Bearer token-one"),
        ("/pay", "Bearer token-two"),
    ]


def test_a_token_that_is_refused_twice_means_that_the_key_is_wrong() -> None:
    """It is told with its remedy, and not tried for ever."""
    inputs = InMemoryInputs()
    with serving(speaking(script(pay=[NO]))) as server:
        driver = driver_of(Tokens((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(AccountBlocked) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    assert caught.value.failure.code == "bad-credentials"
    assert "darkroom/dev/tokens" in caught.value.failure.next_step
    assert [path for path, _ in asked(server)].count("/pay") == 2


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (http("500 No", b"{}"), Busy),
        (http("200 OK", b"{}")[:-1], Busy),
        (http("429 Slow", b"{}"), Throttled),
    ],
    ids=["500", "cut", "429"],
)
def test_a_sign_in_that_fails_leaves_the_paid_call_unmade(said: bytes, kind: type) -> None:
    """Whatever wanted the token was not sent, so nothing is unclear."""
    inputs = InMemoryInputs()
    lines = script(sign_in=[token("one"), said], pay=[NO])
    with serving(speaking(lines)) as server:
        driver = driver_of(Tokens((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(kind) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    assert caught.value.money_moved == "no"  # type: ignore[attr-defined]


def test_a_token_is_never_shown() -> None:
    """Not even where the provider quotes it back."""
    inputs = InMemoryInputs()
    quoting = http("400 No", b"the token-one is odd, and so is p-0123456789")
    with serving(speaking(script(pay=[quoting]))) as server:
        driver = driver_of(Tokens((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(ProviderRefused) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    told = f"{caught.value.failure}"
    assert "[key]" in told
    assert "token-one" not in told
    assert "p-0123456789" not in told


def test_other_credentials_get_a_token_of_their_own() -> None:
    """A key that was changed in the settings is used at once."""
    sessions = TokenCache()
    with serving(speaking(script())) as server:
        for password in ("first-password", "second-password"):
            driver = driver_of(Tokens((server.base_url,)), sessions=sessions, password=password)
            driver.poll(ROUTE, "j1")

    assert [path for path, _ in asked(server)].count("/sign-in") == 2
