"""Reading responses that are not as documented; every one of them may be paid."""

import json

import pytest

from darkroom.domain.errors import DarkroomError, Unclear
from darkroom.domain.order import Input
from darkroom.providers import json_fields, parse_time
from darkroom.providers.adapter import FilePart, Request, Response
from tests.fakes.run_adapter import adapter_of, job_request_of, response_of, route_of, run

BROKEN: list[object] = [
    None,
    [],
    "text",
    7,
    {},
    {"data": []},
    {"data": {}},
    {"data": [None]},
    {"data": [{}]},
    {"data": [{"url": ""}]},
    {"data": [{"url": "outputs/1.png"}]},
    {"data": [{"url": "ftp://a/1.png"}]},
    {"data": [{"url": "http://[/1.png"}]},
    {"output_image_url": None},
    {"output_image_url": 5},
    {"task_id": None},
    {"task_id": "x" * 1001},
]


@pytest.mark.parametrize("body", BROKEN, ids=json.dumps)
def test_missing_image_is_unclear(body: object) -> None:
    """No URL that could be fetched: the call may be paid, and there is no result."""
    work = job_request_of(route_of("snapapi", "remove-background"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, response_of(200, body))


@pytest.mark.parametrize("body", [None, [], {}, {"jobId": None}, {"jobId": ""}, {"jobId": {}}])
def test_job_without_an_id_is_unclear(body: object) -> None:
    """The call was accepted, and the job cannot be polled."""
    work = job_request_of(route_of("apiframe", "upscale"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("apiframe").read_submit(work, response_of(202, body))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("detect-objects", {"session_id": "s"}),
        ("detect-objects", {"detected_objects": {}}),
        ("detect-objects", {"detected_objects": ["cat"]}),
        ("detect-objects", {"detected_objects": [{"accuracy": 1}]}),
        ("detect-objects", {"detected_objects": [{"bbox": [1, 2, 3, 4], "mask": "%%%"}]}),
        ("detect-text", {"mask": ""}),
        ("detect-text", {"mask": None}),
        ("detect-text", {"detected": "yes"}),
        ("detect-text", {"detected": True, "mask": None}),
        ("detect-text", {"detected": True, "mask": ""}),
    ],
)
def test_unreadable_detection_is_unclear(operation: str, body: object) -> None:
    """Half a detection is not one."""
    work = job_request_of(route_of("snapapi", operation), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, response_of(200, body))


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000])
def test_response_that_is_not_json_is_unclear(raw: bytes) -> None:
    """It says nothing about the payment."""
    work = job_request_of(route_of("snapapi", "restore"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, Response(200, {}, raw))


def test_box_is_accepted_for_bbox() -> None:
    """Later pages of the vendor say `box`, the reference `bbox`."""
    work = job_request_of(route_of("snapapi", "detect-objects"), {}, {"image": ["a"]})
    body = {"session_id": "s", "detected_objects": [{"box": [1, 2, 3, 4]}]}
    out = adapter_of("snapapi").read_submit(work, response_of(200, body))
    assert out


def test_job_id_cannot_leave_its_path() -> None:
    """Any id stays one segment."""
    adapter = adapter_of("apiframe")
    made, _ = run(
        adapter.poll(adapter.routes[0], "../me?x=1"), response_of(200, {"status": "QUEUED"})
    )
    assert made[0].path == "/v2/jobs/..%2Fme%3Fx%3D1"


@pytest.mark.parametrize("body", [b"", b"<html>503</html>", b"[]", b'{"error": 7}', b"\xff"])
@pytest.mark.parametrize("name", ["snapapi", "apiframe"])
def test_error_without_json_is_read(name: str, body: bytes) -> None:
    """The status alone decides; a gateway's page is not quoted."""
    error = adapter_of(name).read_error(Response(400, {}, body))
    assert isinstance(error, DarkroomError)
    assert error.failure.code == "provider-refused"
    assert "<html>" not in error.failure.sentence


def test_quote_is_short_and_has_no_url() -> None:
    """A provider's words may have a signed URL, line breaks, or a whole page."""
    said = json_fields.quotable("Could not fetch\n https://s3.test/a?sig=secret now. " + "x" * 500)
    assert said.startswith("Could not fetch (address) now. xxx")
    assert len(said) == json_fields.MAX_QUOTED
    assert said.endswith("…")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("aGVsbG8=", "aGVsbG8="),
        ("aGVsbG8", "aGVsbG8="),
        ("data:image/png;base64,aGVsbG8", "aGVsbG8="),
        ("aGVs\nbG8=\n", "aGVsbG8="),
    ],
)
def test_base64_is_normalized(text: str, clean: str) -> None:
    """A prefix, line breaks and missing padding must not lose a paid mask."""
    assert json_fields.as_base64(text) == clean


@pytest.mark.parametrize("value", [-1, 101, True, "40", 4.5, None])
def test_progress_that_is_not_a_percentage_is_none(value: object) -> None:
    """No progress is better than a wrong one."""
    assert json_fields.progress_or_none(value) is None


@pytest.mark.parametrize("value", [-1, True, "4", None, float("nan"), float("inf")])
def test_credits_that_are_not_an_amount_are_none(value: object) -> None:
    """The price table decides then."""
    assert json_fields.credits_or_none(value) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02T03:04:05Z", 1_767_323_045),
        ("2026-01-02T03:04:05.123456789Z", 1_767_323_045.123456),
        ("2026-01-02T11:04:05+08:00", 1_767_323_045),
        ("2026-01-02T03:04:05", 1_767_323_045),
        ("0001-01-01T00:00:00+08:00", -62_135_625_600),
        ("9999-12-31T23:59:59-12:00", 253_402_343_999),
    ],
)
def test_time_is_read_as_seconds(written: str, read: float) -> None:
    """With or without an offset, with any fraction."""
    assert parse_time.parse_time_s(written) == pytest.approx(read, abs=1e-6)


@pytest.mark.parametrize("value", [None, 7, "", "soon", "2026-13-01", "2026-01-02T03:04:05+99:00"])
def test_invalid_time_is_none(value: object) -> None:
    """It only affects an order."""
    assert parse_time.parse_time_s(value) is None


def test_request_survives_its_text_form() -> None:
    """A repeated request is the intended one, to the last field."""
    part = FilePart("file", Input("a.png", "v1", "e", 3))
    for request in (
        Request("POST", "/v2/x", json={"b": [1, 0.35, None, "ü"], "a": {}}, headers={"K": "v"}),
        Request("POST", "/v1/y", form={"z": "1", "a": "ü"}, files=(part,)),
    ):
        again = Request.from_text(request.to_text())
        assert again == request
        assert again.to_text() == request.to_text()
