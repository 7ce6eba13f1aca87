"""Where keys go, and where they never go."""

import logging

import pytest

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from tests.fakes.raw_server import answering, http, serving
from tests.providers.engine.driver_harness import DONE, KEY, DriverHarness


def test_provider_without_a_key_is_not_set_up() -> None:
    """An empty key counts as missing; the next step is a command."""
    for held in ({}, {"api_key": ""}):
        harness = DriverHarness("", held=held)
        assert harness.driver.set_up("snapapi") is False
        with pytest.raises(AccountBlocked) as caught:
            harness.submit()
        assert caught.value.failure.code == "not-set-up"
        assert "darkroom keys set snapapi --env dev" in caught.value.failure.next_step


@pytest.mark.parametrize("key", ["sk\nX-Evil: 1", "sk-ключ", "sk\x00", " "])
def test_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """It gets into no header and no text."""
    harness = DriverHarness("", held={"api_key": key, "base_url": "http://127.0.0.1:9"})
    assert harness.driver.set_up("snapapi") is False
    with pytest.raises(AccountBlocked) as caught:
        harness.submit()
    assert caught.value.failure.code == "bad-credentials"
    assert key.strip() == "" or key not in str(caught.value.failure)


def test_whitespace_around_a_key_is_ignored() -> None:
    """A key is often pasted with a line break."""
    with serving(answering(DONE)) as server:
        DriverHarness("", held={"api_key": f"{KEY}\n", "base_url": f"{server.base_url}/"}).submit()
    assert f"api-key: {KEY}\r\n".encode() in server.received[0]


def test_keys_and_urls_reach_no_log_and_no_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even if the provider quotes the key that it refuses."""
    caplog.set_level(logging.DEBUG)
    said = f'{{"error": {{"message": "wrong key {KEY} for http://h.test/?sig=abc"}}}}'
    for status, kind in (("400 Bad Request", ProviderRefused), ("403 No", AccountBlocked)):
        raw = http(status, said.encode())
        with serving(answering(raw)) as server, pytest.raises(kind) as caught:
            DriverHarness(server.base_url).submit()
        shown = f"{caught.value.failure} {caught.value!r} {caplog.text}"
        assert KEY not in shown
        assert "sig=abc" not in shown


def test_signed_url_of_a_result_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library would log all response headers, and `Location` is one."""
    caplog.set_level(logging.DEBUG)
    moved = http("302 Found", b"", "Location: /1.png?sig=abc", "Connection: close")
    with serving(answering(moved), answering(http("200 OK", b"x"))) as server:
        driver = DriverHarness(server.base_url).driver
        with driver.fetch(f"{server.base_url}/1.png?sig=abc", 100) as fetched:
            assert fetched.size == 1
    assert "sig=abc" not in caplog.text
