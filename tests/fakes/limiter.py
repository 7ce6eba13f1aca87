"""The circuits and probes' leases in memory."""

from collections import defaultdict

from darkroom.domain.circuit_state import CircuitState


class InMemoryLimiter:
    """`darkroom.ports.Limiter` in memory."""

    def __init__(self) -> None:
        self.leases: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._circuits: dict[str, CircuitState] = {}

    def lease(self, name: str, task_id: str, until: float, most: int, now: float) -> bool:
        """Take one more lease, unless `most` are taken."""
        jobs = self.leases[name]
        for other in [one for one, end in jobs.items() if end <= now and one != task_id]:
            if task_id not in jobs and len(jobs) >= most:
                del jobs[other]
        if task_id not in jobs and len(jobs) >= most:
            return False
        jobs[task_id] = until
        return True

    def release(self, name: str, task_id: str) -> None:
        """Give up the lease."""
        self.leases[name].pop(task_id, None)

    def circuit(self, provider: str) -> CircuitState:
        """The state of its circuit."""
        return self._circuits.get(provider, CircuitState())

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Store the new state if the old one is still stored."""
        if self.circuit(provider) != old:
            return False
        self._circuits[provider] = new
        return True
