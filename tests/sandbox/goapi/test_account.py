"""GoAPI's uploads, history, counts and account."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.client import run_sandbox
from tests.sandbox.goapi.client import JOB_S, TOOLKIT, GoApiClient
from tests.sandbox.images import as_data, png_photo

UPSCALE = (TOOLKIT, "upscale", {"image": as_data(png_photo())})
LYRICS = ("music-u", "generate_lyrics", {"prompt": "rain"})


@pytest.fixture(scope="module")
def server() -> Iterator[GoApiClient]:
    """Run the sandbox for this file."""
    with run_sandbox("goapi") as running, GoApiClient(running) as client:
        yield client


@pytest.fixture
def goapi(server: GoApiClient) -> GoApiClient:
    """Return the client after a reset, a day after any earlier test."""
    server.reset()
    server.advance(24 * 3600)
    return server


def test_upload_url_is_valid_for_a_day(goapi: GoApiClient) -> None:
    """It returns the same bytes without a key, until it expires."""
    url = goapi.upload(png_photo(), "photo.PNG")

    response = httpx.get(url)
    assert (response.content, response.headers["content-type"]) == (png_photo(), "image/png")
    goapi.advance(24 * 3600)
    assert httpx.get(url).status_code == 404


def test_upload_can_be_a_data_uri_of_the_same_type(goapi: GoApiClient) -> None:
    """Another type than the file name's is refused."""
    data = as_data(png_photo())
    for name, status in (("a.png", 200), ("a.jpg", 400), ("a.mp4", 400)):
        body = {"file_name": name, "file_data": data}
        assert goapi.http.post("/api/ephemeral_resource", json=body).status_code == status


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a" * 125 + ".png", "aGk="),
        ("a.gif", "aGk="),
        ("png", "aGk="),
        ("a.png", "not base64"),
        ("a.png", ""),
        ("", "aGk="),
        ("a.png", 5),
        ("a.png", "A" * (10 * 1024 * 1024 * 4 // 3 + 8)),
    ],
    ids=["long", "gif", "bare", "broken", "empty", "nameless", "number", "large"],
)
def test_invalid_upload_is_a_400(goapi: GoApiClient, name: str, data: object) -> None:
    """Names over 128 characters, other types, and files over 10 MB are refused."""
    body = {"file_name": name, "file_data": data}

    assert goapi.http.post("/api/ephemeral_resource", json=body).status_code == 400


def test_upload_is_refused_without_the_plan(goapi: GoApiClient) -> None:
    """The message is the vendor's."""
    goapi.set(uploads_in_plan=False)
    body = {"file_name": "a.png", "file_data": "aGk="}
    response = goapi.http.post("/api/ephemeral_resource", json=body)

    assert response.status_code == 403
    assert response.json()["code"] == 403
    assert response.json()["message"] == "Insufficient plan level"


def test_history_lists_ended_tasks_newest_first(goapi: GoApiClient) -> None:
    """A running task is not listed; the status words are finished and failed."""
    start = _now(goapi)
    done = goapi.ended(*LYRICS)["task_id"]
    failed = goapi.ended(TOOLKIT, "upscale", {"image": "no image"})["task_id"]
    running = goapi.create(*UPSCALE).json()["data"]["task_id"]
    page = _history(goapi, start_time=start)

    assert [task_type["task_id"] for task_type in page["data"]] == [failed, done]
    assert [task_type["status"] for task_type in page["data"]] == ["failed", "finished"]
    assert (page["page"], page["size"], page["total"]) == (1, 10, 2)
    task_type = page["data"][1]
    assert (task_type["task_model"], task_type["action"], task_type["usage"]) == (
        "music-u",
        "generate_lyrics",
        20000,
    )
    assert task_type["detail"]["model"] == "music-u"
    assert task_type["detail"]["output"]["lyrics_pairs"]
    goapi.set(history_shows_running=True)
    assert _history(goapi, start_time=start)["data"][0]["task_id"] == running


def test_history_is_filtered_and_paged(goapi: GoApiClient) -> None:
    """By model and by time; a page after the last is empty."""
    start = _now(goapi)
    ids = [goapi.ended(*LYRICS)["task_id"] for _ in range(3)]
    goapi.ended(*UPSCALE)

    lyrics = {"model": "music-u", "start_time": start}
    first = _history(goapi, **lyrics, page_size=2)
    second = _history(goapi, **lyrics, page_size=2, page=2)
    third = _history(goapi, **lyrics, page_size=2, page=3)
    found = [
        [task_type["task_id"] for task_type in page["data"]] for page in (first, second, third)
    ]
    assert found == [[ids[2], ids[1]], [ids[0]], []]
    assert first["total"] == 3
    early = _history(goapi, start_time=start, end_time=start + int(JOB_S) - 1)
    assert [task_type["task_id"] for task_type in early["data"]] == [ids[0]]


@pytest.mark.parametrize(
    "query", [{"page_size": 101}, {"page": 0}, {"page_size": "x"}, {"model": "upscale"}]
)
def test_history_refuses_invalid_queries(goapi: GoApiClient, query: dict[str, Any]) -> None:
    """Pages over a hundred and unknown models are a 400."""
    assert goapi.http.get("/api/open/tasks/histories", params=query).status_code == 400


def test_date_header_is_the_sandbox_clock(goapi: GoApiClient) -> None:
    """Also on a refusal."""
    for path, status in (("/api/open/tasks/histories", 200), ("/api/v1/task/nobody", 404)):
        goapi.advance(3600)
        response = goapi.http.get(path)
        assert response.status_code == status
        said = parsedate_to_datetime(response.headers["date"]).timestamp()
        assert 0 <= _now(goapi) - said <= 1


def test_active_tasks_are_counted_by_family_and_status(goapi: GoApiClient) -> None:
    """Ended tasks and other families do not count."""
    for _ in range(2):
        goapi.create("luma", "video_generation", {"prompt": "x"})
    goapi.advance(5)
    goapi.create(*LYRICS)
    goapi.create(*UPSCALE)
    counts = goapi.http.get("/account/active_tasks").json()["data"]

    assert set(counts) == {"flux", "kling", "luma", "midjourney", "music-s", "music-u"}
    assert counts["luma"] == {
        "staged_count": 0,
        "pending_count": 0,
        "processing_count": 2,
        "active_tasks": 2,
    }
    assert counts["music-u"]["pending_count"] == 1
    assert counts["kling"]["active_tasks"] == 0


def test_account_shows_its_credits_and_limits(goapi: GoApiClient) -> None:
    """500 credits are 1 USD."""
    goapi.account(credits=1000)
    goapi.create(*UPSCALE)
    account = goapi.http.get("/account/info").json()["data"]

    assert account["credit_pack_info"]["available_credits"] == 998
    assert account["wallet"]["point_remain"] == 998
    assert account["equivalent_in_usd"] == 998 / 500
    assert account["max_image_toolkit_concurrency"] == account["max_concurrent_task_count"] == 1000


def _history(goapi: GoApiClient, **query: Any) -> dict[str, Any]:
    response = goapi.http.get("/api/open/tasks/histories", params=query).raise_for_status()
    page: dict[str, Any] = response.json()["data"]
    return page


def _now(goapi: GoApiClient) -> int:
    return int(goapi.http.get("/_sandbox/clock").json()["now"])
