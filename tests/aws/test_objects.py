"""Objects that are there and cannot be read: for ever, or until somebody mends it.

A small server stands for S3, as moto refuses nobody.
"""

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


def said(status: str, code: str) -> bytes:
    """An error as S3 writes it."""
    body = f"<Error><Code>{code}</Code><Message>no</Message><RequestId>1</RequestId></Error>"
    return http(status, body.encode(), "Content-Type: application/xml")


BAD_HEAD = http("400 Bad Request", b"")
FORBIDDEN_HEAD = http("403 Forbidden", b"")
ENCRYPTED = said("400 Bad Request", "InvalidRequest")
EXPIRED = said("400 Bad Request", "ExpiredToken")
DISABLED = said("400 Bad Request", "KMS.DisabledException")
RESTORED = 'x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"'
ARCHIVED = said("403 Forbidden", "InvalidObjectState")
DENIED = said("403 Forbidden", "AccessDenied")
HELD = http("206 Partial Content", b"x", 'ETag: "e"', "Content-Range: bytes 0-0/1")


@contextmanager
def bucket(answers: Mapping[str, bytes]) -> Iterator[tuple[S3Inputs, RawServer]]:
    """A bucket that answers so to a HEAD and to a GET of any object."""

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


def test_a_file_that_only_its_uploader_can_read_is_refused() -> None:
    """It was encrypted with a key that S3 does not keep; trying again changes nothing."""
    with (
        bucket({"HEAD": BAD_HEAD, "GET": ENCRYPTED}) as (inputs, _),
        pytest.raises(InputRefused) as caught,
    ):
        inputs.find(KEY)
    assert caught.value.failure.code == "input-unreadable"
    assert KEY in caught.value.failure.sentence
    assert caught.value.failure.next_step


def test_such_a_file_is_refused_wherever_it_is_met() -> None:
    """A spec is read before it is looked for; a photo may have been replaced since it was."""
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
def test_a_file_that_we_may_not_read_is_tried_again(head: bytes, body: bytes) -> None:
    """Somebody can mend that, and then the task goes on; until then the file's name is told."""
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
        (["x-amz-storage-class: GLACIER"], "lies in an archive", False),
        (["x-amz-storage-class: DEEP_ARCHIVE"], "aws s3api restore-object", False),
        (
            [
                "x-amz-storage-class: INTELLIGENT_TIERING",
                "x-amz-archive-status: DEEP_ARCHIVE_ACCESS",
            ],
            "lies in an archive",
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
def test_a_head_tells_whether_s3_gives_the_file(
    facts: list[str], withheld: str, *, coming: bool
) -> None:
    """Archives show what they hold; a restored copy can be read."""
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
def test_a_file_that_is_held_back_is_explained_wherever_it_is_read(
    body: bytes, code: str, *, announced: bool
) -> None:
    """As a spec and as a photo; of archives S3 tells when they give it."""
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
def test_no_task_ends_because_our_own_credentials_have_run_out(body: bytes) -> None:
    """To a HEAD that is the same answer; only a GET says why."""
    with bucket({"HEAD": BAD_HEAD, "GET": body}) as (inputs, _), pytest.raises(ClientError):
        inputs.find(KEY)


def test_a_missing_file_is_asked_for_once() -> None:
    """Most inputs that are looked for are not there yet."""
    with bucket({"HEAD": http("404 Not Found", b"")}) as (inputs, server):
        assert inputs.find(KEY) is None
    assert len(server.received) == 1
