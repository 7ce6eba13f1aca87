"""The driver's own safety: no proxy, no redirect, no key in what is shown."""

import pytest

from darkroom.domain.errors import DarkroomError
from darkroom.providers.engine.account import open_account
from darkroom.providers.engine.driver import Driver
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import answering, http, serving
from tests.fakes.run_adapter import ADAPTERS, BY_NAME
from tests.providers.engine.driver_harness import DONE, KEY, TRANSPORT, DriverHarness


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"])
def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable on the machine must not reveal the providers' keys."""
    with serving(answering(DONE)) as server, serving(answering(DONE)) as proxy:
        monkeypatch.setenv(name, proxy.base_url)
        DriverHarness(server.base_url).submit()
        assert len(server.received) == 1
        assert proxy.connections == 0


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Moved", "308 Moved"])
def test_redirect_of_a_provider_does_not_get_the_key(status: str) -> None:
    """A call is made at the configured base URL, and paid for there or not at all."""
    with serving(answering(DONE)) as other:
        moved = http(status, b"", f"Location: {other.base_url}/v1", "Connection: close")
        with serving(answering(moved)) as server:
            with pytest.raises(DarkroomError):
                DriverHarness(server.base_url).submit()
            assert len(server.received) == 1
        assert other.connections == 0


def test_loopback_result_needs_a_preference() -> None:
    """As in every environment except the local one."""
    driver = Driver(BY_NAME, lambda _name: {}, InMemoryInputs(), "prod", transport=TRANSPORT)
    with serving(answering(http("200 OK", b"x"))) as server:
        with pytest.raises(DarkroomError), driver.fetch(server.base_url, 10):
            pass
        assert server.connections == 0


def test_fetch_keeps_the_given_size_limit() -> None:
    """The driver passes it on to the download."""
    body = b"x" * 11
    with serving(answering(http("200 OK", body, "Connection: close"))) as server:
        driver = DriverHarness(server.base_url).driver
        with pytest.raises(DarkroomError) as caught, driver.fetch(server.base_url, 10):
            pass
        assert caught.value.failure.code == "result-too-large"
        with driver.fetch(server.base_url, 11) as fetched:
            assert fetched.size == 11


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_account_never_shows_its_key(adapter: object) -> None:
    """Its representation is in tracebacks and debuggers."""
    held = dict.fromkeys(adapter.credential_names, KEY)  # type: ignore[attr-defined]
    account = open_account(adapter, held, "dev")  # type: ignore[arg-type]
    assert KEY not in repr(account)
    assert KEY in account.credentials.values()
