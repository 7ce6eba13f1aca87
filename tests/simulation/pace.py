"""How often each provider was called, held against what its account bears."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from darkroom.pace import Rules


class Pace:
    """Every call that counts, by provider; times are seconds of the world."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules
        self._calls: defaultdict[str, list[float]] = defaultdict(list)

    def called(self, provider: str, at: float) -> None:
        """The provider was called."""
        self._calls[provider].append(at)

    def exceeded(self) -> Iterator[str]:
        """One sentence for each provider that was called more often than it bears."""
        for provider, times in self._calls.items():
            rate = self._rules[provider].rate
            if rate is None:
                continue
            times.sort()
            for first, last in zip(times, times[int(rate.calls) :], strict=False):
                if last - first < rate.per_s:
                    yield f"{provider} was called more than {rate.calls} times in {rate.per_s} s"
                    break
