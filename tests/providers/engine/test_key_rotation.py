"""A refused key that was replaced is read again, and the call is repeated once."""

from collections.abc import Mapping

import pytest

from darkroom.domain.errors import AccountBlocked, DarkroomError, OwnTrouble
from darkroom.domain.provider_jobs import Accepted, JobRequest, Pending
from darkroom.providers.adapter import Request
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import answering, http, serving, speaking
from tests.fakes.run_adapter import BY_NAME
from tests.providers.engine.driver_harness import DONE, PNG, TRANSPORT, DriverHarness
from tests.providers.engine.test_token_cache import NO, PAID, asked, script, token, work
from tests.providers.engine.token_provider import HELD, ROUTE, TokenProvider

OLD, NEW = "sk-old-key-0123456789", "sk-new-key-0123456789"


class Kept:
    """Cached credentials; `now` is what the secret holds."""

    def __init__(self, kept: Mapping[str, str], now: Mapping[str, str] | Exception) -> None:
        self.kept, self.now, self.reread_times = kept, now, 0

    def __call__(self, provider: str, /) -> Mapping[str, str]:
        """As read some time ago."""
        del provider
        return self.kept

    def reread(self, provider: str, /) -> Mapping[str, str]:
        """As the secret is now."""
        del provider
        self.reread_times += 1
        if isinstance(self.now, Exception):
            raise self.now
        self.kept = self.now
        return self.now


def _driver(credentials: Kept, inputs: InMemoryInputs) -> Driver:
    preferences = Preferences(loopback=True)
    return Driver(BY_NAME, credentials, inputs, "dev", preferences=preferences, transport=TRANSPORT)


def _submit(driver: Driver, inputs: InMemoryInputs) -> list[str]:
    route = DriverHarness("").route()
    intended: list[str] = []
    paid = JobRequest("ab" * 16, 1, route, route.params(), {"image": (inputs.put("a.png", PNG),)})
    driver.submit(paid, lambda prepared: intended.append(prepared.request))
    return intended


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_paid_call_is_repeated_with_the_new_key(status: str) -> None:
    """A refused key means that nothing was accepted: nothing is paid twice, there is one intent."""
    inputs = InMemoryInputs()
    no = http(status, b"{}", "Connection: close")
    with serving(answering(no), answering(DONE)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW)]
        credentials = Kept(held[0], held[1])
        intended = _submit(_driver(credentials, inputs), inputs)

    assert len(intended) == 1
    keys = [key for raw in server.received for key in (OLD, NEW) if key.encode() in raw]
    assert keys == [OLD, NEW]


def test_account_of_a_call_is_the_one_whose_key_was_sent() -> None:
    """Also after a key that was refused, and when the secret changes after the call."""
    inputs = InMemoryInputs()
    no = http("401 Unauthorized", b"{}", "Connection: close")
    with serving(answering(no), answering(DONE)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW, "sk-third-key")]
        credentials = Kept(held[0], held[1])
        driver = _driver(credentials, inputs)
        provider = DriverHarness("").route().provider
        assert driver.called_account(provider) == driver.account(provider)
        _submit(driver, inputs)
        sent_with = driver.account(provider)
        credentials.kept = held[2]

    assert driver.called_account(provider) == sent_with != driver.account(provider)


@pytest.mark.parametrize(
    "now", [None, OwnTrouble("secret-unavailable", "S."), AccountBlocked("not-set-up", "S.")]
)
def test_call_without_another_key_is_refused_once(now: Exception | None) -> None:
    """Also if the secret cannot be read: the refusal is reported."""
    inputs = InMemoryInputs()
    no = http("401 Unauthorized", b"{}", "Connection: close")
    with serving(answering(no, times=2)) as server:
        held = {"api_key": OLD, "base_url": server.base_url}
        credentials = Kept(held, now or held)
        with pytest.raises(DarkroomError) as caught:
            _submit(_driver(credentials, inputs), inputs)

    assert caught.value.failure.code == "bad-credentials"
    assert len(server.received) == 1
    assert credentials.reread_times == 1


def test_refused_new_key_is_not_tried_again() -> None:
    """One repetition only."""
    inputs = InMemoryInputs()
    no = http("401 Unauthorized", b"{}", "Connection: close")
    with serving(answering(no), answering(no), answering(DONE)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW)]
        with pytest.raises(DarkroomError):
            _submit(_driver(Kept(held[0], held[1]), inputs), inputs)
    assert len(server.received) == 2


def test_provider_with_tokens_is_signed_in_to_again() -> None:
    """Whether it refuses the sign-in or the token."""
    inputs = InMemoryInputs()
    lines = script(sign_in=[NO, token("two")], pay=[PAID])
    with serving(speaking(lines)) as server:
        new = HELD | {"password": "q-0123456789"}
        base = {"base_url": server.base_url}
        adapter = TokenProvider((server.base_url,))
        driver = Driver(
            {adapter.name: adapter},
            Kept(HELD | base, new | base),
            inputs,
            "dev",
            transport=TRANSPORT,
        )
        assert driver.poll(ROUTE, "j1") == Pending()
        assert driver.submit(work(inputs), lambda _prepared: None) == Accepted("j1")

    assert [path for path, _ in asked(server)].count("/sign-in") == 2


def test_provider_set_up_in_the_meantime_is_called() -> None:
    """The cached credentials are not waited for."""
    inputs = InMemoryInputs()
    with serving(answering(DONE)) as server:
        credentials = Kept({}, {"api_key": NEW, "base_url": server.base_url})
        assert len(_submit(_driver(credentials, inputs), inputs)) == 1


def test_error_in_a_secret_is_reported_with_a_command() -> None:
    """Its name and what it lacks, without its values."""
    credentials = Kept({"api_key": OLD}, {"api_key": OLD})
    driver = _driver(credentials, InMemoryInputs())
    assert driver.set_up("snapapi") is True
    assert driver.set_up("perfect") is False
    hint = driver.set_up_hint("perfect")
    assert hint.startswith("The secret darkroom/dev/perfect lacks client_id and client_secret. Set")
    assert OLD not in hint


def test_unreadable_secret_affects_only_its_provider() -> None:
    """The sentence comes before the command."""

    def held(provider: str, /) -> Mapping[str, str]:
        if provider == "perfect":
            raise AccountBlocked("not-set-up", "The secret s holds no JSON object.")
        return {"api_key": OLD}

    driver = Driver(BY_NAME, held, InMemoryInputs(), "dev", transport=TRANSPORT)
    assert [driver.set_up(name) for name in ("snapapi", "perfect")] == [True, False]
    assert driver.set_up_hint("perfect").startswith("The secret s holds no JSON object. Set it")


def test_repeated_call_keeps_its_key() -> None:
    """Another account does not know the call's idempotency key, and would charge a new call."""
    inputs = InMemoryInputs()
    no = http("401 Unauthorized", b"{}", "Connection: close")
    yes = http("200 OK", b'{"jobId": "job-of-another"}')
    with serving(answering(no), answering(yes)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW)]
        driver = _driver(Kept(held[0], held[1]), inputs)
        route = next(r for r in driver.routes() if r.idempotency == "key" and "api" in r.provider)
        paid = JobRequest("ab" * 16, 1, route, route.params(), {})
        request = Request("POST", "/v2/images", json={}, headers={"Idempotency-Key": "k-1"})
        with pytest.raises(AccountBlocked):
            driver.repeat(paid, request.to_text())

    assert len(server.received) == 1


def test_unusable_secret_has_no_account_digest() -> None:
    """A call reports the reason; asking for the digest must not fail a run."""

    def unusable(_provider: str, /) -> Mapping[str, str]:
        raise AccountBlocked("not-set-up", "The secret holds no JSON.")

    driver = Driver(BY_NAME, unusable, InMemoryInputs(), "dev", transport=TRANSPORT)
    assert driver.account("snapapi") == ""
