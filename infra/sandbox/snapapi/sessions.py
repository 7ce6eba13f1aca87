"""Remembers uploaded images under the ids that SnapAPI returns, so they need no second upload.

How long the vendor remembers them is not documented; here it is an hour.
"""

import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock
from infra.sandbox.image_ops.codec import Photo

LIFETIME_S = 3600.0
MAX_REMEMBERED = 200  # decoded images; beyond this the oldest are forgotten


@dataclass(frozen=True)
class ImageIds:
    """The two ids of one remembered image."""

    session_id: str
    image_id: str


class Sessions:
    """Images by session id and image id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._photos: dict[str, tuple[float, Photo]] = {}
        self._lock = threading.Lock()

    def remember(self, photo: Photo, stem: str) -> ImageIds:
        """Remember an image under two new ids."""
        ids = ImageIds(f"sess_{stem}", f"img_{stem}")
        with self._lock:
            entry = (self._clock.now() + LIFETIME_S, photo)
            self._photos[ids.session_id] = entry
            self._photos[ids.image_id] = entry
            while len(self._photos) > 2 * MAX_REMEMBERED:
                del self._photos[next(iter(self._photos))]
        return ids

    def recall(self, any_id: str) -> Photo | None:
        """Return the image with this id of either kind, None when unknown or expired."""
        with self._lock:
            entry = self._photos.get(any_id)
        if entry is None or entry[0] <= self._clock.now():
            return None
        return entry[1]
