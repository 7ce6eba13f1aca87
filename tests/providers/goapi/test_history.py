"""Finding a task at GoAPI whose paid call got no response: which pages, which tasks, how many."""

from itertools import accumulate

import pytest

from darkroom.domain.errors import AccountBlocked, DarkroomError, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.paid_call.settle_unclear import LOOK_UP_FOR
from darkroom.providers.goapi.history import ASKED, EARLIER_S, FURTHER, NEAREST, PAGES
from tests.fakes.run_adapter import job_request_of, response_of, run
from tests.providers.goapi.history_pages import (
    ADAPTER,
    ENDPOINT,
    SINCE_S,
    Account,
    data_response,
    rows,
    stamp,
)

LOOKS = sum(
    after_s <= LOOK_UP_FOR.total_seconds()
    for after_s in accumulate(backoff_s(history) for history in range(1, 100))
)
"""How many looks there are before a call is given up, when each takes no time."""


def test_task_is_identified_by_its_whole_webhook_url() -> None:
    """Another attempt's URL begins alike; here it is asked about first."""
    account = Account(rows(3), "t1")
    assert account.look() == Accepted("t1")
    assert account.asked == ["t0", "t1"]
    assert account.history.endswith("&model=image_toolkit")


def test_empty_history_finds_nothing() -> None:
    """It has null in place of its rows."""
    account = Account([])
    assert account.look() is None
    assert (account.pages, account.asked) == ([1], [])


def test_model_without_a_filter_word_searches_all_tasks() -> None:
    """The history's list of words is older than many models."""
    account = Account([("t0", "txt2img", 1)], "t0")
    assert account.look("Qubico/z-image:txt2img") == Accepted("t0")
    assert "model=" not in account.history


def test_tasks_of_the_same_type_come_first() -> None:
    """The others follow, as the history may use another word."""
    account = Account(
        [("new", "upscale", 9), ("same", "background-remove", 8), ("old", "upscale", 2)], "new"
    )
    assert account.look() == Accepted("new")
    assert account.asked == ["same", "old", "new"]


def test_tasks_nearest_to_the_call_come_first() -> None:
    """Before or after it: the vendor's clock may differ by some seconds."""
    history = {"early": -30, "before": -3, "at": 0.5, "after": 2, "late": 40}
    made = [(name, "background-remove", at) for name, at in reversed(history.items())]
    account = Account([("timeless", "background-remove", None), *made])
    assert account.look() is None
    assert account.asked == ["at", "after", "before", "early", "late", "timeless"]


@pytest.mark.parametrize("written", ["2023-11-14T22:13:21", "2023-11-15T06:13:21+08:00"])
def test_time_is_read_in_any_notation(written: str) -> None:
    """With an offset, or without one in UTC; a task without a valid time comes last."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    history = {
        "none": "soon",
        "unset": "0001-01-01T00:00:00Z",
        "a": stamp(SINCE_S + 2),
        "b": written,
    }
    listed = [{"task_id": name, "created_at": at} for name, at in history.items()]
    steps = ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S)
    made, _ = run(steps, data_response({"data": listed, "total": 4}), *[data_response({})] * 4)
    asked = [request.path.rpartition("/")[2] for request in made[1:]]
    assert asked == ["b", "a", "unset", "none"]


@pytest.mark.parametrize("lag_s", [-3, 0, 3])
@pytest.mark.parametrize("moment_s", [0, 17, 59])
def test_first_look_up_finds_the_task_among_two_hundred_of_the_same_minute(
    moment_s: float, lag_s: float
) -> None:
    """Of the same type, wherever in that minute the call was, and with a different clock."""
    made = rows(200, every_s=0.3, first_s=lag_s - moment_s)
    ours = f"t{int(moment_s / 0.3)}"
    account = Account(made, ours)
    assert account.look() == Accepted(ours)
    assert len(account.asked) <= ASKED


def test_all_look_ups_together_find_the_task_among_two_hundred() -> None:
    """A slow server may have created it late; there is time to ask about all of them."""
    account = Account(rows(200, every_s=0.3, first_s=0.1))
    read: set[str] = set()
    for before in range(LOOKS):
        account.asked.clear()
        assert account.look(before=before) is None
        assert len(account.asked) <= ASKED
        read |= {*account.asked}
    assert read == {name for name, _, _ in account.rows}


def test_late_task_is_found_by_the_look_up_for_its_part() -> None:
    """Not by the one before, and, if that look-up fails, in the next round."""
    account = Account(rows(200, every_s=0.3, first_s=0.1), f"t{NEAREST + 3 * FURTHER}")
    found = [before for before in range(12) if account.look(before=before) is not None]
    assert found == [3, 9]


def test_nearest_tasks_are_asked_about_every_time() -> None:
    """A task may have been listed only a moment ago."""
    account = Account(rows(300, every_s=0.2, first_s=0.1))
    for before in range(LOOKS):
        account.asked.clear()
        account.look(before=before)
        assert account.asked[:NEAREST] == [f"t{number}" for number in range(NEAREST)]


def test_look_ups_cover_all_parts_in_turn() -> None:
    """One part after the other, a short last one included, and then from the beginning."""
    account = Account(rows(NEAREST + 15 * FURTHER + 1, every_s=0.1, first_s=0.1))
    first = []
    for before in range(18):
        account.asked.clear()
        account.look(before=before)
        first.append(int(account.asked[NEAREST][1:]))
    assert [(number - NEAREST) / FURTHER for number in first] == [*range(16), 0, 1]


@pytest.mark.parametrize("count", [1, NEAREST, ASKED])
def test_short_history_is_asked_about_completely_every_time(count: int) -> None:
    """However many look-ups there were before."""
    account = Account(rows(count, every_s=0.3, first_s=0.1))
    for before in (0, 1, 7, 1000):
        account.asked.clear()
        account.look(before=before)
        assert account.asked == [f"t{number}" for number in range(count)]


def test_busy_account_is_read_around_the_time_of_the_call() -> None:
    """Newer tasks are on earlier pages, older ones on later pages."""
    account = Account(rows(5000, every_s=0.02, first_s=0.01 - EARLIER_S), "t3001")
    assert account.look() == Accepted("t3001")
    assert account.pages == [1, 1, 19, 20, 21, 22, 23]


def test_busy_account_is_read_to_its_end_for_the_oldest_call() -> None:
    """Hours later all earlier pages have newer tasks."""
    account = Account(rows(950, every_s=60, first_s=1), "t0")
    assert account.look() == Accepted("t0")
    assert account.pages == [1, 1, 6, 7, 8, 9, 10]


def test_page_is_not_read_twice() -> None:
    """The newest page is known already right after the call."""
    account = Account(rows(950, every_s=0.06, first_s=-57), "t949")
    assert account.look() == Accepted("t949")
    assert account.pages == [1, 1, 2, 3, 4, 5]


def test_task_shifted_to_the_next_page_is_asked_about_once() -> None:
    """New tasks were created between two pages."""
    account = Account([*rows(100, every_s=0.1, first_s=1), ("t0", "background-remove", 1)])
    assert account.look() is None
    assert account.asked == [f"t{number}" for number in range(ASKED)]


def test_look_up_is_limited() -> None:
    """In tasks and in pages, whatever the account did since."""
    account = Account(rows(950))
    assert account.look() is None
    assert len(account.asked) == ASKED
    empty = Account([], total=10**9)
    assert empty.look() is None
    assert len(empty.pages) == 2 + PAGES


def test_deleted_task_is_skipped() -> None:
    """The history lists tasks longer than they exist."""
    account = Account([("t1", "background-remove", 2), ("gone", "background-remove", 1)], "t1")
    assert account.look() == Accepted("t1")
    assert account.asked == ["gone", "t1"]


def test_rows_without_an_id_are_skipped() -> None:
    """They cannot be asked about."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    odd = data_response(
        {"data": [None, 7, {}, {"task_id": ""}, {"task_id": True}], "total": "many"}
    )
    made, out = run(ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S), odd)
    assert (len(made), out) == (1, None)


@pytest.mark.parametrize("config", [None, [], {}, {"webhook_config": None}, {"webhook_config": {}}])
def test_task_without_a_webhook_does_not_match(config: object) -> None:
    """Another client created it."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    listed = data_response({"data": [{"task_id": "t", "action": "x"}], "total": 1})
    _, out = run(
        ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S),
        listed,
        data_response({"task_id": "t", "config": config}),
    )
    assert out is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, AccountBlocked),
        (429, {}, Throttled),
        (500, {}, Unclear),
        (200, {"code": 500}, Unclear),
        (200, {"code": 200, "data": {"data": {}, "total": 0}}, None),
        (200, {"code": 200, "data": {"data": "x"}}, Unclear),
    ],
)
def test_failed_look_up_raises(status: int, body: object, kind: type[DarkroomError] | None) -> None:
    """So that it is repeated; only an empty list means no."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    steps = ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S)
    if kind is None:
        assert run(steps, response_of(status, body))[1] is None
        return
    with pytest.raises(kind):
        run(steps, response_of(status, body))


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (500, Unclear)])
def test_unreadable_task_may_be_the_one(status: int, kind: type[DarkroomError]) -> None:
    """If no other task matches, its error is raised."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    listed = data_response({"data": [{"task_id": "t", "action": "x"}], "total": 1})
    with pytest.raises(kind):
        run(
            ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S),
            listed,
            response_of(status, {}),
        )


def test_unreadable_task_does_not_hide_the_others() -> None:
    """The vendor fails for one task; the next one matches."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    names = [{"task_id": name, "action": "background-remove"} for name in ("bad", "ours")]
    steps = ADAPTER.look_up(job_request_of(route, {}, {}), SINCE_S)
    request = next(steps)
    request = steps.send(data_response({"data": names, "total": 2}))
    found = None
    try:
        while True:
            bad = request.path.endswith("/bad")
            config = {"webhook_config": {"endpoint": ENDPOINT}}
            ours = data_response({"task_id": "ours", "config": config})
            request = steps.send(response_of(500, {}) if bad else ours)
    except StopIteration as end:
        found = end.value
    assert found == Accepted("ours")
