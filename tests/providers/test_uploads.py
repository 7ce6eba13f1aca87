"""What a provider may put into an upload to an address that it handed out: what that needs."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from darkroom.domain.errors import Busy, DarkroomError, NotSent, Unclear
from darkroom.providers.engine.upload_headers import upload_headers
from tests.fakes.inputs import InMemoryInputs
from tests.providers.desk import WIRE
from tests.providers.rawserver import RawServer, answering, http, serving, speaking
from tests.providers.test_addresses import picture, work
from tests.providers.test_sessions import OK, script
from tests.providers.tokens import Tokens, driver_of

TOKEN = "a" * 2000


def upload(elsewhere: RawServer, chosen: Mapping[str, str], times: int = 1) -> None:
    """Send a file there with headers of the provider's choice, before a paid call."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server:
        adapter = Tokens((server.base_url,), f"{elsewhere.base_url}/put", chosen)
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        for _ in range(times):
            driver.submit(work(inputs), lambda _prepared: None)


def sent(raw: bytes) -> dict[str, str]:
    """The headers of a request."""
    lines = raw.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def test_what_an_upload_needs_is_sent_as_it_was_told() -> None:
    """The kind of file, its digest, and whatever a store's own names say, however long."""
    chosen = {
        "content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "x-amz-security-token": TOKEN,
        "X-Amz-Meta-Made_By": "you; and me",
        "x-ms-blob-type": "BlockBlob",
        "x-goog-content-length-range": "0,99",
    }
    with serving(answering(OK)) as elsewhere:
        upload(elsewhere, chosen)
    told = sent(elsewhere.received[0])
    assert {name.lower(): value for name, value in chosen.items()}.items() <= told.items()
    assert told["content-type"] == "image/png"


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
def test_what_it_does_not_need_is_left_out(name: str, value: str) -> None:
    """Who is spoken to, how the message is framed and who we are is for us to say."""
    with serving(answering(OK)) as elsewhere:
        upload(elsewhere, {name: value})
    head, _, body = elsewhere.received[0].partition(b"\r\n\r\n")
    assert sorted(sent(head)) == ["content-length", "content-type", "host"]
    assert sent(head)["host"] == elsewhere.base_url.removeprefix("http://")
    assert body == picture(60, 40)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "é", "a\x00", "x" * 5000])
def test_a_value_that_no_header_can_have_is_an_answer_that_cannot_be_read(value: str) -> None:
    """Nothing is sent and nothing paid; the free steps before are made anew."""
    with serving(answering(OK)) as elsewhere, pytest.raises(Busy) as caught:
        upload(elsewhere, {"x-amz-meta-name": value})
    assert caught.value.failure.code == "unreadable-answer"
    assert elsewhere.received == []


def test_there_is_an_end_to_their_number() -> None:
    """A store has some dozen."""
    few = {f"x-amz-meta-{number}": "1" for number in range(32)}
    assert upload_headers(few) == few
    with pytest.raises(Unclear):
        upload_headers(few | {"x-amz-meta-32": "1"})


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect", "308 Permanent"])
def test_an_upload_follows_nobody_elsewhere(status: str) -> None:
    """A signed address takes the file itself, or is asked for anew."""
    with serving(answering(OK)) as third:
        moved = http(status, b"", f"Location: {third.base_url}/put")
        with serving(answering(moved)) as elsewhere, pytest.raises(Busy):
            upload(elsewhere, {})
    assert third.received == []


def test_a_cookie_is_not_kept() -> None:
    """Neither for the same address nor for another."""
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
def test_the_http_librarys_own_errors_are_ours(
    headers: Mapping[str, str], content: bytes | Broken
) -> None:
    """Whichever of its layers refuses a request: not all of it was sent."""
    with serving(answering(OK)) as server:
        request = httpx.Request("PUT", server.base_url, headers=headers, content=content)
        with pytest.raises(NotSent) as caught, WIRE.exchange(request, 5, reuse=False):
            pass
    assert isinstance(caught.value, DarkroomError)
    assert caught.value.__cause__ is None
    assert not any(b"\nEvil" in raw for raw in server.received)
