"""GoAPI's uploads, history, counts, account and webhooks."""

import json
import threading
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import httpx
import pytest

from infra.sandbox.goapi.api.webhooks import is_reachable
from tests.sandbox.goapi_client import JOB_S, TOOLKIT, GoApiClient, as_data, goapi_world, png

UPSCALE = (TOOLKIT, "upscale", {"image": as_data(png())})
LYRICS = ("music-u", "generate_lyrics", {"prompt": "rain"})
WAIT_S = 10.0


class Ear:
    """Hears webhooks: `heard` is headers and body of each, `answers` are the statuses to give."""

    def __init__(self) -> None:
        self.heard: Queue[tuple[dict[str, str], dict[str, Any]]] = Queue()
        self.status = 200
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(ear.status)
                self.send_header("content-length", "0")
                self.end_headers()
                ear.heard.put((headers, json.loads(body)))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?ref=42"


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Listen for webhooks."""
    ear = Ear()
    thread = threading.Thread(target=ear.server.serve_forever, args=(0.05,))
    thread.start()
    yield ear
    ear.server.shutdown()
    thread.join()
    ear.server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[GoApiClient]:
    """Run the sandbox for this file."""
    with goapi_world() as client:
        yield client


@pytest.fixture
def goapi(server: GoApiClient) -> GoApiClient:
    """Give the client in its first state, a day after any earlier test."""
    server.reset()
    server.advance(24 * 3600)
    return server


def test_an_upload_becomes_a_url_that_lives_for_a_day(goapi: GoApiClient) -> None:
    """The bytes come back as they were, without a key, until they expire."""
    url = goapi.upload(png(), "photo.PNG")

    answer = httpx.get(url)
    assert (answer.content, answer.headers["content-type"]) == (png(), "image/png")
    goapi.advance(24 * 3600)
    assert httpx.get(url).status_code == 404


def test_an_upload_may_be_a_data_uri_of_the_same_type(goapi: GoApiClient) -> None:
    """Another type than the name's is refused."""
    data = as_data(png())
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
def test_an_upload_that_is_not_taken_is_a_400(goapi: GoApiClient, name: str, data: object) -> None:
    """Names over 128 characters, other types, and files over 10 MB are refused."""
    body = {"file_name": name, "file_data": data}

    assert goapi.http.post("/api/ephemeral_resource", json=body).status_code == 400


def test_an_upload_is_refused_when_the_plan_is_too_low(goapi: GoApiClient) -> None:
    """With the vendor's words."""
    goapi.set(uploads_in_plan=False)
    body = {"file_name": "a.png", "file_data": "aGk="}
    answer = goapi.http.post("/api/ephemeral_resource", json=body)

    assert answer.status_code == 403
    assert answer.json()["code"] == 403
    assert answer.json()["message"] == "Insufficient plan level"


def test_the_history_lists_ended_tasks_newest_first(goapi: GoApiClient) -> None:
    """A running task has no task_type; its words are finished and failed."""
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


def test_the_history_is_filtered_and_paged(goapi: GoApiClient) -> None:
    """By model word and by time; a page after the last is empty."""
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
def test_the_history_refuses_pages_over_a_hundred_and_unknown_words(
    goapi: GoApiClient, query: dict[str, Any]
) -> None:
    """Each is a 400."""
    assert goapi.http.get("/api/open/tasks/histories", params=query).status_code == 400


def test_every_answer_says_what_time_it_is(goapi: GoApiClient) -> None:
    """By the sandbox's own clock, which a test moves; also one that says no."""
    for path, status in (("/api/open/tasks/histories", 200), ("/api/v1/task/nobody", 404)):
        goapi.advance(3600)
        answer = goapi.http.get(path)
        assert answer.status_code == status
        said = parsedate_to_datetime(answer.headers["date"]).timestamp()
        assert 0 <= _now(goapi) - said <= 1


def test_active_tasks_are_counted_by_family_and_state(goapi: GoApiClient) -> None:
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


def test_the_account_shows_its_credits_and_caps(goapi: GoApiClient) -> None:
    """500 credits are 1 USD."""
    goapi.account(credits=1000)
    goapi.create(*UPSCALE)
    account = goapi.http.get("/account/info").json()["data"]

    assert account["credit_pack_info"]["available_credits"] == 998
    assert account["wallet"]["point_remain"] == 998
    assert account["equivalent_in_usd"] == 998 / 500
    assert account["max_image_toolkit_concurrency"] == account["max_concurrent_task_count"] == 1000


def test_a_webhook_hears_of_the_end_though_nobody_polls(goapi: GoApiClient, ear: Ear) -> None:
    """The body has a time stamp and the task; the secret comes as a header."""
    webhook = {"endpoint": ear.url, "secret": "s3"}
    created = goapi.create(*UPSCALE, webhook_config=webhook).json()["data"]
    goapi.advance(JOB_S)
    headers, body = ear.heard.get(timeout=WAIT_S)

    assert set(body) == {"timestamp", "data"}
    assert body["timestamp"] == _now(goapi)
    assert body["data"] == goapi.task(created["task_id"])
    assert body["data"]["status"] == "completed"
    assert headers["x-webhook-secret"] == "s3"


def test_a_webhook_hears_of_a_failure_and_without_a_secret_has_no_header(
    goapi: GoApiClient, ear: Ear
) -> None:
    """Failed tasks are told as well."""
    config = {"webhook_config": {"endpoint": ear.url}}
    goapi.create(TOOLKIT, "upscale", {"image": "no image"}, **config)
    goapi.advance(JOB_S)
    headers, body = ear.heard.get(timeout=WAIT_S)

    assert body["data"]["status"] == "failed"
    assert "x-webhook-secret" not in headers


def test_a_webhook_hears_of_the_creation_where_the_knob_says_so(
    goapi: GoApiClient, ear: Ear
) -> None:
    """First pending, then the end."""
    goapi.set(webhook_on_creation=True)
    goapi.create(*UPSCALE, webhook_config={"endpoint": ear.url})
    _, first = ear.heard.get(timeout=WAIT_S)
    goapi.advance(JOB_S)
    _, second = ear.heard.get(timeout=WAIT_S)

    assert (first["data"]["status"], second["data"]["status"]) == ("pending", "completed")


def test_a_webhook_is_tried_three_times(goapi: GoApiClient, ear: Ear) -> None:
    """An answer that is no success is a reason to try again; the task does not mind."""
    ear.status = 500
    goapi.set(webhook_retry_s=0)
    task = goapi.create(*UPSCALE, webhook_config={"endpoint": ear.url}).json()["data"]
    goapi.advance(JOB_S)
    heard = [ear.heard.get(timeout=WAIT_S)[1]["data"]["task_id"] for _ in range(3)]

    assert heard == [task["task_id"]] * 3
    assert goapi.task(task["task_id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("endpoint", "reachable"),
    [
        ("https://hook.example.com/?task=1", True),
        ("http://127.0.0.1:8/x", True),
        ("https://hook.invalid/?task=1", False),
        ("https://invalid/", False),
        ("ftp://example.com/", False),
        ("http://[broken/", False),
        ("", False),
    ],
)
def test_only_web_addresses_that_may_be_somebody_s_are_tried(
    endpoint: str, *, reachable: bool
) -> None:
    """Names under `.invalid` are nobody's."""
    assert is_reachable(endpoint) is reachable


def _now(goapi: GoApiClient) -> int:
    return int(goapi.http.get("/_sandbox/clock").json()["now"])


def _history(goapi: GoApiClient, **query: Any) -> dict[str, Any]:
    answer = goapi.http.get("/api/open/tasks/histories", params=query).raise_for_status()
    page: dict[str, Any] = answer.json()["data"]
    return page
