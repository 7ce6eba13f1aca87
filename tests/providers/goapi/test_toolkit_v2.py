"""GoAPI's image toolkit v2: its own words, and results where its page shows them.

The page is "Image Editing API" (goapi.ai/docs): "Fetch API", "Status List".
"""

from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import AccountBlocked, Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.domain.routes import Route
from darkroom.providers.goapi.adapter import GoApi
from tests.fakes.run_adapter import response_of, run

ADAPTER = GoApi()
JOB_ID = "40307027-c713-4314-9c29-49e7f591733c"
URL = "https://img.midjourneyapi.xyz/temp/c8dd89d1-1d5f-47e1-8649-9.png"


def route_of(operation: str) -> Route:
    """The toolkit's route for an operation."""
    return next(
        route
        for route in ADAPTER.routes
        if (route.operation, route.model) == (operation, "image-toolkit-v2")
    )


def fetched(
    status: object, result: object, operation: str = "upscale"
) -> Pending | Finished | JobFailed:
    """The outcome of a poll with this response."""
    body = {"code": 200, "data": {"task_id": JOB_ID, "status": status, "task_result": result}}
    made, out = run(ADAPTER.poll(route_of(operation), JOB_ID), response_of(200, body))
    assert [(one.method, one.path) for one in made] == [("POST", "/api/image_toolkit/v2/fetch")]
    assert made[0].json == {"task_id": JOB_ID}
    return out


@pytest.mark.parametrize("word", ["pending", "starting", "processing", "retry", " Retry "])
def test_unfinished_task_is_pending(word: str) -> None:
    """The vendor retries the download of a photo."""
    assert fetched(word, None) == Pending()


def test_unknown_status_word_is_noted() -> None:
    """The task is pending, and the word is on it."""
    assert fetched("New", None) == Pending(note="New")


def test_image_is_in_its_documented_field() -> None:
    """The amount beside it is in an undocumented unit."""
    result = {"used_credits": 3, "error_messages": [], "task_output": _one()}
    assert fetched("success", result) == Finished((ResultRef("image", url=URL),))


def test_segmentation_has_several_masks() -> None:
    """All of them, in order."""
    urls = [f"https://a.test/{number}.png" for number in range(4)]
    result = {"task_output": {"image_base64s": None, "image_urls": urls}}
    end = fetched("success", result, "segment")
    assert isinstance(end, Finished)
    assert [one.url for one in end.results] == urls


@pytest.mark.parametrize(
    "result",
    [None, {}, {"task_output": None}, {"task_output": {"image_url": ""}}, {"task_output": {}}],
)
def test_finished_task_without_an_image_is_polled_again(result: object) -> None:
    """There is no result to deliver yet."""
    with pytest.raises(Unclear):
        fetched("success", result)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        ({"error_messages": ["no face."]}, "GoAPI could not do it: no face."),
        ({"error_messages": []}, "GoAPI could not do it."),
        (None, "GoAPI could not do it."),
    ],
)
def test_failed_task_quotes_its_cause(result: object, sentence: str) -> None:
    """The first of its messages."""
    assert fetched("failed", result) == JobFailed("job-failed", sentence, "unknown")


def test_unknown_task_is_lost() -> None:
    """By HTTP's status or by the envelope's code."""
    unknown = [response_of(404, {}), response_of(200, {"code": 404, "message": "no"})]
    # The page names 400, and no 404; the question itself is always well formed.
    for response in (*unknown, response_of(400, {})):
        _, out = run(ADAPTER.poll(route_of("upscale"), JOB_ID), response)
        assert isinstance(out, JobFailed)
        assert out.code == "job-lost"


@pytest.mark.parametrize("response", [response_of(403, {}), response_of(200, {"code": 401})])
def test_refused_poll_raises(response: Any) -> None:
    """The driver waits: no refusal of a free call ends a paid job."""
    with pytest.raises(AccountBlocked):
        run(ADAPTER.poll(route_of("upscale"), JOB_ID), response)


def test_limits_of_images_are_as_documented() -> None:
    """2048 pixels a side, 3072 for segments; none is documented for the background."""
    longest = {
        route.operation: route.roles["image"].sides.max_longer
        for route in ADAPTER.routes
        if route.model == "image-toolkit-v2"
    }
    assert longest == {
        "upscale": 2048,
        "remove-background": None,
        "segment": 3072,
        "face-swap": 2048,
    }


def _one() -> Mapping[str, Any]:
    return {"image_base64": "", "image_url": URL}
