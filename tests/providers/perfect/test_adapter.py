"""Perfect's adapter by hand: uploads, request ids, a task's status, engine errors."""

import re
from typing import Any

import pytest

from darkroom.domain.errors import ProviderRefused, Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.providers.adapter import Response
from darkroom.providers.perfect.adapter import Perfect, request_id
from darkroom.providers.perfect.errors import ENGINE_ERRORS, read_failure
from tests.fakes.run_adapter import NamedFiles, response_of, run
from tests.providers.perfect.builders import (
    job_request_for,
    registered,
    result_response,
    route_of,
)

STORED = response_of(200, None)

# "Error Codes" of the vendor's document, in its order, and those that its later API added.
DOCUMENTED = (
    *("exceed_max_filesize", "invalid_parameter", "error_download_image", "error_download_mask"),
    *("error_decode_image", "error_decode_mask", "error_nsfw_content_detected", "error_no_face"),
    *("error_pose", "error_face_parsing", "error_inference", "exceed_nsfw_retry_limits"),
    *("error_upload", "error_multiple_people", "error_no_shoulder", "error_large_face_angle"),
    "unknown_internal_error",
)
LATER = (
    *("error_exceed_max_image_size", "error_below_min_image_size", "error_hair_too_short"),
    *("error_bald_image", "error_face_pose", "error_insufficient_landmarks"),
    *("error_unsupport_ratio", "error_download_video", "error_decode_video"),
    *("error_unsupported_video", "size_mismatch_on_input_image_and_mask"),
    *("error_src_no_face", "error_ref_face_too_small", "error_src_large_face_angle"),
    *("error_ref_eye_closed", "error_src_eye_occluded", "error_ref_lip_occluded"),
    *("error_face_position_too_small", "error_face_angle_uplook"),
)


def test_request_id_is_unique_to_its_attempt() -> None:
    """The same for the same attempt, different for every other, and never above 2^53."""
    numbers = {
        request_id(f"{task:032x}", attempt) for task in range(200) for attempt in range(1, 4)
    }
    assert len(numbers) == 600
    assert all(0 <= number < 2**53 for number in numbers)
    assert request_id("ab" * 16, 1) == request_id("ab" * 16, 1)


def test_file_is_uploaded_with_the_given_headers() -> None:
    """URL, method and headers are the vendor's; a length may be a number."""
    placed = registered("https://s3.test/a?X=1", Content_Type="image/jpeg", Content_Length=50)
    made, _ = run(Perfect().prepare(job_request_for("colorize"), NamedFiles()), placed, STORED)
    put = made[1]
    assert (put.method, put.path, put.is_external) == ("PUT", "https://s3.test/a?X=1", True)
    assert dict(put.headers) == {"Content-Type": "image/jpeg", "Content-Length": "50"}
    assert put.content is not None
    assert put.content.key == "image.jpg"


def test_newer_file_api_gets_the_size() -> None:
    """A setting; the rest is unchanged."""
    adapter = Perfect({"file_version": "v1.1"})
    steps = adapter.prepare(job_request_for("colorize", adapter=adapter), NamedFiles())
    made, request = run(steps, registered(), STORED)
    assert made[0].path == "/s2s/v1.1/file/colorize"
    assert made[0].json == {
        "files": [{"content_type": "image/jpeg", "file_name": "image.jpg", "file_size": 1}]
    }
    assert request.path == "/s2s/v1.0/task/colorize"


@pytest.mark.parametrize(
    "response",
    [
        result_response(),
        result_response(files=[]),
        result_response(files=[{"file_id": "F1", "requests": []}]),
        registered(url="not an address"),
        registered(method="DELETE"),
        registered(Content_Type=["image/jpeg"]),
        response_of(200, []),
        response_of(500, {"status": 500, "error": "Task execution timed out"}),
    ],
)
def test_unreadable_registration_is_unclear(response: Response) -> None:
    """It is free, so the driver turns that into `Busy`."""
    with pytest.raises(Unclear):
        run(Perfect().prepare(job_request_for("colorize"), NamedFiles()), response)


def test_registration_without_a_file_id_is_unclear() -> None:
    """The task could not name the file."""
    nameless = result_response(
        files=[{"requests": [{"method": "PUT", "url": "https://s3.test/a", "headers": {}}]}]
    )
    with pytest.raises(Unclear):
        run(Perfect().prepare(job_request_for("colorize"), NamedFiles()), nameless, STORED)


@pytest.mark.parametrize("status", [400, 403, 411, 500, 503])
def test_refused_upload_is_unclear(status: int) -> None:
    """The URL may have expired, whatever the store says; a retry registers again."""
    with pytest.raises(Unclear) as caught:
        run(
            Perfect().prepare(job_request_for("colorize"), NamedFiles()),
            registered(),
            response_of(status, None),
        )
    assert caught.value.failure.code == "upload-failed"


@pytest.mark.parametrize("pause", [None, 0, -5, "1000", True, {}])
def test_invalid_polling_interval_is_ignored(pause: object) -> None:
    """Milliseconds above 0, or the product's own interval."""
    _, out = run(
        Perfect().poll(route_of("aging"), "T"),
        result_response(status="running", polling_interval=pause),
    )
    assert out == Pending(None, None)


def test_unknown_status_word_is_pending() -> None:
    """The job's own deadline ends it."""
    _, out = run(Perfect().poll(route_of("aging"), "T"), result_response(status="dreaming"))
    assert out == Pending(None, None, "dreaming")


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"status": "success"},
        {"status": "success", "results": None},
        {"status": "success", "results": []},
        {"status": "success", "results": [{"id": 0, "data": []}]},
        {"status": "success", "results": [{"id": 0}]},
        {"status": "success", "results": [{"id": 0, "data": [{"dst_id": "D"}]}]},
        {"status": "success", "results": [{"id": 0, "data": [{"url": "a.jpg"}]}]},
        {"status": 7},
    ],
)
def test_unreadable_end_is_unclear(result: dict[str, Any]) -> None:
    """The job is paid; it is polled again."""
    with pytest.raises(Unclear):
        run(Perfect().poll(route_of("aging"), "T"), result_response(**result))


def test_only_the_documented_code_means_a_lost_job() -> None:
    """Another 400 says nothing about the job."""
    other = response_of(400, {"status": 400, "error": "Invalid task ID"})
    with pytest.raises(ProviderRefused):
        run(Perfect().poll(route_of("aging"), "T"), other)


def test_large_recommendation_is_left_out() -> None:
    """The image counts; the rest would fill the task's item."""
    data = [{"url": "https://s3.test/a.jpg"}]
    results = [{"id": 0, "data": data, "custom_info": {"text": "x" * 10_000}, "note": [1]}]
    _, out = run(
        Perfect().poll(route_of("makeup-transfer"), "T"),
        result_response(status="success", results=results),
    )
    assert getattr(out, "facts", None) == {"note": [1]}


@pytest.mark.parametrize("code", [*DOCUMENTED, *LATER])
def test_every_engine_error_has_a_code_and_a_sentence(code: str) -> None:
    """The code is stable and kebab-case; the sentence is for users, without the vendor's word."""
    end = read_failure(code, None)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", end.code)
    assert end.code != "job-failed"
    assert re.fullmatch(r"Perfect Corp [a-z][^{}_]+\.", end.sentence)
    assert end.charged == "no"


def test_table_has_every_documented_engine_error() -> None:
    """Seventeen."""
    assert len(DOCUMENTED) == 17
    assert set(DOCUMENTED) <= ENGINE_ERRORS.keys()


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        ("error_new", None, "Perfect Corp could not do it: error_new."),
        ("error_new", "It rained.", "Perfect Corp could not do it: It rained."),
        ("error_src_new", None, "Perfect Corp could not do it: error_src_new."),
        ("no_face", None, "Perfect Corp could not do it: no_face."),
        (None, None, "Perfect Corp could not do it."),
        (7, {}, "Perfect Corp could not do it."),
    ],
)
def test_unknown_engine_error_is_quoted(code: object, message: object, sentence: str) -> None:
    """The message first, else the code."""
    assert read_failure(code, message) == JobFailed("job-failed", sentence, "no")


def test_server_error_is_unclear_whatever_its_code() -> None:
    """Only a client's error means that nothing was accepted."""
    error = Perfect().read_error(
        response_of(500, {"status": 500, "error_code": "CreditInsufficiency"})
    )
    assert isinstance(error, Unclear)
