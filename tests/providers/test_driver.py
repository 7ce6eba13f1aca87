"""The driver against a misbehaving network: what was sent, what may be paid, what leaks."""

import gzip
import time
import zlib
from typing import Any

import pytest

from darkroom.domain.errors import Busy, DarkroomError, NotSent, ProviderRefused, Unclear
from darkroom.domain.provider_jobs import JobRequest
from darkroom.ports import Providers
from darkroom.providers.engine.driver import CallLimits
from tests.providers.desk import DONE, KEY, PNG, Desk
from tests.providers.rawserver import (
    answering,
    dripping,
    hanging_up_early,
    http,
    serving,
    stalling,
)


def test_the_driver_is_what_the_pipeline_wants() -> None:
    """It has every call of the port; the type checker looks at the rest."""
    providers: Providers = Desk("http://h.test").driver
    assert [*dict.fromkeys(route.provider for route in providers.routes())] == [
        "snapapi",
        "apiframe",
        "perfect",
        "goapi",
    ]
    assert providers.tariff("snapapi").usd_per_credit == 0.0005


def test_a_name_that_does_not_resolve_was_not_paid() -> None:
    """`.invalid` never resolves."""
    with pytest.raises(NotSent):
        Desk("http://nowhere.invalid").submit()


def test_an_address_that_is_none_is_refused_with_its_remedy() -> None:
    """A slip in the settings is told as one."""
    with pytest.raises(ProviderRefused) as caught:
        Desk("http://h.test:port").submit()
    assert caught.value.failure.code == "bad-base-url"


@pytest.mark.parametrize("handler", [hanging_up_early, stalling])
def test_a_body_that_was_not_fully_sent_was_not_paid(handler: Any) -> None:
    """The far side goes away, or stops reading, in the middle of a large file."""
    with serving(handler) as server, pytest.raises(NotSent) as caught:
        Desk(server.base_url).submit(PNG + b"\0" * 20_000_000, call_s=1)
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
def test_a_connection_lost_after_sending_is_unclear(raw: bytes) -> None:
    """Everything was sent; what became of it nobody knows."""
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        Desk(server.base_url).submit()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    ],
    ids=["body", "head"],
)
def test_an_answer_that_drips_ends_at_the_deadline(head: bytes, drop: bytes) -> None:
    """No single read is slow; the whole call is, and its time is over."""
    began = time.monotonic()
    with serving(dripping(head, drop)) as server, pytest.raises(Unclear):
        Desk(server.base_url).submit(call_s=1)
    assert 0.9 < time.monotonic() - began < 2


def test_an_endless_answer_is_cut_off() -> None:
    """An answer has a size limit; a paid one beyond it is unclear."""
    raw = http("200 OK", b"[" + b"0," * 5000 + b"0]")
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        Desk(server.base_url, CallLimits(answer_bytes=1000)).submit()


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "gzip, gzip", "identity", "none"])
def test_a_packed_answer_to_a_paid_call_is_read(coding: str) -> None:
    """Nobody asked for it, and what it says is paid for all the same."""
    body = DONE.partition(b"\r\n\r\n")[2]
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body)
    if "," in coding:
        packed = gzip.compress(packed)
    raw = http("200 OK", packed, f"Content-Encoding: {coding}")
    with serving(answering(DONE)) as plain, serving(answering(raw)) as server:
        assert Desk(server.base_url).submit() == Desk(plain.base_url).submit()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_an_answer_that_is_not_packed_as_it_says_is_read(coding: str) -> None:
    """Somebody on the way unpacked it, and left the word; or its checksum was lost."""
    body = DONE.partition(b"\r\n\r\n")[2]
    said = body if coding != "gzip" else gzip.compress(body)[:-8]
    raw = http("200 OK", said, f"Content-Encoding: {coding}")
    with serving(answering(DONE)) as plain, serving(answering(raw)) as server:
        assert Desk(server.base_url).submit() == Desk(plain.base_url).submit()


def test_a_packed_answer_that_cannot_be_unpacked_says_how_it_came() -> None:
    """It may have been paid for."""
    raw = http("200 OK", b"\x0b\x02\x80{}\x03", "Content-Encoding: br")
    with serving(answering(raw)) as server, pytest.raises(Unclear) as caught:
        Desk(server.base_url).submit()
    assert "packed as 'br'" in caught.value.failure.sentence


def test_an_answer_that_is_packed_small_has_the_same_limit() -> None:
    """What comes out is counted."""
    raw = http("200 OK", gzip.compress(b"[" + b"0," * 500_000 + b"0]"), "Content-Encoding: gzip")
    with serving(answering(raw)) as server, pytest.raises(Unclear):
        Desk(server.base_url, CallLimits(answer_bytes=10_000)).submit()


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
def test_a_refusal_is_one_however_long_or_packed_it_is(coding: str) -> None:
    """Its status says it: nothing was paid, and no word of it is needed."""
    body = b'{"message": "' + b"no " * 5000 + b'"}'
    packed = gzip.compress(body) if coding == "gzip" else body
    raw = http("400 Bad", packed, f"Content-Encoding: {coding}")
    with serving(answering(raw)) as server, pytest.raises(ProviderRefused):
        Desk(server.base_url, CallLimits(answer_bytes=1000)).submit()


def test_a_paid_call_never_uses_a_kept_connection() -> None:
    """A connection that the far side has closed would make a call that never arrived doubtful."""
    with serving(answering(DONE, times=2)) as server:
        desk = Desk(server.base_url)
        assert desk.submit() == desk.submit()
    assert server.connections == 2


def test_free_calls_share_a_connection() -> None:
    """Polling for an hour must not shake hands every time."""
    raw = http("200 OK", b'{"status": "PROCESSING"}')
    with serving(answering(raw, times=2), hanging_up_early) as server:
        desk = Desk(server.base_url)
        route = desk.route("snapapi", "try-on")
        assert desk.driver.poll(route, "t") == desk.driver.poll(route, "t")
    assert server.connections == 1


def test_a_paid_call_is_sent_once_whatever_the_answer() -> None:
    """No redirect is followed and no status is retried."""
    moved = http("307 Temporary Redirect", b"", "Location: /elsewhere", "Connection: close")
    for raw in (moved, http("500 Oops", b""), http("429 Slow", b"", "Retry-After: 0")):
        with serving(answering(raw)) as server, pytest.raises(DarkroomError):
            Desk(server.base_url).submit()
        assert len(server.received) == 1


def test_the_request_is_what_the_provider_documents() -> None:
    """Multipart with the file under its field, the key in its header, nothing compressed."""
    with serving(answering(DONE)) as server:
        Desk(server.base_url).submit()
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/images/remove-background HTTP/1.1")
    assert f"api-key: {KEY}".encode() in head
    assert b"Accept-Encoding: identity" in head
    assert b'name="input_image"; filename="input_image.png"' in body
    assert b"Content-Type: image/png" in body
    assert PNG in body


def test_text_alone_is_still_multipart() -> None:
    """The vendor's every endpoint takes form fields of a multipart body."""
    with serving(answering(DONE)) as server:
        desk = Desk(server.base_url)
        route = desk.route("snapapi", "generate")
        params = route.params.model_validate({"prompt": "ein Bär"})
        desk.driver.submit(
            JobRequest("ab" * 16, 1, route, params, {}),
            lambda ready: desk.intended.append(ready.request),
        )
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert b"Content-Type: multipart/form-data; boundary=" in head
    assert 'name="prompt"\r\n\r\nein Bär\r\n'.encode() in body
    assert b"filename" not in body


def test_a_lost_poll_is_busy() -> None:
    """A free call is never unclear."""
    with serving(answering(b"")) as server:
        desk = Desk(server.base_url)
        with pytest.raises(Busy):
            desk.driver.poll(desk.route("apiframe", "upscale"), "id")


def test_the_intent_is_written_between_upload_and_payment() -> None:
    """First the files, then the word, then the call."""
    order: list[str] = []
    uploaded = http("201 Created", b'{"url": "http://h.test/u"}', "Connection: close")
    accepted = http("202 Accepted", b'{"jobId": "j", "status": "QUEUED"}')
    with serving(answering(uploaded), answering(accepted)) as server:
        desk = Desk(server.base_url)
        route = desk.route("apiframe", "upscale")
        file = desk.inputs.put("a.png", PNG)
        work = JobRequest("cd" * 16, 3, route, route.params(), {"image": (file,)})
        desk.driver.submit(work, lambda text: order.append(f"{len(server.received)} sent; {text}"))
    assert len(order) == 1
    assert order[0].startswith("1 sent; ")
    assert '"Idempotency-Key":"' + "cd" * 16 + '-3"' in order[0]
    assert b"POST /v2/uploads" in server.received[0]
    assert b"POST /v2/images/upscale" in server.received[1]
