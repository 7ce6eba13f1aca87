"""A key that was replaced is read again when it is refused, and the call is made once more."""

from collections.abc import Mapping

import pytest

from darkroom.domain.errors import AccountBlocked, DarkroomError, OwnTrouble
from darkroom.domain.provider_jobs import Accepted, JobRequest, Pending
from darkroom.providers.adapter import Request
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import ADAPTERS
from tests.providers.desk import DONE, PNG, WIRE, Desk
from tests.providers.rawserver import answering, http, serving, speaking
from tests.providers.test_sessions import NO, PAID, asked, script, token, work
from tests.providers.tokens import HELD, ROUTE, Tokens

OLD, NEW = "sk-old-key-0123456789", "sk-new-key-0123456789"


class Kept:
    """Credentials that are kept for a while; `now` is what the secret holds by now."""

    def __init__(self, kept: Mapping[str, str], now: Mapping[str, str] | Exception) -> None:
        self.kept, self.now, self.reread_times = kept, now, 0

    def __call__(self, provider: str, /) -> Mapping[str, str]:
        """As they were read some time ago."""
        del provider
        return self.kept

    def reread(self, provider: str, /) -> Mapping[str, str]:
        """As they are."""
        del provider
        self.reread_times += 1
        if isinstance(self.now, Exception):
            raise self.now
        self.kept = self.now
        return self.now


def _driver(credentials: Kept, inputs: InMemoryInputs) -> Driver:
    preferences = Preferences(loopback=True)
    return Driver(ADAPTERS, credentials, inputs, "dev", preferences=preferences, wire=WIRE)


def _submit(driver: Driver, inputs: InMemoryInputs) -> list[str]:
    route = Desk("").route()
    intended: list[str] = []
    paid = JobRequest("ab" * 16, 1, route, route.params(), {"image": (inputs.put("a.png", PNG),)})
    driver.submit(paid, lambda prepared: intended.append(prepared.request))
    return intended


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_paid_call_is_made_once_more_with_the_new_key(status: str) -> None:
    """A refused key is a clear no, so nothing is paid twice; the intent is written once."""
    inputs = InMemoryInputs()
    no = http(status, b"{}", "Connection: close")
    with serving(answering(no), answering(DONE)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW)]
        credentials = Kept(held[0], held[1])
        intended = _submit(_driver(credentials, inputs), inputs)

    assert len(intended) == 1
    keys = [key for raw in server.received for key in (OLD, NEW) if key.encode() in raw]
    assert keys == [OLD, NEW]


@pytest.mark.parametrize(
    "now", [None, OwnTrouble("secret-unavailable", "S."), AccountBlocked("not-set-up", "S.")]
)
def test_without_another_key_it_is_refused_once(now: Exception | None) -> None:
    """Nor where the secret cannot be read just then: the refusal is what is told."""
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


def test_a_new_key_that_is_refused_too_is_not_tried_again() -> None:
    """Once more, and no more."""
    inputs = InMemoryInputs()
    no = http("401 Unauthorized", b"{}", "Connection: close")
    with serving(answering(no), answering(no), answering(DONE)) as server:
        held = [{"api_key": key, "base_url": server.base_url} for key in (OLD, NEW)]
        with pytest.raises(DarkroomError):
            _submit(_driver(Kept(held[0], held[1]), inputs), inputs)
    assert len(server.received) == 2


def test_a_provider_that_gives_out_tokens_is_signed_in_to_anew() -> None:
    """Whether it refuses the sign-in or the token."""
    inputs = InMemoryInputs()
    lines = script(sign_in=[NO, token("two")], pay=[PAID])
    with serving(speaking(lines)) as server:
        new = HELD | {"password": "q-0123456789"}
        base = {"base_url": server.base_url}
        adapter = Tokens((server.base_url,))
        driver = Driver([adapter], Kept(HELD | base, new | base), inputs, "dev", wire=WIRE)
        assert driver.poll(ROUTE, "j1") == Pending()
        assert driver.submit(work(inputs), lambda _prepared: None) == Accepted("j1")

    assert [path for path, _ in asked(server)].count("/sign-in") == 2


def test_a_provider_that_is_set_up_by_now_is_called() -> None:
    """Nobody waits for what is remembered."""
    inputs = InMemoryInputs()
    with serving(answering(DONE)) as server:
        credentials = Kept({}, {"api_key": NEW, "base_url": server.base_url})
        assert len(_submit(_driver(credentials, inputs), inputs)) == 1


def test_what_is_wrong_with_a_secret_is_told_with_its_remedy() -> None:
    """Its name, what it lacks, and the command; without what it holds."""
    credentials = Kept({"api_key": OLD}, {"api_key": OLD})
    driver = _driver(credentials, InMemoryInputs())
    assert driver.set_up("snapapi") is True
    assert driver.set_up("perfect") is False
    hint = driver.set_up_hint("perfect")
    assert hint.startswith("The secret darkroom/dev/perfect lacks client_id and client_secret. Set")
    assert OLD not in hint


def test_a_secret_that_cannot_be_read_sets_its_provider_alone_not_up() -> None:
    """The sentence comes before the command."""

    def held(provider: str, /) -> Mapping[str, str]:
        if provider == "perfect":
            raise AccountBlocked("not-set-up", "The secret s holds no JSON object.")
        return {"api_key": OLD}

    driver = Driver(ADAPTERS, held, InMemoryInputs(), "dev", wire=WIRE)
    assert [driver.set_up(name) for name in ("snapapi", "perfect")] == [True, False]
    assert driver.set_up_hint("perfect").startswith("The secret s holds no JSON object. Set it")


def test_a_repeated_call_is_not_made_under_another_key() -> None:
    """Another account does not know the call by its key, and would be charged for a new one."""
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


def test_a_secret_that_cannot_be_used_has_no_account() -> None:
    """Whoever calls is told; asking which account it is costs no task its run."""

    def unusable(_provider: str, /) -> Mapping[str, str]:
        raise AccountBlocked("not-set-up", "The secret holds no JSON.")

    driver = Driver(ADAPTERS, unusable, InMemoryInputs(), "dev", wire=WIRE)
    assert driver.account("snapapi") == ""
