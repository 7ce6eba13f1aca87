"""GoAPI's account as a look-up sees it: pages of tasks, and each task's details."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from darkroom.domain.provider_jobs import Accepted
from darkroom.providers.adapter import Response
from darkroom.providers.goapi.adapter import GoApi
from darkroom.providers.goapi.history import HISTORY
from tests.fakes.run_adapter import job_request_of, response_of

ADAPTER = GoApi()
SINCE_S = 1_700_000_000
ENDPOINT = f"https://darkroom.invalid/goapi?attempt={'ab' * 16}-2"

Row = tuple[str, str, float | None]
"""A task's name, its action, and when it was made: seconds from the call on."""


class Account:
    """An account at GoAPI: its tasks, newest first, and which of them has our webhook URL."""

    def __init__(self, rows: Sequence[Row], ours: str | None = None, total: object = None) -> None:
        self.rows = rows
        self.ours = ours
        self.total = total
        self.pages: list[int] = []
        self.asked: list[str] = []

    def look(self, model: str = "remove-background", before: int = 0) -> Accepted | None:
        """Respond to a look-up as the vendor would; `before` is the number of earlier look-ups."""
        route = next(route for route in ADAPTER.routes if model in {route.operation, route.model})
        work = job_request_of(route, {"prompt": "x"} if model != "remove-background" else {}, {})
        steps = ADAPTER.look_up(work, SINCE_S, before)
        try:
            request = next(steps)
            while True:
                request = steps.send(self._answer(request.path))
        except StopIteration as end:
            found: Accepted | None = end.value
            return found

    def _answer(self, path: str) -> Response:
        if path.startswith(f"{HISTORY}?"):
            self.history = path
            return self._page({name: one for name, [one] in parse_qs(urlsplit(path).query).items()})
        name = path.removeprefix("/api/v1/task/")
        self.asked.append(name)
        if name.startswith("gone"):
            return response_of(404, {"code": 404, "message": "Record Not Found"})
        webhook_url = ENDPOINT if name == self.ours else f"{ENDPOINT}0"
        config = {"webhook_config": {"endpoint": webhook_url, "secret": ""}}
        return data_response({"task_id": name, "config": config})

    def _page(self, query: Mapping[str, str]) -> Response:
        number, size, start = (int(query[name]) for name in ("page", "page_size", "start_time"))
        self.pages.append(number)
        listed = [row for row in self.rows if row[2] is None or SINCE_S + row[2] >= start]
        rows = listed[(number - 1) * size : number * size]
        data = [
            {
                "task_id": name,
                "action": action,
                "created_at": None if at is None else stamp(SINCE_S + at),
            }
            for name, action, at in rows
        ]
        total = len(listed) if self.total is None else self.total
        return data_response({"data": data or None, "total": total})


def data_response(data: Mapping[str, Any]) -> Response:
    """An envelope with `data`."""
    return response_of(200, {"code": 200, "message": "success", "data": data})


def stamp(at: float) -> str:
    """A time as the vendor writes it: with nine fractional digits."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def rows(
    count: int, action: str = "background-remove", every_s: float | None = None, first_s: float = 0
) -> list[Row]:
    """Tasks, the newest with the highest number; without `every_s` they have no time."""
    return [
        (f"t{number}", action, every_s and first_s + number * every_s)
        for number in reversed(range(count))
    ]
