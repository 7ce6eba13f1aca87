"""Downloading a result from the provider's URL; here from a sandbox."""

import gzip
import hashlib
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import pytest

from darkroom.domain.errors import Busy, DarkroomError, ResultGone
from darkroom.domain.media import JPEG
from darkroom.providers.engine.download import download as download_from
from darkroom.providers.engine.transport import DeadlineTransport
from tests.fakes.raw_server import (
    RawServer,
    answering,
    dripping,
    http,
    read_request,
    serving,
)
from tests.providers.engine.driver_harness import TRANSPORT

download = partial(download_from, allow_loopback=True)
PICTURE = b"\xff\xd8\xff\xe0\x00\x02\xff\xda\x00\x02" + bytes(range(255)) * 9000 + b"\xff\xd9"


def redirect(location: str) -> bytes:
    """A response that redirects."""
    return http("302 Found", b"", f"Location: {location}", "Connection: close")


def test_result_is_counted_hashed_and_recognised() -> None:
    """Larger than the part in memory, and the same bytes."""
    with (
        serving(answering(http("200 OK", PICTURE))) as server,
        download(TRANSPORT, f"{server.base_url}/1.jpg", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)
        assert fetched.sha256 == hashlib.sha256(PICTURE).hexdigest()
        assert fetched.media == JPEG
        assert fetched.body.read() == PICTURE
    assert fetched.body.closed


def test_redirect_is_followed_without_credentials() -> None:
    """Relative or absolute, with only the plainest headers."""
    handlers = [answering(redirect("/b")), answering(http("200 OK", PICTURE))]
    with (
        serving(*handlers) as server,
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)
    assert server.received[1].startswith(b"GET /b HTTP/1.1")
    names = {
        line.split(b":")[0].lower()
        for line in server.received[1].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    }
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


def test_redirect_loop_ends() -> None:
    """Three redirects are followed; then the result is gone."""
    with (
        serving(answering(redirect("/again"))) as server,
        pytest.raises(ResultGone),
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert len(server.received) == 4


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_every_redirect_status_is_followed_and_vetted(status: str) -> None:
    """A second redirect to a forbidden URL ends it; the message names only the host."""
    steps = [redirect("/b"), http(status, b"", "Location: http://10.0.0.7/1?signature=s3cret")]
    with (
        serving(*map(answering, steps)) as server,
        pytest.raises(DarkroomError) as caught,
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert len(server.received) == 2
    assert caught.value.failure.code == "result-address-refused"
    assert "10.0.0.7" in caught.value.failure.sentence
    assert "s3cret" not in caught.value.failure.sentence


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://h.test/1", "http://h.test:port/1", "http://[::1"]
)
def test_redirect_to_another_scheme_is_refused(where: str) -> None:
    """Only http and https lead to results."""
    with (
        serving(answering(redirect(where))) as server,
        pytest.raises(DarkroomError) as caught,
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert caught.value.failure.code == "result-address-refused"


def test_redirect_without_a_location_has_no_result() -> None:
    """The result has moved, and nothing says where."""
    with (
        serving(answering(redirect(""))) as server,
        pytest.raises(ResultGone),
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass


def test_loopback_result_needs_a_local_provider() -> None:
    """For others there is not even a connection."""
    with serving(answering(http("200 OK", PICTURE))) as server:
        with pytest.raises(DarkroomError), download_from(TRANSPORT, server.base_url, 10_000_000, 5):
            pass
        assert server.connections == 0


def raw_deflate(body: bytes) -> bytes:
    """Deflate without its zlib header, as some servers send it."""
    return zlib.compress(body)[2:-4]


PACKED: dict[str, bytes] = {
    "gzip": gzip.compress(PICTURE),
    "GZIP": gzip.compress(PICTURE[:999]) + gzip.compress(PICTURE[999:]),
    "x-gzip": gzip.compress(PICTURE) + bytes(512),
    "deflate": zlib.compress(PICTURE),
    "Deflate": raw_deflate(PICTURE),
    "deflate, gzip": gzip.compress(zlib.compress(PICTURE)),
    "gzip, identity, gzip": gzip.compress(gzip.compress(PICTURE)),
    "identity": gzip.compress(PICTURE),
    "aws-chunked,gzip": gzip.compress(PICTURE),
}


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("length", [True, False], ids=["declared", "undeclared"])
def test_compressed_result_is_decoded(coding: str, *, length: bool) -> None:
    """Although no coding was requested."""
    response = http("200 OK", PACKED[coding], f"Content-Encoding: {coding}")
    if not length:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nConnection: close\r\n\r\n"
        response = head.encode() + PACKED[coding]
    with (
        serving(answering(response)) as server,
        download(TRANSPORT, f"{server.base_url}/a", len(PICTURE), 5) as fetched,
    ):
        assert fetched.body.read() == PICTURE
        assert fetched.size == len(PICTURE)
        assert fetched.sha256 == hashlib.sha256(PICTURE).hexdigest()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, deflate"])
def test_uncompressed_result_with_a_coding_header_is_accepted(coding: str) -> None:
    """A proxy has decoded it and left the header."""
    with (
        serving(answering(http("200 OK", PICTURE, f"Content-Encoding: {coding}"))) as server,
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.body.read() == PICTURE


def nothing_many_times(_body: bytes) -> bytes:
    """Many empty gzip members, larger than the limit together."""
    return gzip.compress(gzip.compress(b"") * 300_000)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("gzip, gzip", nothing_many_times),
    ],
    ids=["gzip", "deflate", "raw", "twice", "nothing-many-times"],
)
def test_decompression_bomb_is_too_large(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """The output of each coding is counted, and decoding stops at the limit."""
    body = pack(PICTURE + bytes(50_000_000))
    with (
        serving(answering(http("200 OK", body, f"Content-Encoding: {coding}"))) as server,
        pytest.raises(DarkroomError) as caught,
        download(TRANSPORT, f"{server.base_url}/a", 3_000_000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-too-large"


def test_decompression_takes_little_memory() -> None:
    """However large the output, however small the input."""
    packed = gzip.compress(b"\xff\xd8\xff\xd9" + bytes(60_000_000))
    with serving(answering(http("200 OK", packed, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        try:
            with download(TRANSPORT, f"{server.base_url}/a", 100_000_000, 20) as fetched:
                assert fetched.size > 60_000_000
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 8_000_000


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"\x0b\x02\x80"),
        ("gzip, zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip", gzip.compress(PICTURE)[:-40]),
        ("gzip", gzip.compress(PICTURE)[:-8]),
        ("gzip", gzip.compress(PICTURE)[:-8] + bytes(8)),
        ("deflate", zlib.compress(PICTURE)[:-1]),
        (", ".join(["gzip"] * 6), PICTURE),
    ],
    ids=["br", "zstd", "cut", "no-checksum", "wrong-checksum", "deflate-cut", "six-times"],
)
def test_undecodable_result_is_busy(coding: str, body: bytes) -> None:
    """It may come in another form next time; the message names the coding."""
    with (
        serving(answering(http("200 OK", body, f"Content-Encoding: {coding}"))) as server,
        pytest.raises(Busy) as caught,
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-packed"


def ranged(status: str, content_range: str | None, body: bytes) -> bytes:
    """A response with a content range."""
    return http(
        status, body, *([] if content_range is None else [f"Content-Range: {content_range}"])
    )


@pytest.mark.parametrize(
    "response",
    [
        ranged("206 Partial Content", f"bytes 0-99/{len(PICTURE)}", PICTURE[:100]),
        ranged("206 Partial Content", f"bytes 0-{len(PICTURE) - 1}/*", PICTURE),
        ranged("206 Partial Content", f"bytes 5-{len(PICTURE) - 1}/{len(PICTURE)}", PICTURE[5:]),
        ranged("206 Partial Content", None, PICTURE),
        ranged("200 OK", f"bytes 0-99/{len(PICTURE)}", PICTURE[:100]),
        http("200 OK", PICTURE[:-1]),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PICTURE[:-100],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\xff\xd8\xff\xd9\r\n",
    ],
    ids=["half", "of-unknown", "tail", "no-total", "range", "by-its-end", "closed", "chunks"],
)
def test_partial_result_is_busy(response: bytes) -> None:
    """By the response's headers, its framing, or the end of its format."""
    with (
        serving(answering(response)) as server,
        pytest.raises(Busy),
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5),
    ):
        pass


@pytest.mark.parametrize("status", ["200 OK", "203 Non-Authoritative", "206 Partial Content"])
def test_range_of_the_whole_file_is_a_result(status: str) -> None:
    """From the first byte to the last."""
    content_range = f"bytes 0-{len(PICTURE) - 1}/{len(PICTURE)}"
    with (
        serving(answering(ranged(status, content_range, PICTURE))) as server,
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)


@pytest.mark.parametrize("coding", ["identity", "aws-chunked", "utf-8", ""])
def test_unknown_coding_words_are_ignored(coding: str) -> None:
    """Object stores send such words with plain files."""
    with (
        serving(answering(http("200 OK", PICTURE, f"Content-Encoding: {coding}"))) as server,
        download(TRANSPORT, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)


@pytest.mark.parametrize("status", ["202 X", "204 X", "400 X", "401 X", "403 X", "404 X", "410 X"])
def test_missing_result_is_gone(status: str) -> None:
    """An expired signature is 400 or 403, a purged file 404 or 410, a future one 202."""
    with (
        serving(answering(http(status, b"no"))) as server,
        pytest.raises(ResultGone),
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass


@pytest.mark.parametrize("status", ["408 X", "425 X", "429 X", "500 X", "503 X"])
def test_temporary_failure_is_busy(status: str) -> None:
    """The same URL may have the result later."""
    with (
        serving(answering(http(status, b"no"))) as server,
        pytest.raises(Busy),
        download(TRANSPORT, f"{server.base_url}/a", 100, 5),
    ):
        pass


@pytest.mark.parametrize(
    "raw",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\xff\xd8\xff"],
    ids=["nothing", "short"],
)
def test_truncated_result_is_busy(raw: bytes) -> None:
    """Fewer bytes than declared are not delivered."""
    with (
        serving(answering(raw)) as server,
        pytest.raises(Busy),
        download(TRANSPORT, f"{server.base_url}/a", 1000, 5),
    ):
        pass


def test_dripping_result_is_busy_at_its_deadline() -> None:
    """It may come faster next time."""
    handler = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"a")
    with (
        serving(handler) as server,
        pytest.raises(Busy),
        download(TRANSPORT, f"{server.base_url}/a", 10**6, 0.3),
    ):
        pass


def test_dripping_redirects_share_one_deadline() -> None:
    """Each of them alone would be in time."""
    elapsed = [0.0]
    transport = DeadlineTransport(monotonic=lambda: elapsed[0])

    def slow(server: RawServer, connection: socket.socket) -> None:
        read_request(server, connection)
        elapsed[0] += 4
        connection.sendall(redirect("/again"))

    with (
        serving(slow) as server,
        pytest.raises(Busy),
        download(transport, server.base_url, 100, 10),
    ):
        pass
    assert len(server.received) == 3
    transport.close()


@pytest.mark.parametrize(
    "raw",
    [
        http("200 OK", PICTURE),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PICTURE,
    ],
    ids=["declared", "undeclared"],
)
def test_result_over_the_limit_stops_early(raw: bytes) -> None:
    """By its declared length, else by counting."""
    with (
        serving(answering(raw)) as server,
        pytest.raises(DarkroomError) as caught,
        download(TRANSPORT, f"{server.base_url}/a", 1000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-too-large"
    assert not caught.value.repeatable
