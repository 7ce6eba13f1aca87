"""The driver on a misbehaving network: what was sent, what may be paid, what leaks."""

import gzip
import time
import zlib
from typing import Any

import pytest

from darkroom.domain.errors import Busy, DarkroomError, NotSent, ProviderRefused, Unclear
from darkroom.domain.provider_jobs import JobRequest
from darkroom.ports import Providers
from darkroom.providers.engine.driver import CallLimits
from darkroom.providers.registry import NAMES
from tests.fakes.raw_server import (
    answering,
    dripping,
    hanging_up_early,
    http,
    serving,
    stalling,
)
from tests.providers.engine.driver_harness import DONE, KEY, PNG, DriverHarness


def test_driver_has_every_call_of_the_port() -> None:
    """The type checker checks the rest."""
    providers: Providers = DriverHarness("http://h.test").driver
    assert (*dict.fromkeys(route.provider for route in providers.routes()),) == NAMES
    assert providers.tariff("snapapi").usd_per_credit == 0.0005


def test_unresolvable_host_is_not_paid() -> None:
    """`.invalid` never resolves."""
    with pytest.raises(NotSent):
        DriverHarness("http://nowhere.invalid").submit()


def test_invalid_base_url_is_refused_with_a_next_step() -> None:
    """A mistake in the settings is reported as one."""
    with pytest.raises(ProviderRefused) as caught:
        DriverHarness("http://h.test:port").submit()
    assert caught.value.failure.code == "bad-base-url"


@pytest.mark.parametrize("handler", [hanging_up_early, stalling])
def test_incomplete_request_is_not_paid(handler: Any) -> None:
    """The server closes, or stops reading, in the middle of a large file."""
    with serving(handler) as server, pytest.raises(NotSent) as caught:
        DriverHarness(server.base_url).submit(PNG + b"\0" * 20_000_000, call_s=1)
    assert caught.value.money_moved == "no"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"',
        b"SSH-2.0-OpenSSH_9.6\r\n",
        http("200 OK", b"\x1f\x8b\x08", "Content-Encoding: gzip"),
    ],
    ids=["nothing", "half-head", "short-body", "half-chunk", "not-http", "gzip"],
)
def test_connection_lost_after_sending_is_unclear(raw: bytes) -> None:
    """The whole request was sent; its outcome is unknown."""
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        DriverHarness(server.base_url).submit()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    ],
    ids=["body", "head"],
)
def test_dripping_response_ends_at_the_deadline(head: bytes, drop: bytes) -> None:
    """No single read is slow, but the whole call is."""
    began = time.monotonic()
    with serving(dripping(head, drop)) as server, pytest.raises(Unclear):
        DriverHarness(server.base_url).submit(call_s=1)
    assert 0.9 < time.monotonic() - began < 2


def test_endless_response_is_cut_off() -> None:
    """A response has a size limit; beyond it a paid call is unclear."""
    raw = http("200 OK", b"[" + b"0," * 5000 + b"0]")
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        DriverHarness(server.base_url, CallLimits(response_bytes=1000)).submit()


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "gzip, gzip", "identity", "none"])
def test_compressed_response_to_a_paid_call_is_read(coding: str) -> None:
    """No coding was requested, but the call is paid."""
    body = DONE.partition(b"\r\n\r\n")[2]
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body)
    if "," in coding:
        packed = gzip.compress(packed)
    raw = http("200 OK", packed, f"Content-Encoding: {coding}")
    with serving(answering(DONE)) as plain, serving(answering(raw)) as server:
        assert DriverHarness(server.base_url).submit() == DriverHarness(plain.base_url).submit()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_uncompressed_response_with_a_coding_header_is_read(coding: str) -> None:
    """A proxy has decoded it and left the header, or the checksum is missing."""
    body = DONE.partition(b"\r\n\r\n")[2]
    said = body if coding != "gzip" else gzip.compress(body)[:-8]
    raw = http("200 OK", said, f"Content-Encoding: {coding}")
    with serving(answering(DONE)) as plain, serving(answering(raw)) as server:
        assert DriverHarness(server.base_url).submit() == DriverHarness(plain.base_url).submit()


def test_undecodable_response_names_its_coding() -> None:
    """The call may be paid."""
    raw = http("200 OK", b"\x0b\x02\x80{}\x03", "Content-Encoding: br")
    with serving(answering(raw)) as server, pytest.raises(Unclear) as caught:
        DriverHarness(server.base_url).submit()
    assert "compressed as 'br'" in caught.value.failure.sentence


def test_size_limit_counts_the_decompressed_response() -> None:
    """A small compressed response may exceed it."""
    raw = http("200 OK", gzip.compress(b"[" + b"0," * 500_000 + b"0]"), "Content-Encoding: gzip")
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        DriverHarness(server.base_url, CallLimits(response_bytes=10_000)).submit()


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
def test_status_of_a_refusal_counts_whatever_its_body(coding: str) -> None:
    """Nothing was paid; the body is not needed."""
    body = b'{"message": "' + b"no " * 5000 + b'"}'
    packed = gzip.compress(body) if coding == "gzip" else body
    raw = http("400 Bad", packed, f"Content-Encoding: {coding}")
    with serving(answering(raw)) as server, pytest.raises(ProviderRefused):
        DriverHarness(server.base_url, CallLimits(response_bytes=1000)).submit()


def test_paid_call_never_uses_a_kept_alive_connection() -> None:
    """On a connection that the server has closed, a call that never arrived would be unclear."""
    with serving(answering(DONE, times=2)) as server:
        harness = DriverHarness(server.base_url)
        assert harness.submit() == harness.submit()
    assert server.connections == 2


def test_free_calls_share_a_connection() -> None:
    """An hour of polls should not need a handshake each."""
    raw = http("200 OK", b'{"status": "PROCESSING"}')
    with serving(answering(raw, times=2), hanging_up_early) as server:
        harness = DriverHarness(server.base_url)
        route = harness.route("snapapi", "try-on")
        assert harness.driver.poll(route, "t") == harness.driver.poll(route, "t")
    assert server.connections == 1


def test_paid_call_is_sent_once_whatever_the_response() -> None:
    """No redirect is followed and no status is retried."""
    moved = http("307 Temporary Redirect", b"", "Location: /elsewhere", "Connection: close")
    for raw in (moved, http("500 Oops", b""), http("429 Slow", b"", "Retry-After: 0")):
        with serving(answering(raw)) as server, pytest.raises(DarkroomError):
            DriverHarness(server.base_url).submit()
        assert len(server.received) == 1


def test_request_is_as_documented() -> None:
    """Multipart with the file under its field, the key in its header, no compression."""
    with serving(answering(DONE)) as server:
        DriverHarness(server.base_url).submit()
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/images/remove-background HTTP/1.1")
    assert f"api-key: {KEY}".encode() in head
    assert b"Accept-Encoding: identity" in head
    assert b'name="input_image"; filename="input_image.png"' in body
    assert b"Content-Type: image/png" in body
    assert PNG in body


def test_form_without_files_is_multipart() -> None:
    """Every endpoint of the vendor takes a multipart body."""
    with serving(answering(DONE)) as server:
        harness = DriverHarness(server.base_url)
        route = harness.route("snapapi", "generate")
        params = route.params.model_validate({"prompt": "ein Bär"})
        harness.driver.submit(
            JobRequest("ab" * 16, 1, route, params, {}),
            lambda ready: harness.intended.append(ready.request),
        )
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert b"Content-Type: multipart/form-data; boundary=" in head
    assert 'name="prompt"\r\n\r\nein Bär\r\n'.encode() in body
    assert b"filename" not in body


def test_lost_poll_is_busy() -> None:
    """A free call is never unclear."""
    with serving(answering(b"")) as server:
        harness = DriverHarness(server.base_url)
        with pytest.raises(Busy):
            harness.driver.poll(harness.route("apiframe", "upscale"), "id")


def test_intent_is_written_between_upload_and_payment() -> None:
    """First the files, then the intent, then the paid call."""
    order: list[str] = []
    uploaded = http("201 Created", b'{"url": "http://h.test/u"}', "Connection: close")
    accepted = http("202 Accepted", b'{"jobId": "j", "status": "QUEUED"}')
    with serving(answering(uploaded), answering(accepted)) as server:
        harness = DriverHarness(server.base_url)
        route = harness.route("apiframe", "upscale")
        file = harness.inputs.put("a.png", PNG)
        work = JobRequest("cd" * 16, 3, route, route.params(), {"image": (file,)})
        harness.driver.submit(
            work, lambda text: order.append(f"{len(server.received)} sent; {text}")
        )
    assert len(order) == 1
    assert order[0].startswith("1 sent; ")
    assert '"Idempotency-Key":"' + "cd" * 16 + '-3"' in order[0]
    assert b"POST /v2/uploads" in server.received[0]
    assert b"POST /v2/images/upscale" in server.received[1]
