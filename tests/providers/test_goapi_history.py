"""Looking for a task at GoAPI whose paid call got no answer: which pages, which tasks, how many."""

from itertools import accumulate

import pytest

from darkroom.domain.errors import AccountBlocked, DarkroomError, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.paid_call.settle import LOOK_UP_FOR
from darkroom.providers.goapi.history import ASKED, EARLIER_S, FURTHER, NEAREST, PAGES
from tests.fakes.run_adapter import answer_of, run, work_of
from tests.providers.goapi_past import ADAPTER, ENDPOINT, SINCE_S, Account, rows, stamp, told

LOOKS = sum(
    after_s <= LOOK_UP_FOR.total_seconds()
    for after_s in accumulate(backoff_s(times) for times in range(1, 100))
)
"""How many looks there are before a call is given up, when each takes no time."""


def test_a_task_is_known_by_its_whole_webhook() -> None:
    """Another attempt's address begins alike; the oldest is asked about first."""
    account = Account(rows(3), "t1")
    assert account.look() == Accepted("t1")
    assert account.asked == ["t0", "t1"]
    assert account.history.endswith("&model=image_toolkit")


def test_nothing_is_found_where_nothing_is() -> None:
    """An empty history says null where its rows would be."""
    account = Account([])
    assert account.look() is None
    assert (account.pages, account.asked) == ([1], [])


def test_a_model_without_a_word_is_looked_for_among_all() -> None:
    """The history's list of words is older than many models."""
    account = Account([("t0", "txt2img", 1)], "t0")
    assert account.look("Qubico/z-image:txt2img") == Accepted("t0")
    assert "model=" not in account.history


def test_tasks_of_the_same_type_are_asked_about_first() -> None:
    """The others still are, as the word of the history may be another one."""
    account = Account(
        [("new", "upscale", 9), ("same", "background-remove", 8), ("old", "upscale", 2)], "new"
    )
    assert account.look() == Accepted("new")
    assert account.asked == ["same", "old", "new"]


def test_tasks_that_were_made_at_the_time_of_the_call_are_asked_about_first() -> None:
    """Before it or after it: the clock over there may be some seconds fast or slow."""
    times = {"early": -30, "before": -3, "at": 0.5, "after": 2, "late": 40}
    made = [(name, "background-remove", at) for name, at in reversed(times.items())]
    account = Account([("timeless", "background-remove", None), *made])
    assert account.look() is None
    assert account.asked == ["at", "after", "before", "early", "late", "timeless"]


@pytest.mark.parametrize("written", ["2023-11-14T22:13:21", "2023-11-15T06:13:21+08:00"])
def test_a_time_is_read_however_it_is_written(written: str) -> None:
    """With an offset, or with none where UTC is meant; one that is none comes last."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    times = {"none": "soon", "unset": "0001-01-01T00:00:00Z", "a": stamp(SINCE_S + 2), "b": written}
    listed = [{"task_id": name, "created_at": at} for name, at in times.items()]
    steps = ADAPTER.look_up(work_of(route, {}, {}), SINCE_S)
    made, _ = run(steps, told({"data": listed, "total": 4}), *[told({})] * 4)
    asked = [request.path.rpartition("/")[2] for request in made[1:]]
    assert asked == ["b", "a", "unset", "none"]


@pytest.mark.parametrize("lag_s", [-3, 0, 3])
@pytest.mark.parametrize("moment_s", [0, 17, 59])
def test_ours_is_found_at_once_among_two_hundred_of_the_same_minute(
    moment_s: float, lag_s: float
) -> None:
    """Of the same type, wherever in that minute the call was, and if their clock is not ours."""
    made = rows(200, every_s=0.3, first_s=lag_s - moment_s)
    ours = f"t{int(moment_s / 0.3)}"
    account = Account(made, ours)
    assert account.look() == Accepted(ours)
    assert len(account.asked) <= ASKED


def test_ours_is_found_wherever_it_stands_among_two_hundred_of_the_same_minute() -> None:
    """A server that hung may have made it late; there is time for looks at all of them."""
    account = Account(rows(200, every_s=0.3, first_s=0.1))
    read: set[str] = set()
    for before in range(LOOKS):
        account.asked.clear()
        assert account.look(before=before) is None
        assert len(account.asked) <= ASKED
        read |= {*account.asked}
    assert read == {name for name, _, _ in account.rows}


def test_one_that_was_made_late_is_found_by_the_look_whose_turn_it_is() -> None:
    """Not by the one before it, and, should that look fail, by its turn in the next round."""
    account = Account(rows(200, every_s=0.3, first_s=0.1), f"t{NEAREST + 3 * FURTHER}")
    found = [before for before in range(12) if account.look(before=before) is not None]
    assert found == [3, 9]


def test_what_is_nearest_is_asked_about_by_every_look() -> None:
    """It may have ended, and so been listed, only a moment ago."""
    account = Account(rows(300, every_s=0.2, first_s=0.1))
    for before in range(LOOKS):
        account.asked.clear()
        account.look(before=before)
        assert account.asked[:NEAREST] == [f"t{number}" for number in range(NEAREST)]


def test_no_turn_is_left_out() -> None:
    """Looks read one part after the other, a short last one too, and then begin anew."""
    account = Account(rows(NEAREST + 15 * FURTHER + 1, every_s=0.1, first_s=0.1))
    first = []
    for before in range(18):
        account.asked.clear()
        account.look(before=before)
        first.append(int(account.asked[NEAREST][1:]))
    assert [(number - NEAREST) / FURTHER for number in first] == [*range(16), 0, 1]


@pytest.mark.parametrize("count", [1, NEAREST, ASKED])
def test_where_there_are_few_every_look_asks_about_all(count: int) -> None:
    """However many looks there were before."""
    account = Account(rows(count, every_s=0.3, first_s=0.1))
    for before in (0, 1, 7, 1000):
        account.asked.clear()
        account.look(before=before)
        assert account.asked == [f"t{number}" for number in range(count)]


def test_a_busy_account_is_read_around_the_time_of_the_call() -> None:
    """What came since stands on the pages before, what was there already on those behind."""
    account = Account(rows(5000, every_s=0.02, first_s=0.01 - EARLIER_S), "t3001")
    assert account.look() == Accepted("t3001")
    assert account.pages == [1, 1, 19, 20, 21, 22, 23]


def test_a_busy_account_is_read_to_its_end_where_the_call_is_the_oldest() -> None:
    """Hours later all the pages before it are of what came since."""
    account = Account(rows(950, every_s=60, first_s=1), "t0")
    assert account.look() == Accepted("t0")
    assert account.pages == [1, 1, 6, 7, 8, 9, 10]


def test_a_page_is_not_read_twice() -> None:
    """The newest one is known already when the call was just made."""
    account = Account(rows(950, every_s=0.06, first_s=-57), "t949")
    assert account.look() == Accepted("t949")
    assert account.pages == [1, 1, 2, 3, 4, 5]


def test_a_task_that_moved_on_to_the_next_page_is_asked_about_once() -> None:
    """New ones were made between the reading of two pages."""
    account = Account([*rows(100, every_s=0.1, first_s=1), ("t0", "background-remove", 1)])
    assert account.look() is None
    assert account.asked == [f"t{number}" for number in range(ASKED)]


def test_a_look_has_an_end() -> None:
    """So many tasks are asked about, and so many pages read, whatever the account did since."""
    account = Account(rows(950))
    assert account.look() is None
    assert len(account.asked) == ASKED
    empty = Account([], total=10**9)
    assert empty.look() is None
    assert len(empty.pages) == 2 + PAGES


def test_a_task_that_is_gone_is_passed_over() -> None:
    """The history remembers longer than the tasks do."""
    account = Account([("t1", "background-remove", 2), ("gone", "background-remove", 1)], "t1")
    assert account.look() == Accepted("t1")
    assert account.asked == ["gone", "t1"]


def test_rows_without_a_name_are_passed_over() -> None:
    """Nothing there can be asked for."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    odd = told({"data": [None, 7, {}, {"task_id": ""}, {"task_id": True}], "total": "many"})
    made, out = run(ADAPTER.look_up(work_of(route, {}, {}), SINCE_S), odd)
    assert (len(made), out) == (1, None)


@pytest.mark.parametrize("config", [None, [], {}, {"webhook_config": None}, {"webhook_config": {}}])
def test_a_task_without_a_webhook_is_another_ones(config: object) -> None:
    """It was made by someone else."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    listed = told({"data": [{"task_id": "t", "action": "x"}], "total": 1})
    _, out = run(
        ADAPTER.look_up(work_of(route, {}, {}), SINCE_S),
        listed,
        told({"task_id": "t", "config": config}),
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
def test_a_look_that_goes_wrong_finds_nothing_out(
    status: int, body: object, kind: type[DarkroomError] | None
) -> None:
    """It raises, so that it is made again; only an empty list is no."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    steps = ADAPTER.look_up(work_of(route, {}, {}), SINCE_S)
    if kind is None:
        assert run(steps, answer_of(status, body))[1] is None
        return
    with pytest.raises(kind):
        run(steps, answer_of(status, body))


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (500, Unclear)])
def test_a_task_that_cannot_be_asked_about_is_no_other_ones(
    status: int, kind: type[DarkroomError]
) -> None:
    """It may be the one, where none of the others is."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    listed = told({"data": [{"task_id": "t", "action": "x"}], "total": 1})
    with pytest.raises(kind):
        run(
            ADAPTER.look_up(work_of(route, {}, {}), SINCE_S),
            listed,
            answer_of(status, {}),
        )


def test_a_task_that_cannot_be_asked_about_does_not_hide_the_others() -> None:
    """The vendor has trouble with one of them; ours is the next."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    names = [{"task_id": name, "action": "background-remove"} for name in ("bad", "ours")]
    steps = ADAPTER.look_up(work_of(route, {}, {}), SINCE_S)
    request = next(steps)
    request = steps.send(told({"data": names, "total": 2}))
    found = None
    try:
        while True:
            bad = request.path.endswith("/bad")
            config = {"webhook_config": {"endpoint": ENDPOINT}}
            ours = told({"task_id": "ours", "config": config})
            request = steps.send(answer_of(500, {}) if bad else ours)
    except StopIteration as end:
        found = end.value
    assert found == Accepted("ours")
