"""Looking for a task at GoAPI whose paid call got no answer: which pages, which tasks, how many."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from darkroom.errors import DarkroomError, ProviderRefused, Throttled, Unclear
from darkroom.providers.goapi import GoApi
from darkroom.providers.goapi_history import ASKED, PAGES
from darkroom.providers.protocol import Answer
from darkroom.work import Accepted
from tests.providers.exchanges import answer_of, run, work_of

ADAPTER = GoApi()
SINCE_S = 1_700_000_000
ENDPOINT = f"https://darkroom.invalid/goapi?attempt={'ab' * 16}-2"

Row = tuple[str, str]
"""A task's name and its action."""


class Account:
    """An account over there: its tasks, newest first, and which of them has our webhook."""

    def __init__(self, rows: Sequence[Row], ours: str | None = None, total: object = None) -> None:
        self.rows = rows
        self.ours = ours
        self.total = len(rows) if total is None else total
        self.pages: list[int] = []
        self.asked: list[str] = []

    def look(self, model: str = "remove-background") -> Accepted | None:
        """Answer a look-up as the vendor would."""
        route = next(route for route in ADAPTER.routes if model in {route.operation, route.model})
        work = work_of(route, {"prompt": "x"} if model != "remove-background" else {}, {})
        steps = ADAPTER.look_up(work, SINCE_S)
        try:
            request = next(steps)
            while True:
                self.query = request.path
                request = steps.send(self._answer(request.path))
        except StopIteration as end:
            found: Accepted | None = end.value
            return found

    def _answer(self, path: str) -> Answer:
        if page := re.search(r"page=(\d+)&page_size=100&start_time=1699999940", path):
            number = int(page[1])
            self.pages.append(number)
            self.history = path
            rows = self.rows[(number - 1) * 100 : number * 100]
            data = [{"task_id": name, "action": action} for name, action in rows]
            return told({"data": data or None, "total": self.total})
        name = path.removeprefix("/api/v1/task/")
        self.asked.append(name)
        if name.startswith("gone"):
            return answer_of(404, {"code": 404, "message": "Record Not Found"})
        endpoint = ENDPOINT if name == self.ours else f"{ENDPOINT}0"
        config = {"webhook_config": {"endpoint": endpoint, "secret": ""}}
        return told({"task_id": name, "config": config})


def told(data: Mapping[str, Any]) -> Answer:
    """An envelope."""
    return answer_of(200, {"code": 200, "message": "success", "data": data})


def rows(count: int, action: str = "background-remove") -> list[Row]:
    """So many tasks, the newest with the highest number."""
    return [(f"t{number}", action) for number in reversed(range(count))]


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
    account = Account([("t0", "txt2img")], "t0")
    assert account.look("Qubico/z-image:txt2img") == Accepted("t0")
    assert "model=" not in account.history


def test_tasks_of_the_same_type_are_asked_about_first() -> None:
    """The others still are, as the word of the history may be another one."""
    account = Account(
        [("new", "upscale"), ("same", "background-remove"), ("old", "upscale")], "new"
    )
    assert account.look() == Accepted("new")
    assert account.asked == ["same", "old", "new"]


def test_a_busy_account_is_read_from_its_oldest_page_on() -> None:
    """The task began when the call did; what came since stands before it."""
    account = Account(rows(950), "t40")
    assert account.look() == Accepted("t40")
    assert account.pages == [1, 10]


def test_a_look_has_an_end() -> None:
    """So many tasks are asked about, and so many pages read, whatever the account did since."""
    account = Account(rows(950))
    assert account.look() is None
    assert account.asked == [f"t{number}" for number in range(ASKED)]
    empty = Account([], total=10**9)
    assert empty.look() is None
    assert len(empty.pages) == 1 + PAGES


def test_a_task_that_is_gone_is_passed_over() -> None:
    """The history remembers longer than the tasks do."""
    account = Account([("t1", "background-remove"), ("gone", "background-remove")], "t1")
    assert account.look() == Accepted("t1")


def test_rows_without_a_name_are_passed_over() -> None:
    """Nothing there can be asked for."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    odd = told({"data": [None, 7, {}, {"task_id": ""}, {"task_id": 7}], "total": "many"})
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
        (401, {}, ProviderRefused),
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
    """It may be the one."""
    route = next(route for route in ADAPTER.routes if route.operation == "remove-background")
    listed = told({"data": [{"task_id": "t", "action": "x"}], "total": 1})
    with pytest.raises(kind):
        run(
            ADAPTER.look_up(work_of(route, {}, {}), SINCE_S),
            listed,
            answer_of(status, {}),
        )
