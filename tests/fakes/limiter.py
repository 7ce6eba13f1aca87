"""Pace in memory: lanes, leases and standings of every provider."""

from collections import defaultdict

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.rate_limits import Bucket, Lane


class InMemoryLimiter:
    """Fulfils `darkroom.ports.Limiter`; `granted` is every slot that was given out, in order."""

    def __init__(self) -> None:
        self.granted: list[tuple[str, Lane, float, int]] = []
        self.leases: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._empty_at: dict[tuple[str, Lane], float] = {}
        self._standings: dict[str, CircuitState] = {}

    def reserve(
        self,
        provider: str,
        lane: Lane,
        bucket: Bucket,
        now: float,
        calls: int = 1,
        lender: Lane | None = None,
    ) -> float:
        """The next time at which these calls may go."""
        full = self._empty_at.get((provider, lane), 0.0) > now + bucket.tolerance_s
        if full and lender and self._empty_at.get((provider, lender), 0.0) <= now:
            lane = lender
        empty_at = self._empty_at.get((provider, lane), 0.0)
        slot, self._empty_at[provider, lane] = bucket.slot(empty_at, now, calls)
        self.granted.append((provider, lane, slot, calls))
        return slot

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """One more open job, unless there are as many as may be."""
        jobs = self.leases[provider]
        for name in [name for name, end in jobs.items() if end <= now and name != task_id]:
            if task_id not in jobs and len(jobs) >= most:
                del jobs[name]
        if task_id not in jobs and len(jobs) >= most:
            return False
        jobs[task_id] = until
        return True

    def release(self, provider: str, task_id: str) -> None:
        """The job is no longer open."""
        self.leases[provider].pop(task_id, None)

    def circuit(self, provider: str) -> CircuitState:
        """How the provider has answered lately."""
        return self._standings.get(provider, CircuitState())

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """The new standing, where the old one is still what is known."""
        if self.circuit(provider) != old:
            return False
        self._standings[provider] = new
        return True
