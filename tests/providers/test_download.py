"""Fetching a result from wherever the provider keeps it."""

import hashlib

import pytest

from darkroom.errors import Busy, DarkroomError, ResultGone
from darkroom.media import JPEG
from darkroom.providers.download import download
from tests.providers.desk import WIRE
from tests.providers.rawserver import answering, dripping, http, serving

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 9000


def redirect(location: str) -> bytes:
    """An answer that sends the client elsewhere."""
    return http("302 Found", b"", f"Location: {location}", "Connection: close")


def test_a_result_is_counted_hashed_and_recognised() -> None:
    """Larger than what is held in memory, and still the same bytes."""
    with (
        serving(answering(http("200 OK", PICTURE))) as server,
        download(WIRE, f"{server.base_url}/1.jpg", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)
        assert fetched.sha256 == hashlib.sha256(PICTURE).hexdigest()
        assert fetched.media == JPEG
        assert fetched.body.read() == PICTURE
    assert fetched.body.closed


def test_a_redirect_is_followed_without_credentials() -> None:
    """Relative or absolute; no header of ours but the plainest."""
    handlers = [answering(redirect("/b")), answering(http("200 OK", PICTURE))]
    with (
        serving(*handlers) as server,
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)
    assert server.received[1].startswith(b"GET /b HTTP/1.1")
    names = {
        line.split(b":")[0].lower()
        for line in server.received[1].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    }
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


def test_a_ring_of_redirects_ends() -> None:
    """Three are followed; then the result counts as gone."""
    with (
        serving(answering(redirect("/again"))) as server,
        pytest.raises(ResultGone),
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert len(server.received) == 4


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://h.test/1", "http://h.test:port/1", ""]
)
def test_a_redirect_to_something_else_than_http_is_not_followed(where: str) -> None:
    """Only http and https lead to results."""
    with (
        serving(answering(redirect(where))) as server,
        pytest.raises(ResultGone),
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://h.test:port/1", "", "1.png"])
def test_an_address_that_is_none_has_no_result(url: str) -> None:
    """Nothing is opened."""
    with pytest.raises(ResultGone), download(WIRE, url, 100, 5):
        pass


@pytest.mark.parametrize("status", ["400 X", "401 X", "403 X", "404 X", "410 X"])
def test_a_result_that_is_refused_is_gone(status: str) -> None:
    """An expired signature says 400 or 403, a purged file 404 or 410."""
    with (
        serving(answering(http(status, b"no"))) as server,
        pytest.raises(ResultGone),
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass


@pytest.mark.parametrize("status", ["408 X", "425 X", "429 X", "500 X", "503 X"])
def test_what_may_pass_is_busy(status: str) -> None:
    """The same URL may bring the result later."""
    with (
        serving(answering(http(status, b"no"))) as server,
        pytest.raises(Busy),
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\xff\xd8\xff"],
    ids=["nothing", "short"],
)
def test_half_a_result_is_none(raw: bytes) -> None:
    """Fewer bytes than declared are not delivered."""
    with (
        serving(answering(raw)) as server,
        pytest.raises(Busy),
        download(WIRE, f"{server.base_url}/a", 1000, 5),
    ):
        pass


def test_a_result_that_drips_is_busy_at_its_deadline() -> None:
    """It may come faster next time."""
    handler = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"a")
    with (
        serving(handler) as server,
        pytest.raises(Busy),
        download(WIRE, f"{server.base_url}/a", 10**6, 0.3),
    ):
        pass


@pytest.mark.parametrize(
    "raw",
    [
        http("200 OK", PICTURE),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PICTURE,
    ],
    ids=["declared", "undeclared"],
)
def test_a_result_that_is_too_large_stops_early(raw: bytes) -> None:
    """By its declared length, and else by counting."""
    with (
        serving(answering(raw)) as server,
        pytest.raises(DarkroomError) as caught,
        download(WIRE, f"{server.base_url}/a", 1000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-too-large"
    assert not caught.value.repeatable
