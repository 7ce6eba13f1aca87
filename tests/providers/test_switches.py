"""The driver's own safety at its calls: no proxy, no redirect, no key in what is shown."""

import pytest

from darkroom.domain.errors import DarkroomError
from darkroom.providers.engine.account import open_account
from darkroom.providers.engine.driver import Driver
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import ADAPTERS
from tests.providers.desk import DONE, KEY, WIRE, Desk
from tests.providers.rawserver import answering, http, serving


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"])
def test_no_proxy_of_the_environment_sees_a_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever sets a variable on a machine does not get its providers' keys."""
    with serving(answering(DONE)) as server, serving(answering(DONE)) as proxy:
        monkeypatch.setenv(name, proxy.base_url)
        Desk(server.base_url).submit()
        assert len(server.received) == 1
        assert proxy.connections == 0


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Moved", "308 Moved"])
def test_a_provider_that_moves_does_not_take_the_key_along(status: str) -> None:
    """A call is made at the address that the operator knows, and paid for there or not at all."""
    with serving(answering(DONE)) as other:
        moved = http(status, b"", f"Location: {other.base_url}/v1", "Connection: close")
        with serving(answering(moved)) as server:
            with pytest.raises(DarkroomError):
                Desk(server.base_url).submit()
            assert len(server.received) == 1
        assert other.connections == 0


def test_a_driver_fetches_nothing_from_this_machine_unless_it_is_told_to() -> None:
    """Without preferences, as with those of every environment but the local one."""
    driver = Driver(ADAPTERS, lambda _name: {}, InMemoryInputs(), "prod", wire=WIRE)
    with serving(answering(http("200 OK", b"x"))) as server:
        with pytest.raises(DarkroomError), driver.fetch(server.base_url, 10):
            pass
        assert server.connections == 0


def test_a_result_has_no_more_bytes_than_the_pipeline_takes() -> None:
    """The limit that the driver was told is the one that the download keeps."""
    body = b"x" * 11
    with serving(answering(http("200 OK", body, "Connection: close"))) as server:
        driver = Desk(server.base_url).driver
        with pytest.raises(DarkroomError) as caught, driver.fetch(server.base_url, 10):
            pass
        assert caught.value.failure.code == "result-too-large"
        with driver.fetch(server.base_url, 11) as fetched:
            assert fetched.size == 11


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_an_account_never_shows_its_key(adapter: object) -> None:
    """It is in tracebacks and in what a debugger prints."""
    held = dict.fromkeys(adapter.credential_names, KEY)  # type: ignore[attr-defined]
    account = open_account(adapter, held, "dev")  # type: ignore[arg-type]
    assert KEY not in repr(account)
    assert KEY in account.credentials.values()
