"""What the requests to the buckets say: which version, over what, and for how long."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.domain.errors import Conflict, DarkroomError
from tests.aws.line import Answer, Line, Request, address
from tests.fakes.moto_aws import INPUT, OUTPUT, session

KEY = "photos/a b+ä.jpg"
VERSION = "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd"
HELD: Mapping[str, Any] = {
    "ETag": '"e"',
    "ContentLength": 1,
    "VersionId": VERSION,
    "Body": io.BytesIO(b"x"),
}


@pytest.fixture
def bucket() -> Iterator[tuple[Line, Any]]:
    """A client whose every request succeeds, and nobody else sees."""
    line = Line(answers=lambda _: Answer({**HELD, "Body": io.BytesIO(b"x")}))
    client = line.listen(session().client("s3"))
    yield line, client
    client.close()


LOOKS: Mapping[str, Callable[[S3Inputs, str], object]] = {
    "read": lambda inputs, version: inputs.read(KEY, version, 9),
    "open": lambda inputs, version: inputs.open(KEY, version).__enter__(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_pinned_file_is_asked_for_by_its_version(bucket: tuple[Line, Any], look: str) -> None:
    """What was uploaded over it meanwhile belongs to another task."""
    line, client = bucket
    LOOKS[look](S3Inputs(client, INPUT), VERSION)

    (request,) = line.sent
    assert request.operation == "GetObject"
    assert request.query == {"versionId": VERSION}
    assert "If-Match" not in request.headers


@pytest.mark.parametrize("look", LOOKS)
def test_without_versions_a_file_is_asked_for_by_what_is_in_it(
    bucket: tuple[Line, Any], look: str
) -> None:
    """S3 answers 412 when the key holds something else by now."""
    line, client = bucket
    LOOKS[look](S3Inputs(client, INPUT), "etag:e")

    (request,) = line.sent
    assert request.headers["If-Match"] == "e"
    assert request.query == {}


def test_a_look_for_a_file_is_one_for_its_newest_version(bucket: tuple[Line, Any]) -> None:
    """It names none, and brings no body."""
    line, client = bucket
    found = S3Inputs(client, INPUT).find(KEY)

    (request,) = line.sent
    assert (request.operation, request.query) == ("HeadObject", {})
    assert found
    assert found.version_id == VERSION


def test_a_signed_link_is_for_one_version_and_a_while(bucket: tuple[Line, Any]) -> None:
    """A provider that comes late must not get the next photo, nor anybody come days later."""
    _, client = bucket
    path, said = address(S3Inputs(client, INPUT).link("photos/cat.jpg", VERSION, 1234))

    assert path.endswith("/photos/cat.jpg")
    assert said["versionId"] == VERSION
    assert said["X-Amz-Expires"] == "1234"


def test_a_link_without_versions_needs_no_head_that_nobody_would_send(
    bucket: tuple[Line, Any],
) -> None:
    """A signature over `If-Match` would hold for those alone who send it."""
    _, client = bucket
    _, said = address(S3Inputs(client, INPUT).link("photos/cat.jpg", "etag:e", 60))

    assert "versionId" not in said
    assert said.get("X-Amz-SignedHeaders", "host") == "host"


@pytest.mark.parametrize(
    ("etag", "said"), [(None, {"If-None-Match": "*"}), ('"e"', {"If-Match": '"e"'})]
)
def test_a_result_is_written_over_what_was_looked_at(
    bucket: tuple[Line, Any], etag: str | None, said: dict[str, str]
) -> None:
    """Else an older task that is late writes over a newer one's picture."""
    line, client = bucket
    S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", etag)

    (request,) = line.sent
    assert {name: request.headers.get(name) for name in ("If-Match", "If-None-Match")} == {
        "If-Match": None,
        "If-None-Match": None,
        **said,
    }
    assert request.headers["Content-Type"] == "image/png"


def test_what_overwrites_itself_expects_nothing(bucket: tuple[Line, Any]) -> None:
    """An answer that is kept beside the task: whoever is first, it is the same."""
    line, client = bucket
    S3Outputs(client, OUTPUT).put("_darkroom/work/1", b"{}", "application/json")

    (request,) = line.sent
    assert not {"If-Match", "If-None-Match"} & set(request.headers)
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (412, "PreconditionFailed"),
        (409, "ConditionalRequestConflict"),
        (409, "OperationAborted"),
        (404, "NoSuchKey"),
    ],
)
def test_a_write_that_found_something_else_is_a_conflict(
    bucket: tuple[Line, Any], status: int, code: str
) -> None:
    """Also when the other one is only just being written, or what was there is gone."""
    line, client = bucket
    line.answers = lambda _: Answer({}, status, code)

    with pytest.raises(Conflict):
        S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", '"e"')


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (403, "AccessDenied")])
def test_a_write_that_was_refused_is_no_conflict(
    bucket: tuple[Line, Any], status: int, code: str
) -> None:
    """Nothing was written by anybody."""
    line, client = bucket
    line.answers = lambda _: Answer({}, status, code)

    with pytest.raises((ClientError, DarkroomError)) as caught:
        S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", None)
    assert not isinstance(caught.value, Conflict)


def test_a_spec_that_is_too_large_is_not_read(bucket: tuple[Line, Any]) -> None:
    """Its length comes first; a limit that is just met is met."""
    line, client = bucket
    body = io.BytesIO(b"x" * 10)

    def large(_request: Request) -> Answer:
        return Answer({**HELD, "ContentLength": 10, "Body": body})

    line.answers = large
    with pytest.raises(DarkroomError) as caught:
        S3Inputs(client, INPUT).read(KEY, VERSION, 9)
    assert caught.value.failure.code == "spec-too-large"
    body = io.BytesIO(b"x" * 10)
    assert S3Inputs(client, INPUT).read(KEY, VERSION, 10) == b"x" * 10
