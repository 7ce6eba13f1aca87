"""Results and job ids in undocumented forms: a paid result is not lost."""

import base64

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Unclear
from darkroom.domain.provider_jobs import Accepted
from darkroom.providers import json_fields
from darkroom.providers.result_refs import find_results
from tests.fakes.run_adapter import (
    adapter_of,
    error_of,
    job_request_of,
    response_of,
    route_of,
    run,
)
from tests.providers.job_responses import JOBS, poll_outcome, submit_outcome

URL = "https://cdn.example.com/1.png"
BYTES = b"\x89PNG\r\n\x1a\n" + bytes([0xFB, 0xFF]) * 29 + b"!"
PIXEL = base64.b64encode(BYTES).decode()
URL_SAFE = base64.urlsafe_b64encode(BYTES).decode()
WORD = {
    "apiframe": "COMPLETED",
    "goapi": "completed",
    "goapi-v2": "success",
    "perfect": "success",
    "snapapi": "COMPLETED",
}
FORMS: dict[str, object] = {
    "data URI": f"data:image/png;base64,{PIXEL}",
    "loud data URI": f" DATA:image/png;charset=x;BASE64,{PIXEL}",
    "data URI in percent": f"data:image/png;base64,{PIXEL.replace('+', '%2B').replace('=', '%3D')}",
    "bare base64": PIXEL,
    "without padding": PIXEL.rstrip("="),
    "URL-safe": URL_SAFE,
    "line breaks": "\r\n".join(PIXEL[at : at + 20] for at in range(0, len(PIXEL), 20)),
    "object with base64": {"image_base64": PIXEL},
    "object with an empty address": {"url": "", "b64_json": PIXEL},
    "list of a data URI": [f"data:image/png;base64,{PIXEL}"],
}
ADDRESSES: dict[str, object] = {
    "address": URL,
    "address with space": f" {URL}\n",
    "object": {"url": URL},
    "object in an object": {"image": {"url": URL}},
    "list": [URL],
    "list of objects": [{"url": URL, "width": 4}],
    "list in a list": [[{"url": URL}]],
}


@pytest.mark.parametrize("kind", JOBS)
def test_result_is_found_in_any_form(kind: str) -> None:
    """Bytes in place of the URL, in every encoding; a URL alone, in an object or in a list."""
    assert base64.b64decode(PIXEL, validate=True) == BYTES
    for form, value in FORMS.items():
        outcome = poll_outcome(kind, WORD[kind], value)
        assert isinstance(outcome, Finished), form
        assert outcome.results == (ResultRef("image", data=PIXEL),), form
    for form, value in ADDRESSES.items():
        outcome = poll_outcome(kind, WORD[kind], value)
        assert isinstance(outcome, Finished), form
        assert outcome.results == (ResultRef("image", url=URL),), form


@pytest.mark.parametrize("kind", JOBS)
def test_other_values_are_no_results(kind: str) -> None:
    """The job is polled again."""
    for value in (
        *(None, "", "  ", 7, True, [], {}, [None], {"url": ""}),
        *("outputs/1.png", "soon", "%%%", "AAAA"),
    ):
        assert isinstance(error_of(poll_outcome, kind, WORD[kind], value), Unclear), value


def test_covers_and_grids_are_no_results() -> None:
    """Only fields that hold the result itself count."""
    for name in ("cover_url", "gridUrl", "thumbnail", "last_frame", "poster"):
        assert find_results({name: URL}, "image") == ()


def test_deeply_nested_value_is_no_result() -> None:
    """A few levels are searched."""
    deep: object = URL
    for _ in range(50):
        deep = {"data": [deep]}
    assert find_results(deep, "image") == ()


@pytest.mark.parametrize("kind", JOBS)
def test_job_id_can_be_a_number_or_in_an_object(kind: str) -> None:
    """The job is paid, and can be polled; without an id the call is unclear."""
    for job_id, text in (
        *((7, "7"), (7.0, "7"), (10**38, str(10**38)), (0, "0"), (" job 1 ", "job 1")),
        *(({"id": "j"}, "j"), ({"task_id": 7}, "7"), (["j"], "j")),
    ):
        outcome = submit_outcome(kind, job_id)
        assert isinstance(outcome, Accepted), job_id
        assert outcome.job_id == text
    nothing: tuple[object, ...] = (None, "", " ", True, [], {}, ["a", "b"], "x" * 1001)
    for value in nothing:
        assert isinstance(error_of(submit_outcome, kind, value), Unclear), value


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ([{"output_image_url": URL}], {"url": URL}),
        ({"data": {"url": URL}}, {"url": URL}),
        ({"data": URL}, {"url": URL}),
        ({"data": [None, {"url": URL}]}, {"url": URL}),
        ({"data": [{"b64_json": PIXEL}]}, {"data": PIXEL}),
        ({"output_image_url": {"url": URL}}, {"url": URL}),
        ({"output_image_url": "", "image_base64": PIXEL}, {"data": PIXEL}),
        ({"output_images": [PIXEL]}, {"data": PIXEL}),
        ({"edited_image": {"image": PIXEL, "mask": "x"}}, {"data": PIXEL}),
        ({"error": {"code": 400}, "data": [{"url": URL}]}, {"url": URL}),
    ],
)
def test_image_in_a_response_is_found(body: object, found: dict[str, str]) -> None:
    """SnapAPI returns results at once, without a job that could be polled."""
    work = job_request_of(route_of("snapapi", "restore"), {}, {"image": ["a"]})
    outcome = adapter_of("snapapi").read_submit(work, response_of(200, body))
    assert isinstance(outcome, Finished)
    assert outcome.results == (ResultRef("image", **found),)


def test_response_decides_between_a_job_and_a_result() -> None:
    """Whatever the endpoint is documented to return: both are paid."""
    adapter = adapter_of("snapapi")
    at_once = job_request_of(route_of("snapapi", "restore"), {}, {"image": ["a"]})
    assert adapter.read_submit(at_once, response_of(200, {"task_id": 7})) == Accepted("7")
    later = job_request_of(
        route_of("snapapi", "edit", "flux-kontext"), {"prompt": "x"}, {"image": ["a"]}
    )
    outcome = adapter.read_submit(later, response_of(200, {"data": [{"url": URL}]}))
    assert isinstance(outcome, Finished)


@pytest.mark.parametrize(
    ("body", "detected", "masks"),
    [
        ({"detected": True, "mask": URL_SAFE}, True, [PIXEL]),
        ({"detected": "True", "mask": f"data:image/png;base64,{PIXEL}"}, True, [PIXEL]),
        ({"detected": 1, "mask": {"data": PIXEL}}, True, [PIXEL]),
        ({"mask": PIXEL}, True, [PIXEL]),
        ({"detected": "false", "mask": None}, False, []),
        ({"detected": 0}, False, []),
    ],
)
def test_mask_is_found_in_any_form(body: object, detected: bool, masks: list[str]) -> None:  # noqa: FBT001 - what was seen
    """A flag can be a word or a number, and a mask implies it."""
    work = job_request_of(route_of("snapapi", "detect-text"), {}, {"image": ["a"]})
    outcome = adapter_of("snapapi").read_submit(work, response_of(200, body))
    assert isinstance(outcome, Finished)
    assert outcome.facts == {"detected": detected}
    assert [ref.data for ref in outcome.results if ref.kind == "image"] == masks


def test_single_detected_object_needs_no_list() -> None:
    """It is paid like several."""
    work = job_request_of(route_of("snapapi", "detect-objects"), {}, {"image": ["a"]})
    body = {"detected_objects": {"bbox": [1, 2, 3, 4], "mask": PIXEL}}
    outcome = adapter_of("snapapi").read_submit(work, response_of(200, body))
    assert isinstance(outcome, Finished)
    assert [ref.kind for ref in outcome.results] == ["json", "image"]


@pytest.mark.parametrize("results", [URL, [URL], {"url": URL}, {"output": [{"url": URL}]}])
def test_perfect_results_can_lack_their_wrapper(results: object) -> None:
    """As in its later API, or without any object."""
    body = {"status": 200, "result": {"status": "success", "results": results}}
    steps = adapter_of("perfect").poll(route_of("perfect", "upscale"), "T")
    _, outcome = run(steps, response_of(200, body))
    assert isinstance(outcome, Finished)
    assert outcome.results == (ResultRef("image", url=URL),)


@pytest.mark.parametrize("output", [URL, [URL], {"image_base64": "", "image_url": URL}])
def test_goapi_output_can_be_the_bare_result(output: object) -> None:
    """An object for a text, and the reverse."""
    body = {"code": 200, "data": {"task_id": "t", "status": "completed", "output": output}}
    _, outcome = run(
        adapter_of("goapi").poll(route_of("goapi", "upscale"), "t"), response_of(200, body)
    )
    assert isinstance(outcome, Finished)
    assert outcome.results == (ResultRef("image", url=URL),)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("TRUE", True), (0, False), (" false", False), ("yes", None), (2, None)],
)
def test_flag_is_read_or_none(value: object, flag: bool | None) -> None:  # noqa: FBT001 - the flag
    """Other values are not guessed at."""
    assert json_fields.bool_or_none(value) is flag
