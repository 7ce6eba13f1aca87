"""How many new tasks folders have had lately, in memory."""

from collections import defaultdict
from datetime import datetime

from darkroom.domain.money_rules import GUARD_WINDOW


class InMemoryNewTasks:
    """Fulfils `darkroom.ports.NewTasks`."""

    def __init__(self) -> None:
        self._came: defaultdict[str, list[datetime]] = defaultdict(list)

    def count(self, folder: str, now: datetime) -> int:
        """Count one more."""
        half = GUARD_WINDOW.total_seconds() / 2
        since = (now.timestamp() // half - 1) * half
        came = [at for at in self._came[folder] if at.timestamp() >= since]
        self._came[folder] = [*came, now]
        return len(came) + 1
