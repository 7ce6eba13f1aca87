"""Objects that exist and cannot be read: forever, or until a user changes something."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from darkroom.aws.s3 import S3Inputs
from darkroom.domain.errors import Busy, InputRefused, InputWithheld
from tests.fakes.moto_aws import session
from tests.providers.rawserver import RawServer, http, read_request, serving

KEY = "photos/cat.jpg"
VERSION = "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd"


def error_body(status: str, code: str) -> bytes:
    """An error as S3 sends it."""
    body = f"<Error><Code>{code}</Code><Message>no</Message><RequestId>1</RequestId></Error>"
    return http(status, body.encode(), "Content-Type: application/xml")


BAD_HEAD = http("400 Bad Request", b"")
FORBIDDEN_HEAD = http("403 Forbidden", b"")
ENCRYPTED = error_body("400 Bad Request", "InvalidRequest")
EXPIRED = error_body("400 Bad Request", "ExpiredToken")
DISABLED = error_body("400 Bad Request", "KMS.DisabledException")
RESTORED = 'x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"'
ARCHIVED = error_body("403 Forbidden", "InvalidObjectState")
DENIED = error_body("403 Forbidden", "AccessDenied")
HELD = http("206 Partial Content", b"x", 'ETag: "e"', "Content-Range: bytes 0-0/1")


@contextmanager
def bucket(answers: Mapping[str, bytes]) -> Iterator[tuple[S3Inputs, RawServer]]:
    """A bucket that gives these answers to a HEAD and to a GET of any object."""

    def handle(server: RawServer, connection: socket.socket) -> None:
        head = read_request(server, connection)
        method, path = (word.decode() for word in head.split(b" ")[:2])
        answer = answers[method] if KEY in path else http("200 OK", b"")
        closing = b"\r\nConnection: close\r\n\r\n"
        connection.sendall(answer.replace(b"\r\n\r\n", closing, 1))

    with serving(handle) as server:
        once = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        client = session().client("s3", endpoint_url=server.base_url, config=once)
        yield S3Inputs(client, "darkroom-input"), server
        client.close()


def test_file_with_a_customer_key_is_refused() -> None:
    """S3 does not store that key; trying again changes nothing."""
    with (
        bucket({"HEAD": BAD_HEAD, "GET": ENCRYPTED}) as (inputs, _),
        pytest.raises(InputRefused) as caught,
    ):
        inputs.find(KEY)
    assert caught.value.failure.code == "input-unreadable"
    assert KEY in caught.value.failure.sentence
    assert caught.value.failure.next_step


def test_file_with_a_customer_key_is_refused_by_read_and_open() -> None:
    """A spec is read before `find`; a photo may have been replaced after it."""
    with bucket({"GET": ENCRYPTED}) as (inputs, _):
        with pytest.raises(InputRefused) as read:
            inputs.read(KEY, VERSION, 99)
        with pytest.raises(InputRefused) as opened, inputs.open(KEY, VERSION):
            pass
    assert read.value.failure == opened.value.failure
    assert read.value.failure.code == "input-unreadable"


@pytest.mark.parametrize(
    ("head", "body"),
    [(FORBIDDEN_HEAD, DENIED), (BAD_HEAD, DENIED), (BAD_HEAD, DISABLED)],
    ids=["by the bucket", "by the key", "with a disabled key"],
)
def test_forbidden_file_is_withheld(head: bytes, body: bytes) -> None:
    """A user can change that, and then the task continues; the message names the file."""
    with bucket({"HEAD": head, "GET": body}) as (inputs, _):
        for look in (lambda: inputs.find(KEY), lambda: inputs.read(KEY, VERSION, 99)):
            with pytest.raises(Busy) as caught:
                look()
            assert caught.value.failure.code == "input-forbidden"
            assert KEY in str(caught.value)
            assert "kms:Decrypt" in caught.value.failure.next_step


@pytest.mark.parametrize(
    ("facts", "withheld", "coming"),
    [
        ([], "", False),
        (["x-amz-storage-class: STANDARD_IA"], "", False),
        (["x-amz-storage-class: GLACIER_IR"], "", False),
        (["x-amz-storage-class: INTELLIGENT_TIERING"], "", False),
        (["x-amz-storage-class: GLACIER"], "is archived in S3", False),
        (["x-amz-storage-class: DEEP_ARCHIVE"], "aws s3api restore-object", False),
        (
            [
                "x-amz-storage-class: INTELLIGENT_TIERING",
                "x-amz-archive-status: DEEP_ARCHIVE_ACCESS",
            ],
            "is archived in S3",
            False,
        ),
        (
            ["x-amz-storage-class: GLACIER", 'x-amz-restore: ongoing-request="true"'],
            "is being restored",
            True,
        ),
        (
            [
                "x-amz-storage-class: DEEP_ARCHIVE",
                RESTORED,
            ],
            "",
            False,
        ),
    ],
    ids=["plain", "IA", "instant", "tiering", "glacier", "deep", "tier", "coming", "restored"],
)
def test_head_shows_whether_a_file_is_archived(
    facts: list[str], withheld: str, *, coming: bool
) -> None:
    """An archived object has a HEAD; a restored copy can be read."""
    shown = http("200 OK", b"", 'ETag: "e"', f"x-amz-version-id: {VERSION}", *facts)
    with bucket({"HEAD": shown}) as (inputs, _):
        found = inputs.find(KEY)

    assert found
    assert (found.version_id, found.coming) == (VERSION, coming)
    assert withheld in found.withheld
    assert bool(found.withheld) == bool(withheld)
    assert not found.withheld or KEY in found.withheld


@pytest.mark.parametrize(
    ("body", "code", "announced"),
    [(ARCHIVED, "input-archived", True), (DENIED, "input-forbidden", False)],
    ids=["archived", "denied"],
)
def test_withheld_file_is_explained_by_read_and_open(
    body: bytes, code: str, *, announced: bool
) -> None:
    """S3 announces when a restored object is available."""
    with bucket({"GET": body}) as (inputs, _):
        with pytest.raises(InputWithheld) as read:
            inputs.read(KEY, VERSION, 99)
        with pytest.raises(InputWithheld) as opened, inputs.open(KEY, VERSION):
            pass
    assert read.value.failure == opened.value.failure
    assert (read.value.failure.code, read.value.announced) == (code, announced)
    assert KEY in read.value.failure.sentence
    assert read.value.failure.next_step


@pytest.mark.parametrize("body", [EXPIRED, HELD], ids=["expired", "readable after all"])
def test_expired_credentials_of_darkroom_do_not_end_a_task(body: bytes) -> None:
    """A HEAD gives the same status; only a GET gives the reason."""
    with bucket({"HEAD": BAD_HEAD, "GET": body}) as (inputs, _), pytest.raises(ClientError):
        inputs.find(KEY)


def test_missing_file_is_requested_once() -> None:
    """Most inputs that `find` looks for do not exist yet."""
    with bucket({"HEAD": http("404 Not Found", b"")}) as (inputs, server):
        assert inputs.find(KEY) is None
    assert len(server.received) == 1
