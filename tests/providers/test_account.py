"""Keys: where they go, and where they never go."""

import logging

import pytest

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from tests.providers.desk import DONE, KEY, Desk
from tests.providers.rawserver import answering, http, serving


def test_a_provider_without_a_key_is_not_set_up() -> None:
    """Empty is as good as missing, and the remedy is a command."""
    for held in ({}, {"api_key": ""}):
        desk = Desk("", held=held)
        assert desk.driver.set_up("snapapi") is False
        with pytest.raises(AccountBlocked) as caught:
            desk.submit()
        assert caught.value.failure.code == "not-set-up"
        assert "--secret-id darkroom/dev/snapapi" in caught.value.failure.next_step


@pytest.mark.parametrize("key", ["sk\nX-Evil: 1", "sk-ключ", "sk\x00", " "])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """It is never put into a header, and never into a text."""
    desk = Desk("", held={"api_key": key, "base_url": "http://127.0.0.1:9"})
    assert desk.driver.set_up("snapapi") is False
    with pytest.raises(AccountBlocked) as caught:
        desk.submit()
    assert caught.value.failure.code == "bad-credentials"
    assert key.strip() == "" or key not in str(caught.value.failure)


def test_a_key_may_have_been_pasted_with_a_line_break() -> None:
    """Whitespace around it is no part of it."""
    with serving(answering(DONE)) as server:
        Desk("", held={"api_key": f"{KEY}\n", "base_url": f"{server.base_url}/"}).submit()
    assert f"api-key: {KEY}\r\n".encode() in server.received[0]


def test_no_key_and_no_address_reach_a_log_or_a_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even when the provider quotes the key that it refuses."""
    caplog.set_level(logging.DEBUG)
    said = f'{{"error": {{"message": "wrong key {KEY} for http://h.test/?sig=abc"}}}}'
    for status, kind in (("400 Bad Request", ProviderRefused), ("403 No", AccountBlocked)):
        raw = http(status, said.encode())
        with serving(answering(raw)) as server, pytest.raises(kind) as caught:
            Desk(server.base_url).submit()
        shown = f"{caught.value.failure} {caught.value!r} {caplog.text}"
        assert KEY not in shown
        assert "sig=abc" not in shown


def test_a_signed_address_of_a_result_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library would log the headers of every answer, and `Location` is one of them."""
    caplog.set_level(logging.DEBUG)
    moved = http("302 Found", b"", "Location: /1.png?sig=abc", "Connection: close")
    with serving(answering(moved), answering(http("200 OK", b"x"))) as server:
        driver = Desk(server.base_url).driver
        with driver.fetch(f"{server.base_url}/1.png?sig=abc", 100) as fetched:
            assert fetched.size == 1
    assert "sig=abc" not in caplog.text
