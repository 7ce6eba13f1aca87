"""The requests to the buckets: which version, which condition, which lifetime."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.domain.errors import Conflict, DarkroomError, InputRefused
from tests.aws.request_recorder import Answer, Request, RequestRecorder, parse_url
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
def bucket() -> Iterator[tuple[RequestRecorder, Any]]:
    """A recorder and a client whose requests all succeed."""
    recorder = RequestRecorder(answers=lambda _: Answer({**HELD, "Body": io.BytesIO(b"x")}))
    client = recorder.listen(session().client("s3"))
    yield recorder, client
    client.close()


LOOKS: Mapping[str, Callable[[S3Inputs, str], object]] = {
    "read": lambda inputs, version: inputs.read(KEY, version, 9),
    "open": lambda inputs, version: inputs.open(KEY, version).__enter__(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_pinned_file_is_requested_by_its_version(
    bucket: tuple[RequestRecorder, Any], look: str
) -> None:
    """A newer version of the file belongs to another task."""
    recorder, client = bucket
    LOOKS[look](S3Inputs(client, INPUT), VERSION)

    (request,) = recorder.sent
    assert request.operation == "GetObject"
    assert request.query == {"versionId": VERSION}
    assert "If-Match" not in request.headers


@pytest.mark.parametrize("look", LOOKS)
def test_unversioned_file_is_requested_by_its_etag(
    bucket: tuple[RequestRecorder, Any], look: str
) -> None:
    """S3 answers 412 if the content of the key has changed."""
    recorder, client = bucket
    LOOKS[look](S3Inputs(client, INPUT), "etag:e")

    (request,) = recorder.sent
    assert request.headers["If-Match"] == "e"
    assert request.query == {}


def test_find_requests_the_newest_version(
    bucket: tuple[RequestRecorder, Any],
) -> None:
    """Without a version id, and with a HEAD."""
    recorder, client = bucket
    found = S3Inputs(client, INPUT).find(KEY)

    (request,) = recorder.sent
    assert (request.operation, request.query) == ("HeadObject", {})
    assert found
    assert found.version_id == VERSION


def test_presigned_url_is_for_one_version_and_expires(bucket: tuple[RequestRecorder, Any]) -> None:
    """A slow provider must not get the next photo, and the URL must not be valid for days."""
    _, client = bucket
    path, query = parse_url(S3Inputs(client, INPUT).link("photos/cat.jpg", VERSION, 1234))

    assert path.endswith("/photos/cat.jpg")
    assert query["versionId"] == VERSION
    assert query["X-Amz-Expires"] == "1234"


def test_presigned_url_without_versions_has_no_if_match(
    bucket: tuple[RequestRecorder, Any],
) -> None:
    """Only a client that sends the same header could use such a signature."""
    _, client = bucket
    _, query = parse_url(S3Inputs(client, INPUT).link("photos/cat.jpg", "etag:e", 60))

    assert "versionId" not in query
    assert query.get("X-Amz-SignedHeaders", "host") == "host"


@pytest.mark.parametrize(
    ("etag", "condition"), [(None, {"If-None-Match": "*"}), ('"e"', {"If-Match": '"e"'})]
)
def test_result_is_written_with_if_match(
    bucket: tuple[RequestRecorder, Any], etag: str | None, condition: dict[str, str]
) -> None:
    """Otherwise a late older task would overwrite the result of a newer one."""
    recorder, client = bucket
    S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", etag)

    (request,) = recorder.sent
    assert {name: request.headers.get(name) for name in ("If-Match", "If-None-Match")} == {
        "If-Match": None,
        "If-None-Match": None,
        **condition,
    }
    assert request.headers["Content-Type"] == "image/png"


def test_put_has_no_condition(bucket: tuple[RequestRecorder, Any]) -> None:
    """Used for a saved answer: each caller writes the same bytes."""
    recorder, client = bucket
    S3Outputs(client, OUTPUT).put("_darkroom/work/1", b"{}", "application/json")

    (request,) = recorder.sent
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
def test_failed_condition_is_a_conflict(
    bucket: tuple[RequestRecorder, Any], status: int, code: str
) -> None:
    """Also if another write is running, or the object was deleted."""
    recorder, client = bucket
    recorder.answers = lambda _: Answer({}, status, code)

    with pytest.raises(Conflict):
        S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", '"e"')


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (403, "AccessDenied")])
def test_refused_write_is_not_a_conflict(
    bucket: tuple[RequestRecorder, Any], status: int, code: str
) -> None:
    """Nothing was written."""
    recorder, client = bucket
    recorder.answers = lambda _: Answer({}, status, code)

    with pytest.raises((ClientError, DarkroomError)) as caught:
        S3Outputs(client, OUTPUT).put_over("a.png", b"x", "image/png", None)
    assert not isinstance(caught.value, Conflict)


def test_spec_over_the_limit_is_not_read(bucket: tuple[RequestRecorder, Any]) -> None:
    """The length is checked first; a spec of exactly the limit is read."""
    recorder, client = bucket
    body = io.BytesIO(b"x" * 10)

    def large(_request: Request) -> Answer:
        return Answer({**HELD, "ContentLength": 10, "Body": body})

    recorder.answers = large
    with pytest.raises(DarkroomError) as caught:
        S3Inputs(client, INPUT).read(KEY, VERSION, 9)
    assert caught.value.failure.code == "spec-too-large"
    body = io.BytesIO(b"x" * 10)
    assert S3Inputs(client, INPUT).read(KEY, VERSION, 10) == b"x" * 10


def test_deleted_version_is_refused_with_a_next_step() -> None:
    """No retry can help its task."""
    recorder = RequestRecorder(answers=lambda _: Answer({}, 404, "NoSuchVersion"))
    inputs = S3Inputs(recorder.listen(session().client("s3")), INPUT)
    with pytest.raises(InputRefused) as caught, inputs.open("a/cat.jpg", "v1"):
        pass
    failure = caught.value.failure
    assert failure.code == "input-gone"
    assert failure.sentence == "The version of a/cat.jpg that this task uses was deleted."
    assert failure.next_step == "Upload the file again."


def test_reason_of_a_refusal_is_requested_with_the_first_byte() -> None:
    """A HEAD gives no reason, and one byte is enough to get it."""

    def respond(request: Request) -> Answer:
        if request.operation == "HeadObject":
            return Answer({}, 400, "400")
        return Answer({"Body": io.BytesIO(b"x")}, 400, "InvalidRequest")

    recorder = RequestRecorder(answers=respond)
    with pytest.raises(DarkroomError):
        S3Inputs(recorder.listen(session().client("s3")), INPUT).find("a/cat.jpg")
    assert recorder.sent[1].headers["Range"] == "bytes=0-0"
