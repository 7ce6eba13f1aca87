"""Reading answers that are not what was promised; every one of them may have been paid."""

import json

import pytest

from darkroom.domain.errors import DarkroomError, Unclear
from darkroom.domain.order import Input
from darkroom.providers import untrusted_json
from darkroom.providers.adapter import Answer, FilePart, Request
from darkroom.providers.goapi import times
from tests.fakes.run_adapter import adapter_of, answer_of, route_of, run, work_of

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
def test_a_picture_that_is_not_there_is_unclear(body: object) -> None:
    """No URL that could be fetched: the call may be paid, and there is nothing to show."""
    work = work_of(route_of("snapapi", "remove-background"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, answer_of(200, body))


@pytest.mark.parametrize("body", [None, [], {}, {"jobId": None}, {"jobId": ""}, {"jobId": {}}])
def test_a_job_without_a_name_is_unclear(body: object) -> None:
    """Something was accepted, but nobody can ask for it."""
    work = work_of(route_of("apiframe", "upscale"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("apiframe").read_submit(work, answer_of(202, body))


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
def test_a_detection_that_cannot_be_read_is_unclear(operation: str, body: object) -> None:
    """Half of a detection is none."""
    work = work_of(route_of("snapapi", operation), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, answer_of(200, body))


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000])
def test_an_answer_that_is_no_json_is_unclear(raw: bytes) -> None:
    """Broken text after a paid call says nothing about the money."""
    work = work_of(route_of("snapapi", "restore"), {}, {"image": ["a"]})
    with pytest.raises(Unclear):
        adapter_of("snapapi").read_submit(work, Answer(200, {}, raw))


def test_an_older_box_is_as_good_as_a_newer_one() -> None:
    """Later pages of the vendor say `box` where the reference says `bbox`."""
    work = work_of(route_of("snapapi", "detect-objects"), {}, {"image": ["a"]})
    body = {"session_id": "s", "detected_objects": [{"box": [1, 2, 3, 4]}]}
    out = adapter_of("snapapi").read_submit(work, answer_of(200, body))
    assert out


def test_a_job_id_cannot_leave_its_path() -> None:
    """Whatever the provider called its job, it stays one segment."""
    adapter = adapter_of("apiframe")
    made, _ = run(
        adapter.poll(adapter.routes[0], "../me?x=1"), answer_of(200, {"status": "QUEUED"})
    )
    assert made[0].path == "/v2/jobs/..%2Fme%3Fx%3D1"


@pytest.mark.parametrize("body", [b"", b"<html>503</html>", b"[]", b'{"error": 7}', b"\xff"])
@pytest.mark.parametrize("name", ["snapapi", "apiframe"])
def test_a_refusal_needs_no_words(name: str, body: bytes) -> None:
    """The status alone decides; a gateway's page is not quoted."""
    error = adapter_of(name).refuse(Answer(400, {}, body))
    assert isinstance(error, DarkroomError)
    assert error.failure.code == "provider-refused"
    assert "<html>" not in error.failure.sentence


def test_a_quoted_sentence_is_short_and_holds_no_address() -> None:
    """A provider's words may hold a signed URL, line breaks, or a whole page."""
    said = untrusted_json.quotable(
        "Could not fetch\n https://s3.test/a?sig=secret now. " + "x" * 500
    )
    assert said.startswith("Could not fetch (address) now. xxx")
    assert len(said) == untrusted_json.QUOTED
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
def test_base64_is_put_in_order(text: str, clean: str) -> None:
    """A prefix, line breaks and missing padding are no reason to lose a paid mask."""
    assert untrusted_json.as_base64(text) == clean


@pytest.mark.parametrize("value", [-1, 101, True, "40", 4.5, None])
def test_a_progress_that_is_no_percentage_is_none(value: object) -> None:
    """The bar shows nothing rather than nonsense."""
    assert untrusted_json.progress_of(value) is None


@pytest.mark.parametrize("value", [-1, True, "4", None, float("nan"), float("inf")])
def test_credits_that_are_no_amount_are_none(value: object) -> None:
    """The price table then has the word."""
    assert untrusted_json.credits_of(value) is None


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
def test_a_time_is_read_as_seconds(written: str, read: float) -> None:
    """With an offset or without, to whatever fraction; what was never is the year one."""
    assert times.time_s_of(written) == pytest.approx(read, abs=1e-6)


@pytest.mark.parametrize("value", [None, 7, "", "soon", "2026-13-01", "2026-01-02T03:04:05+99:00"])
def test_a_time_that_is_none_is_none(value: object) -> None:
    """Nothing depends on it alone."""
    assert times.time_s_of(value) is None


def test_a_request_survives_being_kept_as_text() -> None:
    """What is sent again is what was intended, to the last field."""
    part = FilePart("file", Input("a.png", "v1", "e", 3))
    for request in (
        Request("POST", "/v2/x", json={"b": [1, 0.35, None, "ü"], "a": {}}, headers={"K": "v"}),
        Request("POST", "/v1/y", form={"z": "1", "a": "ü"}, files=(part,)),
    ):
        again = Request.from_text(request.to_text())
        assert again == request
        assert again.to_text() == request.to_text()
