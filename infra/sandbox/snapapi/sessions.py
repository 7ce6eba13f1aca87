"""Remembers uploaded pictures under the ids that SnapAPI hands out, so they need no second upload.

How long the vendor remembers is not documented; here it is an hour.
"""

import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock
from infra.sandbox.image_ops.codec import Photo

LIFETIME_S = 3600.0
MAX_REMEMBERED = 200  # pictures are kept decoded; the oldest are forgotten beyond this


@dataclass(frozen=True)
class Ids:
    """The two names of one remembered picture."""

    session_id: str
    image_id: str


class Sessions:
    """Pictures by session id and image id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._photos: dict[str, tuple[float, Photo]] = {}
        self._lock = threading.Lock()

    def remember(self, photo: Photo, stem: str) -> Ids:
        """Keep a picture; both ids lead to it."""
        ids = Ids(f"sess_{stem}", f"img_{stem}")
        with self._lock:
            entry = (self._clock.now() + LIFETIME_S, photo)
            self._photos[ids.session_id] = entry
            self._photos[ids.image_id] = entry
            while len(self._photos) > 2 * MAX_REMEMBERED:
                del self._photos[next(iter(self._photos))]
        return ids

    def recall(self, known_as: str) -> Photo | None:
        """Return a remembered picture, None when it is unknown or forgotten."""
        with self._lock:
            entry = self._photos.get(known_as)
        if entry is None or entry[0] <= self._clock.now():
            return None
        return entry[1]
