"""How long jobs took, in memory."""

from darkroom.domain.job_times import JobTimes
from darkroom.domain.routes import Route


class InMemoryDurations:
    """`darkroom.ports.Durations` in memory; `stored` is every route's digest."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str, str], JobTimes] = {}

    def known(self, route: Route) -> JobTimes:
        """The digest of the route's jobs."""
        return self.stored.get(_name(route), JobTimes())

    def compare_and_set(self, route: Route, old: JobTimes, new: JobTimes) -> bool:
        """Store `new` if `old` is still stored; whether it was."""
        if self.known(route).jobs != old.jobs:
            return False
        self.stored[_name(route)] = new
        return True


def _name(route: Route) -> tuple[str, str, str]:
    return route.provider, route.operation, route.model
