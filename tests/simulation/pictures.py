"""What simulated pictures show: nothing is decoded, but looking at one may fail, or kill.

A picture that kills does so every time: a process that looks at it dies. So nobody may look at it
again and again.
"""

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from darkroom.domain.quality import Look, Measured
from darkroom.ports import NotMeasured
from tests.simulation.fault_injection import FaultInjector

MAX_DEATHS: Final = 2
"""A task that loses its name to a newer one writes its results once more, and looks at them."""

_Nature = Literal["harmless", "deadly", "unreadable", "broken"]
_SEEN: Final = Measured(Look(2, 2), Look(1, 1), 0.5, 200)


class DecoderFailed(Exception):
    """An error that no caller can know."""


class SimulatedPictures:
    """Fulfils `darkroom.ports.Pictures`.

    Attributes:
        deaths: the bytes of a picture -> how many processes have died of it.
    """

    def __init__(self, injector: FaultInjector) -> None:
        self.deaths: Counter[bytes] = Counter()
        self._injector = injector
        self._natures: dict[bytes, _Nature] = {}

    def measure(self, result: BinaryIO, source: BinaryIO | None, max_s: float) -> Measured:
        """Look at a result."""
        del source, max_s
        kind = self._injector.before_call("pictures.measure")
        result.seek(0)
        body = result.read()
        nature = self._nature(body)
        if nature == "deadly":
            self.deaths[body] += 1
            self._injector.kill_process()
        if nature == "unreadable":
            raise NotMeasured("It cannot be decoded.")
        if nature == "broken":
            raise DecoderFailed("the decoder broke")
        self._injector.after_call(kind)
        return _SEEN

    def look(self, picture: BinaryIO, max_s: float) -> Look:
        """Look at one picture."""
        return self.measure(picture, None, max_s).result

    def find_violations(self) -> Iterator[str]:
        """A sentence for each picture that killed again and again."""
        for deaths in self.deaths.values():
            if deaths > MAX_DEATHS:
                yield f"{deaths} processes died of looking at one result"

    def _nature(self, body: bytes) -> _Nature:
        if body not in self._natures:
            self._natures[body] = self._draw()
        return self._natures[body]

    def _draw(self) -> _Nature:
        chance = self._injector.fault_policy.chance
        if chance("picture-deadly"):
            return "deadly"
        if chance("picture-unreadable"):
            return "unreadable"
        return "broken" if chance("decoder-broken") else "harmless"
