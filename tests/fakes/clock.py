"""A clock that moves only when a test advances it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FixedClock:
    """`darkroom.ports.Clock` with a fixed time; `slept` is every pause, in seconds."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        """UTC, aware."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        self._now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Advance the time without waiting."""
        self.slept.append(seconds)
        self.advance(seconds)
