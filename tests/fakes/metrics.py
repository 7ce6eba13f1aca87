"""Metrics in memory."""

from collections.abc import Iterable

from darkroom.domain.measurements import Measurement


class RecordedMetrics:
    """`darkroom.ports.Metrics` in memory; `emitted` has all of them, in order."""

    def __init__(self) -> None:
        self.emitted: list[Measurement] = []

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """Keep them."""
        self.emitted.extend(measurements)

    def values(self, name: str, **dimensions: str) -> list[float]:
        """The values of one metric with exactly these dimensions."""
        return [
            one.value
            for one in self.emitted
            if one.name == name and dict(one.dimensions) == dimensions
        ]
