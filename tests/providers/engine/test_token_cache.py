"""A token is requested when it is needed, and no request is lost because of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from darkroom.domain.errors import AccountBlocked, Busy, ProviderRefused, Throttled
from darkroom.domain.provider_jobs import Accepted, JobRequest, Pending
from darkroom.providers.engine.token_cache import TokenCache
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import RawServer, http, serving, speaking
from tests.providers.engine.driver_harness import PNG
from tests.providers.engine.token_provider import ROUTE, TokenProvider, driver_of

OK = http("200 OK", b"{}")
PAID = http("200 OK", b'{"job": "j1"}')
NO = http("401 Unauthorized", b"{}")


class Watch:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def token(name: str) -> bytes:
    """The response that grants a token."""
    return http("200 OK", json.dumps({"token": f"token-{name}"}).encode())


def script(**more: Sequence[bytes]) -> Mapping[str, Sequence[bytes]]:
    """Every request succeeds, unless the test says otherwise."""
    paths = {"sign_in": [token("one"), token("two"), token("three")], "texts": [OK], "pay": [PAID]}
    return {f"/{path.replace('_', '-')}": lines for path, lines in (paths | more).items()} | {
        "/jobs/j1": more.get("jobs", [OK])
    }


def work(inputs: InMemoryInputs) -> JobRequest:
    """One small file."""
    return JobRequest("ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (inputs.put("a.png", PNG),)})


def asked(server: RawServer) -> list[tuple[str, str]]:
    """Each request's path and the token that it carried."""
    requests = []
    for raw in server.received:
        lines = raw.split(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        requests.append((lines[0].split(" ")[1], headers.get("authorization", "")))
    return requests


def test_token_is_requested_once() -> None:
    """The sign-in itself carries none, and signs the time."""
    token_cache = TokenCache(now_ms=lambda: 1_700_000_000_123)
    with serving(speaking(script())) as server:
        driver = driver_of(
            TokenProvider((server.base_url,)), token_cache=token_cache, base_url=server.base_url
        )
        assert driver.poll(ROUTE, "j1") == Pending()
        assert driver.poll(ROUTE, "j1") == Pending()

    one = "Bearer token-one"
    assert asked(server) == [("/sign-in", ""), ("/jobs/j1", one), ("/jobs/j1", one)]
    assert b'"now_ms":1700000000123' in server.received[0]


def test_old_token_is_renewed_before_it_is_refused() -> None:
    """At nine tenths of its lifetime."""
    watch = Watch()
    with serving(speaking(script())) as server:
        driver = driver_of(
            TokenProvider((server.base_url,)), token_cache=TokenCache(monotonic=watch)
        )
        driver.poll(ROUTE, "j1")
        watch.now = 91.0
        driver.poll(ROUTE, "j1")

    assert [bearer for path, bearer in asked(server) if path == "/jobs/j1"] == [
        "Bearer token-one",
        "Bearer token-two",
    ]


def test_refused_token_is_renewed_and_the_request_repeated() -> None:
    """Also the paid one: a 401 means that it was not accepted."""
    inputs = InMemoryInputs()
    with serving(speaking(script(pay=[NO, PAID]))) as server:
        adapter = TokenProvider((server.base_url,))
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        intended: list[Any] = []
        assert driver.submit(work(inputs), intended.append) == Accepted("j1")

    assert len(intended) == 1
    assert [one for one in asked(server) if one[0] == "/pay"] == [
        ("/pay", "Bearer token-one"),
        ("/pay", "Bearer token-two"),
    ]


def test_second_refused_token_means_a_wrong_key() -> None:
    """It is reported with the next step, and not repeated for ever."""
    inputs = InMemoryInputs()
    with serving(speaking(script(pay=[NO]))) as server:
        driver = driver_of(TokenProvider((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(AccountBlocked) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    assert caught.value.failure.code == "bad-credentials"
    assert "darkroom keys set tokens --env dev" in caught.value.failure.next_step
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
def test_failed_sign_in_prevents_the_paid_call(said: bytes, kind: type) -> None:
    """The request was not sent, so nothing is unclear."""
    inputs = InMemoryInputs()
    lines = script(sign_in=[token("one"), said], pay=[NO])
    with serving(speaking(lines)) as server:
        driver = driver_of(TokenProvider((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(kind) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    assert caught.value.money_moved == "no"  # type: ignore[attr-defined]


def test_token_is_never_shown() -> None:
    """Not even if the provider quotes it."""
    inputs = InMemoryInputs()
    quoting = http("400 No", b"the token-one is odd, and so is p-0123456789")
    with serving(speaking(script(pay=[quoting]))) as server:
        driver = driver_of(TokenProvider((server.base_url,)), inputs, base_url=server.base_url)
        with pytest.raises(ProviderRefused) as caught:
            driver.submit(work(inputs), lambda _prepared: None)

    failure = f"{caught.value.failure}"
    assert "[key]" in failure
    assert "token-one" not in failure
    assert "p-0123456789" not in failure


def test_other_credentials_get_their_own_token() -> None:
    """A key that was changed in the settings is used at once."""
    token_cache = TokenCache()
    with serving(speaking(script())) as server:
        for password in ("first-password", "second-password"):
            driver = driver_of(
                TokenProvider((server.base_url,)), token_cache=token_cache, password=password
            )
            driver.poll(ROUTE, "j1")

    assert [path for path, _ in asked(server)].count("/sign-in") == 2
