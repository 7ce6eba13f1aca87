"""Fetching a result from wherever the provider keeps it; here that is a sandbox's place."""

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
from tests.providers.desk import WIRE
from tests.providers.rawserver import (
    RawServer,
    answering,
    dripping,
    http,
    read_request,
    serving,
)

download = partial(download_from, near=True)
PICTURE = b"\xff\xd8\xff\xe0\x00\x02\xff\xda\x00\x02" + bytes(range(255)) * 9000 + b"\xff\xd9"


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


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_every_kind_of_redirect_is_followed_and_judged(status: str) -> None:
    """A second step to where nothing is fetched from ends it, with a word about the host alone."""
    steps = [redirect("/b"), http(status, b"", "Location: http://10.0.0.7/1?signature=s3cret")]
    with (
        serving(*map(answering, steps)) as server,
        pytest.raises(DarkroomError) as caught,
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert len(server.received) == 2
    assert caught.value.failure.code == "result-address-refused"
    assert "10.0.0.7" in caught.value.failure.sentence
    assert "s3cret" not in caught.value.failure.sentence


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://h.test/1", "http://h.test:port/1", "http://[::1"]
)
def test_a_redirect_to_something_else_than_http_is_not_followed(where: str) -> None:
    """Only http and https lead to results."""
    with (
        serving(answering(redirect(where))) as server,
        pytest.raises(DarkroomError) as caught,
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass
    assert caught.value.failure.code == "result-address-refused"


def test_a_redirect_to_nowhere_has_no_result() -> None:
    """It says that the result has moved, and not where to."""
    with (
        serving(answering(redirect(""))) as server,
        pytest.raises(ResultGone),
        download(WIRE, f"{server.base_url}/a", 100, 5),
    ):
        pass


def test_a_result_on_this_machine_is_for_sandboxes_alone() -> None:
    """Unless the provider is near, nobody even connects."""
    with serving(answering(http("200 OK", PICTURE))) as server:
        with pytest.raises(DarkroomError), download_from(WIRE, server.base_url, 10_000_000, 5):
            pass
        assert server.connections == 0


def raw_deflate(body: bytes) -> bytes:
    """Deflate without its head, as some servers send it."""
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
def test_a_packed_result_is_unpacked(coding: str, *, length: bool) -> None:
    """It was not asked for, and is a result all the same."""
    answer = http("200 OK", PACKED[coding], f"Content-Encoding: {coding}")
    if not length:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nConnection: close\r\n\r\n"
        answer = head.encode() + PACKED[coding]
    with (
        serving(answering(answer)) as server,
        download(WIRE, f"{server.base_url}/a", len(PICTURE), 5) as fetched,
    ):
        assert fetched.body.read() == PICTURE
        assert fetched.size == len(PICTURE)
        assert fetched.sha256 == hashlib.sha256(PICTURE).hexdigest()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, deflate"])
def test_what_is_not_packed_as_it_says_is_taken_as_it_is(coding: str) -> None:
    """Somebody on the way unpacked it, and left the word."""
    with (
        serving(answering(http("200 OK", PICTURE, f"Content-Encoding: {coding}"))) as server,
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.body.read() == PICTURE


def nothing_many_times(_body: bytes) -> bytes:
    """So many packed parts that what names them is too large itself."""
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
def test_what_is_packed_small_may_still_be_too_large(
    coding: str, pack: Callable[[bytes], bytes]
) -> None:
    """What comes out is counted, of each coding, and it stops there."""
    body = pack(PICTURE + bytes(50_000_000))
    with (
        serving(answering(http("200 OK", body, f"Content-Encoding: {coding}"))) as server,
        pytest.raises(DarkroomError) as caught,
        download(WIRE, f"{server.base_url}/a", 3_000_000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-too-large"


def test_unpacking_takes_little_memory() -> None:
    """However much comes out of however little."""
    packed = gzip.compress(b"\xff\xd8\xff\xd9" + bytes(60_000_000))
    with serving(answering(http("200 OK", packed, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        try:
            with download(WIRE, f"{server.base_url}/a", 100_000_000, 20) as fetched:
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
def test_what_cannot_be_unpacked_is_asked_for_again(coding: str, body: bytes) -> None:
    """Another time it may come otherwise; the sentence says how it came."""
    with (
        serving(answering(http("200 OK", body, f"Content-Encoding: {coding}"))) as server,
        pytest.raises(Busy) as caught,
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5),
    ):
        pass
    assert caught.value.failure.code == "result-packed"


def ranged(status: str, told: str | None, body: bytes) -> bytes:
    """An answer that says which part it brings."""
    return http(status, body, *([] if told is None else [f"Content-Range: {told}"]))


@pytest.mark.parametrize(
    "answer",
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
    ids=["half", "of-unknown", "tail", "untold", "range", "by-its-end", "closed", "chunks"],
)
def test_a_part_of_a_result_is_none(answer: bytes) -> None:
    """By the answer's head, its framing, or the end that its format has."""
    with (
        serving(answering(answer)) as server,
        pytest.raises(Busy),
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5),
    ):
        pass


@pytest.mark.parametrize("status", ["200 OK", "203 Non-Authoritative", "206 Partial Content"])
def test_a_part_that_is_all_of_it_is_a_result(status: str) -> None:
    """From the first byte to the last."""
    told = f"bytes 0-{len(PICTURE) - 1}/{len(PICTURE)}"
    with (
        serving(answering(ranged(status, told, PICTURE))) as server,
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)


@pytest.mark.parametrize("coding", ["identity", "aws-chunked", "utf-8", ""])
def test_a_word_that_means_no_packing_costs_no_result(coding: str) -> None:
    """Stores are seen to say such things of plain files."""
    with (
        serving(answering(http("200 OK", PICTURE, f"Content-Encoding: {coding}"))) as server,
        download(WIRE, f"{server.base_url}/a", 10_000_000, 5) as fetched,
    ):
        assert fetched.size == len(PICTURE)


@pytest.mark.parametrize("status", ["202 X", "204 X", "400 X", "401 X", "403 X", "404 X", "410 X"])
def test_a_result_that_is_not_there_is_gone(status: str) -> None:
    """An expired signature says 400 or 403, a purged file 404 or 410, one to come 202."""
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


def test_redirects_that_drip_share_one_deadline() -> None:
    """Each of them alone would be in time."""
    elapsed = [0.0]
    wire = DeadlineTransport(monotonic=lambda: elapsed[0])

    def slow(server: RawServer, connection: socket.socket) -> None:
        read_request(server, connection)
        elapsed[0] += 4
        connection.sendall(redirect("/again"))

    with serving(slow) as server, pytest.raises(Busy), download(wire, server.base_url, 100, 10):
        pass
    assert len(server.received) == 3
    wire.close()


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
