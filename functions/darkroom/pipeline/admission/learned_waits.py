"""When a job is polled, by what such jobs took; and what one more job adds to that.

Both only save polls and time: whatever fails here, a task goes on as if nothing were known. The
digest of a route is read at most once a minute in a process (`ports.Durations`), and written for a
sample of the jobs, after the job's end is stored.
"""

from contextlib import suppress
from datetime import datetime

from darkroom.domain.job_times import JobTimes
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import poll_interval_s, task_spread
from darkroom.ports import Ports


def next_poll_s(ports: Ports, route: Route, elapsed_s: float, retry_after_s: float = 0) -> int:
    """Whole seconds until a job of this age is polled; the arguments are `poll_interval_s`'s."""
    return poll_interval_s(route, elapsed_s, retry_after_s, _known_times(ports, route))


def learn_job_time(
    ports: Ports, task: Task, route: Route, found_at: datetime, waited_s: float | None
) -> None:
    """Add a job that was just found done, if its age says how long such jobs take.

    It says nothing where we could not ask in time, or learned late that there was a job.

    Args:
        ports: the outside.
        task: as it was before the end of its job was stored.
        route: of its last attempt.
        found_at: when it was found done.
        waited_s: the wait since it was last asked about, seconds; None where that is not known.
    """
    attempt = task.last_attempt
    late = attempt.replays or attempt.asked_since or task.wait_reason or task.waits
    if not _learns(route) or attempt.accepted_at is None or late:
        return
    with suppress(Exception):
        now = found_at.timestamp()
        found_s = now - attempt.accepted_at.timestamp()
        times = ports.durations.known(route)
        if times.takes(task_spread(task), now):
            pending_s = 0.0 if waited_s is None else found_s - waited_s
            new = times.after(found_s, pending_s, now)
            ports.durations.compare_and_set(route, times, new)  # a lost race is one job less


def _learns(route: Route) -> bool:
    """Whether waits depend on earlier jobs; a job that must not be left alone has its own rule."""
    return route.max_poll_gap_s is None


def _known_times(ports: Ports, route: Route) -> JobTimes:
    if _learns(route):
        with suppress(Exception):
            return ports.durations.known(route)
    return JobTimes()
