"""Which headers a provider can set on an upload to a URL that it gave."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from darkroom.domain.errors import Busy, DarkroomError, NotSent, Unclear
from darkroom.providers.engine.upload_headers import upload_headers
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import RawServer, answering, http, serving, speaking
from tests.providers.engine.driver_harness import TRANSPORT
from tests.providers.engine.test_client import job_request_of, png_of
from tests.providers.engine.test_token_cache import OK, script
from tests.providers.engine.token_provider import TokenProvider, driver_of

TOKEN = "a" * 2000


def upload(elsewhere: RawServer, chosen: Mapping[str, str], times: int = 1) -> None:
    """Upload a file with headers of the provider's choice, before a paid call."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server:
        adapter = TokenProvider((server.base_url,), f"{elsewhere.base_url}/put", chosen)
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        for _ in range(times):
            driver.submit(job_request_of(inputs), lambda _prepared: None)


def sent(raw: bytes) -> dict[str, str]:
    """The headers of a request."""
    lines = raw.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def test_headers_of_an_upload_are_sent_unchanged() -> None:
    """Content type, digest, and a store's own names, however long."""
    chosen = {
        "content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "x-amz-security-token": TOKEN,
        "X-Amz-Meta-Made_By": "you; and me",
        "x-ms-blob-type": "BlockBlob",
        "x-goog-content-length-range": "0,99",
    }
    with serving(answering(OK)) as elsewhere:
        upload(elsewhere, chosen)
    headers = sent(elsewhere.received[0])
    assert {name.lower(): value for name, value in chosen.items()}.items() <= headers.items()
    assert headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "evil.example"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("Connection", "close"),
        ("Cookie", "session=1"),
        ("Authorization", "Bearer x"),
        ("Content-Encoding", "gzip"),
        ("X-Forwarded-Host", "evil.example"),
        ("X\r\nEvil", "1"),
        ("x-amz-\r\nEvil: 1\r\nx", "1"),
        ("x-amz- date", "1"),
        ("x-amz-é", "1"),
        ("", "1"),
    ],
)
def test_other_headers_are_dropped(name: str, value: str) -> None:
    """Host, framing and identity are the client's."""
    with serving(answering(OK)) as elsewhere:
        upload(elsewhere, {name: value})
    head, _, body = elsewhere.received[0].partition(b"\r\n\r\n")
    assert sorted(sent(head)) == ["content-length", "content-type", "host"]
    assert sent(head)["host"] == elsewhere.base_url.removeprefix("http://")
    assert body == png_of(60, 40)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "é", "a\x00", "x" * 5000])
def test_invalid_header_value_is_an_unreadable_response(value: str) -> None:
    """Nothing is sent or paid; the free steps are repeated later."""
    with serving(answering(OK)) as elsewhere, pytest.raises(Busy) as caught:
        upload(elsewhere, {"x-amz-meta-name": value})
    assert caught.value.failure.code == "unreadable-answer"
    assert elsewhere.received == []


def test_number_of_headers_is_limited() -> None:
    """A store needs about a dozen."""
    few = {f"x-amz-meta-{number}": "1" for number in range(32)}
    assert upload_headers(few) == few
    with pytest.raises(Unclear):
        upload_headers(few | {"x-amz-meta-32": "1"})


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect", "308 Permanent"])
def test_upload_follows_no_redirect(status: str) -> None:
    """A presigned URL takes the file itself, or a new one is requested."""
    with serving(answering(OK)) as third:
        moved = http(status, b"", f"Location: {third.base_url}/put")
        with serving(answering(moved)) as elsewhere, pytest.raises(Busy):
            upload(elsewhere, {})
    assert third.received == []


def test_cookies_are_not_kept() -> None:
    """Neither for the same host nor for another."""
    kept = http("200 OK", b"{}", "Set-Cookie: session=1; Path=/")
    with serving(answering(kept, times=2)) as elsewhere:
        upload(elsewhere, {}, times=2)
    assert len(elsewhere.received) == 2
    assert all("cookie" not in sent(raw) for raw in elsewhere.received)


class Broken:
    """A body that cannot be read to its end."""

    def __iter__(self) -> Iterator[bytes]:
        """Half of it."""
        yield b"BO"
        raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"X": "a\r\nEvil: 1"}, b"BODY"),
        ({"X\r\nEvil": "1"}, b"BODY"),
        ({"Content-Length": "1"}, b"BODY"),
        ({"Content-Length": "9"}, b"BODY"),
        ({"Content-Length": "many"}, b"BODY"),
        ({"Content-Length": "4"}, Broken()),
    ],
)
def test_errors_of_the_http_library_become_ours(
    headers: Mapping[str, str], content: bytes | Broken
) -> None:
    """Whichever of its layers refuses a request: it was not sent completely."""
    with serving(answering(OK)) as server:
        request = httpx.Request("PUT", server.base_url, headers=headers, content=content)
        with pytest.raises(NotSent) as caught, TRANSPORT.exchange(request, 5, reuse=False):
            pass
    assert isinstance(caught.value, DarkroomError)
    assert caught.value.__cause__ is None
    assert not any(b"\nEvil" in raw for raw in server.received)
