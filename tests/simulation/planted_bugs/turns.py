"""Planted bugs about turns: given twice, in another order, not at all, or kept for ever."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from darkroom.domain import rate_limits
from darkroom.domain.task import Task
from darkroom.domain.turns import Turns, Waiter
from darkroom.pipeline import poll, release, retry, start_task, sweep
from darkroom.pipeline.admission import admit, turns
from darkroom.pipeline.endings import decide, publish
from darkroom.pipeline.orders import withheld_inputs
from darkroom.pipeline.paid_call import settle_unclear
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _nothing(*_: object, **__: object) -> None:
    return


def _last_come_first_served() -> list[Swap]:
    original = turns._line

    def reversed_line(*args: Any) -> tuple[Sequence[Waiter], int | None]:
        waiting, most = original(*args)
        return list(reversed(waiting)), most

    return [(turns, "_line", reversed_line)]


def _used_turns_are_forgotten() -> list[Swap]:
    original = Turns.used

    def used(self: Turns, task_id: str, open_until: float | None) -> Turns:
        after = original(self, task_id, open_until)
        return replace(after, given={k: v for k, v in after.given.items() if k != task_id})

    return [(Turns, "used", used)]


def _jobs_do_not_open() -> list[Swap]:
    original = Turns.used
    return [(Turns, "used", lambda self, task_id, _until: original(self, task_id, None))]


def _missed_turns_are_not_noticed() -> list[Swap]:
    original = Turns.without_expired
    return [(Turns, "without_expired", lambda *args: (original(*args)[0], {}))]


def _turns_never_expire() -> list[Swap]:
    return [(rate_limits, name, float("inf")) for name in ("MAX_LATE_S", "MAX_LATE_SHARE")]


def _released_only_at_the_end() -> list[Swap]:
    modules = (admit, poll, withheld_inputs, decide)
    return [(module, "release_turn", _nothing) for module in modules]


def _intake_passes_no_turns() -> list[Swap]:
    def start(ports: Ports, task: Task) -> None:
        if task.place is None:
            ports.workflows.start(task.task_id, task.run)

    return [(module, "start_in_turn", start) for module in (start_task, release, retry)]


def _open_for_ever() -> list[Swap]:
    original = turns._open_until
    return [(turns, "_open_until", lambda *args: original(*args) * 2)]


BUGS: Final = (
    Bug("the last in line gets the turn", _last_come_first_served),
    Bug("a turn that was used is given again", _used_turns_are_forgotten),
    Bug("more jobs are open than the account allows", _jobs_do_not_open),
    Bug("a missed turn is not noticed", _missed_turns_are_not_noticed),
    Bug("a turn may be used however late", _turns_never_expire, ("slow-call", "start-lost")),
    Bug("a turn is released only at the end", _released_only_at_the_end),
    Bug(
        "an open job counts after the end",
        lambda: [(publish, "release_all", _nothing), (poll, "release_turn", _nothing)],
    ),
    Bug("an open job counts for ever", _open_for_ever),
    Bug("SWEEP gives no turns", lambda: [(sweep, "pass_turns", _nothing)]),
    Bug(
        "SWEEP starts no run for a missed turn",
        lambda: [(sweep, "_check_missed", lambda *_: "alive")],
    ),
    Bug("the first calls wait for no turn", lambda: [(admit, "take_turn", _nothing)]),
    Bug("polls take no call of the rate", lambda: [(poll, "reserve_call", _nothing)]),
    Bug(
        "a reconciled call takes no call of the rate",
        lambda: [
            (settle_unclear, "reserve_call", _nothing),
            (settle_unclear, "backoff_s", lambda _times: 1),
        ],
    ),
    Bug("a new task passes no turns", _intake_passes_no_turns),
)
