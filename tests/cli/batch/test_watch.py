"""Watching a batch: until it has ended, at a pace that its size allows."""

from collections.abc import Sequence

from darkroom.domain.task_summary import TaskSummary
from infra.cli.batch.screen import Reading
from infra.cli.batch.watch import FEW, INTERVAL_S, watch
from tests.cli.batch.test_screen import summary


def run(
    readings: list[Reading], took_s: float = 0.0, timeout_s: float | None = None
) -> tuple[list[list[str]], list[float]]:
    """The ids that have ended, for each call, and the pauses."""
    now, pauses, ended = [0.0], [], []

    def read() -> Reading:
        now[0] += took_s
        return readings.pop(0) if len(readings) > 1 else readings[0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    def on_ended(new: Sequence[TaskSummary]) -> None:
        ended.append([each.task_id for each in new])

    watch(read, lambda _: None, on_ended, timeout_s, clock=lambda: now[0], sleep=sleep)
    return ended, pauses


def test_each_ended_task_is_reported_once() -> None:
    """As soon as it has ended."""
    one, two = summary(1), summary(2)
    ended, pauses = run(
        [
            Reading([], 2),
            Reading([one], 1),
            Reading([one, summary(2, "running")]),
            Reading([one, two]),
        ]
    )
    assert ended == [[one.task_id], [two.task_id]]
    assert len(pauses) == 3


def test_pace_follows_the_size() -> None:
    """A batch that takes a second to read is read a quarter of the time at most."""
    many = [summary(n, "running") for n in range(FEW + 1)]
    _, (quick, *_) = run([Reading(many[:1]), Reading([summary(1)])])
    assert quick < 1
    _, (usual, *_) = run([Reading(many), Reading([summary(1)])])
    assert usual == INTERVAL_S
    _, (slow, *_) = run([Reading(many), Reading([summary(1)])], took_s=1)
    assert slow == 4


def test_timeout_ends_it() -> None:
    """With what has ended until then."""
    ended, pauses = run([Reading([summary(1), summary(2, "running")])], timeout_s=5)
    assert len(ended) == 1
    assert 5 <= sum(pauses) < 6
