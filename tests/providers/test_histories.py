"""What each vendor's history says of its jobs: documented answers, and others."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.domain.errors import DarkroomError, Unclear
from darkroom.domain.vendor_history import HistoryPage, HistoryRow
from darkroom.providers.adapter import Request
from darkroom.providers.history_rows import MAX_ROWS
from tests.fakes.run_adapter import adapter_of, response_of, run

SINCE_S = 1_700_000_000
AT_S = 1_782_900_000.0  # 2026-07-01T10:00:00Z

APIFRAME_JOB: Mapping[str, Any] = {
    "id": "7f0c2d1e-2b52-4a58-9a1c-0f1b6d9c2e11",
    "status": "COMPLETED",
    "model": "bria-bg-remove",
    "progress": 100,
    "result": {"images": ["https://cdn2.apiframe.ai/images/7f0c-1.png"]},
    "error": None,
    "creditCost": 2,
    "webhookStatus": None,
    "createdAt": "2026-07-01T10:00:00.000Z",
    "completedAt": "2026-07-01T10:00:03.120Z",
    "expired": False,
}
GOAPI_ROW: Mapping[str, Any] = {
    "id": 12,
    "account_id": 1,
    "api_key_id": 1,
    "task_id": "11111111-2222-4333-8444-555555555555",
    "task_model": "image_toolkit",
    "action": "upscale",
    "status": "finished",
    "usage": 40000,
    "usage_type": "llm",
    "service_mode": "public",
    "detail": {"model": "Qubico/image-toolkit", "workflow_type": "upscale"},
    "fixed": False,
    "created_at": "2026-07-01T10:00:00Z",
    "updated_at": "2026-07-01T10:01:00Z",
}
PERFECT_ROW: Mapping[str, Any] = {
    "id": 38173479337460985,
    "timestamp": 1_782_900_000_000,
    "action": "api_background_removal",
    "target_id": "task-1",
    "info": {"credits": [{"id": 24409059381740549, "amount": -1, "amount_dec": -1.5}]},
}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "apiframe": APIFRAME_JOB,
    "goapi": GOAPI_ROW,
    "perfect": PERFECT_ROW,
}


def _body(provider: str, rows: object, more: str | None = None) -> object:
    match provider:
        case "apiframe":
            return {"jobs": rows, "nextCursor": more, "hasMore": more is not None}
        case "goapi":
            data = {"data": rows, "page": 1, "size": 100, "total": 101 if more else 1}
            return {"code": 200, "message": "success", "data": data}
        case _:
            return {"status": 200, "result": {"next_token": more, "history": rows}}


def _read(provider: str, body: object, after: str = "") -> tuple[Request, HistoryPage]:
    steps = adapter_of(provider).history(SINCE_S, after)
    assert steps is not None
    [request], page = run(steps, response_of(200, body))
    return request, page


def _row(provider: str, **changes: object) -> HistoryRow:
    [row] = _read(provider, _body(provider, [{**ROWS[provider], **changes}]))[1].rows
    return row


EXPECTED = {
    "apiframe": HistoryRow(
        APIFRAME_JOB["id"], APIFRAME_JOB["id"], AT_S, 2.0, "charged", "bria-bg-remove"
    ),
    "goapi": HistoryRow(
        GOAPI_ROW["task_id"], GOAPI_ROW["task_id"], AT_S, 2.0, "charged", "image_toolkit upscale"
    ),
    "perfect": HistoryRow(
        "38173479337460985", "task-1", AT_S, -1.5, "charged", "api_background_removal"
    ),
}


@pytest.mark.parametrize("provider", ROWS)
def test_documented_row_is_read(provider: str) -> None:
    """With its job, time, credits, and what it was for."""
    _, page = _read(provider, _body(provider, [ROWS[provider]]))
    assert page.rows == (EXPECTED[provider],)
    assert (page.after, page.unreadable) == ("", 0)


@pytest.mark.parametrize(
    ("provider", "after", "query"),
    [
        ("apiframe", "", {"limit": "100"}),
        ("apiframe", "a cursor&", {"limit": "100", "cursor": "a cursor&"}),
        ("goapi", "", {"page": "1", "page_size": "100", "start_time": str(SINCE_S)}),
        ("goapi", "7", {"page": "7", "page_size": "100", "start_time": str(SINCE_S)}),
        ("perfect", "", {"page_size": "30"}),
        ("perfect", "a token", {"page_size": "30", "starting_token": "a token"}),
    ],
)
def test_page_is_asked_for_as_documented(
    provider: str, after: str, query: Mapping[str, str]
) -> None:
    """The largest page that the vendor allows."""
    request, _ = _read(provider, _body(provider, []), after)
    assert request.method == "GET"
    asked = parse_qs(urlsplit(request.path).query)
    assert {name: value for name, [value] in asked.items()} == query


@pytest.mark.parametrize(
    ("provider", "more", "after"),
    [("apiframe", "cursor-2", "cursor-2"), ("goapi", "yes", "2"), ("perfect", "t2", "t2")],
)
def test_answer_leads_to_the_next_page(provider: str, more: str, after: str) -> None:
    """By cursor, number or token."""
    assert _read(provider, _body(provider, [ROWS[provider]], more))[1].after == after


def test_goapi_without_a_total_goes_on_after_a_full_page_only() -> None:
    """The total is not always there."""
    body = {"code": 200, "data": {"data": [GOAPI_ROW] * 100}}
    assert _read("goapi", body, "3")[1].after == "4"
    body = {"code": 200, "data": {"data": [GOAPI_ROW] * 99}}
    assert _read("goapi", body, "3")[1].after == ""
    assert _read("goapi", {"code": 200, "data": {"data": None, "total": 900}})[1].after == ""


@pytest.mark.parametrize(
    ("provider", "changes", "state", "credits_"),
    [
        ("apiframe", {"status": "FAILED", "creditCost": 0}, "failed", 0.0),
        ("apiframe", {"status": "FAILED"}, "failed", 2.0),
        ("apiframe", {"status": "QUEUED"}, "running", 2.0),
        ("apiframe", {"status": "a new word"}, "running", 2.0),
        ("apiframe", {"creditCost": None}, "charged", None),
        ("apiframe", {"creditCost": -1}, "charged", None),
        ("goapi", {"status": "failed", "usage": 0}, "failed", 0.0),
        ("goapi", {"status": "failed"}, "failed", 2.0),
        ("goapi", {"usage_type": "point"}, "charged", 2.0),
        ("goapi", {"usage_type": "mj"}, "charged", None),
        ("goapi", {"usage_type": ["llm"]}, "charged", None),
        ("perfect", {"info": {"credits": [{"amount": -3}, {"amount": -1}]}}, "charged", -4.0),
        ("perfect", {"info": {"credits": [{"amount": 1, "amount_dec": 1.5}]}}, "charged", 1.5),
    ],
)
def test_state_and_amount(
    provider: str, changes: Mapping[str, object], state: str, credits_: float | None
) -> None:
    """An amount in another unit is none; what runs may still change."""
    row = _row(provider, **changes)
    assert (row.state, row.credits) == (state, credits_)


@pytest.mark.parametrize("action", ["renew", "expire"])
def test_change_of_perfects_account_without_a_task_is_no_job(action: str) -> None:
    """Nor is one without a target."""
    rows = [
        {**PERFECT_ROW, "action": action},
        {**PERFECT_ROW, "target_id": None},
        PERFECT_ROW,
    ]
    _, page = _read("perfect", _body("perfect", rows))
    assert page.rows == (EXPECTED["perfect"],)
    assert page.unreadable == 0


BROKEN: Sequence[object] = (None, 7, "text", [], {}, {"id": None, "task_id": {}, "target_id": []})


@pytest.mark.parametrize("provider", ROWS)
def test_row_that_cannot_be_read_leaves_the_others(provider: str) -> None:
    """It is counted."""
    broken = [each for each in BROKEN if provider != "perfect" or each != {}]  # about no task
    _, page = _read(provider, _body(provider, [*broken, ROWS[provider]]))
    assert page.rows == (EXPECTED[provider],)
    assert page.unreadable == len(broken)


@pytest.mark.parametrize("provider", ROWS)
@pytest.mark.parametrize("time", [None, "", "yesterday", [], -5, 1e300, "9" * 99])
def test_time_that_cannot_be_read_is_none(provider: str, time: object) -> None:
    """The job still counts."""
    name = {"apiframe": "createdAt", "goapi": "created_at", "perfect": "timestamp"}[provider]
    assert _row(provider, **{name: time}).at_s is None


@pytest.mark.parametrize("provider", ROWS)
@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"jobs": 7}, {"code": 200}, {"status": 200, "result": {}}, ["rows"]],
)
def test_answer_without_a_list_is_unclear(provider: str, body: object) -> None:
    """Ask again later: an empty history would make everything ours alone."""
    with pytest.raises(Unclear):
        _read(provider, body)


@pytest.mark.parametrize("provider", ROWS)
def test_page_beyond_all_bounds_is_unclear(provider: str) -> None:
    """No vendor documents such a page."""
    with pytest.raises(Unclear):
        _read(provider, _body(provider, [ROWS[provider]] * (MAX_ROWS + 1)))


@pytest.mark.parametrize("provider", ROWS)
def test_refusal_is_an_error(provider: str) -> None:
    """By its status."""
    steps = adapter_of(provider).history(SINCE_S, "")
    assert steps is not None
    with pytest.raises(DarkroomError):
        run(steps, response_of(500, {"error": "no"}))


def test_snapapi_documents_no_history() -> None:
    """Nothing is asked."""
    assert adapter_of("snapapi").history(SINCE_S, "") is None


def test_goapi_says_which_jobs_it_leaves_out() -> None:
    """The image toolkit v2 is in no list."""
    _, page = _read("goapi", _body("goapi", []))
    assert page.leaves_out == {"image-toolkit-v2"}
