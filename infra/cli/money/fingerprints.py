"""Fingerprints of photos: which ones look nearly the same, and which are the most unlike.

A fingerprint is a difference hash (64 bits: in a picture of 9 by 8 grey pixels, is each brighter
than the one to its right?) and the colours of 4 by 4 areas. The colours keep apart what differs in
nothing else, such as a red shirt and a blue one on the same white ground.
"""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

THREADS: Final = min(4, os.cpu_count() or 1)
"""So many pictures are in memory at once."""
MAX_PIXELS: Final = 40_000_000
"""A larger picture has no fingerprint, unless it is a JPEG, which is decoded small."""
SIDE: Final = 64
"""JPEGs are decoded at about this size."""
GRID: Final = 4
MAX_BITS: Final = 6
"""Photos that are nearly the same differ in at most so many of the 64 bits ..."""
MAX_COLOUR: Final = 12.0
"""... and by at most so much in any area, of 255, on the average of its three colours."""


@dataclass(frozen=True)
class Fingerprint:
    """How a photo looks.

    Attributes:
        bits: the difference hash.
        colours: red, green and blue of each area, row by row, 0 to 255: 48 numbers.
    """

    bits: int
    colours: tuple[int, ...]


def read_fingerprints(paths: Sequence[Path]) -> "list[Fingerprint | None]":
    """The fingerprint of each file; None for one that is no picture, or cannot be read.

    A few pictures are decoded at the same time; JPEGs at a fraction of their size.
    """
    with warnings.catch_warnings():
        # Once for all threads: these filters belong to the whole process.
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(_read, paths))


def group_alike(prints: "Sequence[Fingerprint | None]") -> list[list[int]]:
    """The places of the photos in groups that look nearly the same, each in the given order.

    A photo belongs to the first group whose first photo it resembles. What has no fingerprint is a
    group of its own.
    """
    table = _Table(prints)
    firsts = np.zeros(len(prints), np.intp)
    count = 0
    groups: dict[int, list[int]] = {}
    for place, fingerprint in enumerate(prints):
        first = table.first_alike(place, firsts[:count]) if fingerprint is not None else None
        if first is not None:
            groups[first].append(place)
            continue
        groups[place] = [place]
        if fingerprint is not None:
            firsts[count] = place
            count += 1
    return list(groups.values())


def most_unlike(prints: "Sequence[Fingerprint | None]", number: int) -> list[int]:
    """The places of so many photos, or all, that are as unlike each other as possible, sorted.

    The first is the one that is least like the average; each further one is the one whose nearest
    of those chosen is the farthest away. Of several the first counts, so the same photos give the
    same choice. What has no fingerprint comes last.
    """
    table = _Table(prints)
    known = np.array([place for place, one in enumerate(prints) if one is not None], np.intp)
    chosen: list[int] = []
    if known.size:
        nearest = table.distances_to_average(known)
        for _ in range(min(number, len(known))):
            at = int(np.argmax(nearest))
            away = table.distances(int(known[at]), known)
            nearest = np.minimum(nearest, away) if chosen else away
            chosen.append(int(known[at]))
            nearest[np.isin(known, chosen)] = -1
    rest = [place for place, one in enumerate(prints) if one is None]
    return sorted(chosen + rest[: max(0, number - len(chosen))])


class _Table:
    """The fingerprints as arrays; a row without one is all zeros."""

    def __init__(self, prints: "Sequence[Fingerprint | None]") -> None:
        none = Fingerprint(0, (0,) * (3 * GRID * GRID))
        rows = [one or none for one in prints]
        self._bits: NDArray[np.uint64] = np.array([one.bits for one in rows], np.uint64)
        colours = np.array([one.colours for one in rows], np.int16)
        self._colours: NDArray[np.int16] = colours.reshape(len(rows), GRID * GRID, 3)

    def first_alike(self, place: int, others: NDArray[np.intp]) -> int | None:
        """The first of the others that looks nearly the same; None if none does."""
        near = others[self._bits_apart(place, others) <= MAX_BITS]
        if not near.size:
            return None
        alike = near[self._colours_apart(place, near).max(axis=1) <= MAX_COLOUR]
        return int(alike[0]) if alike.size else None

    def distances(self, place: int, others: NDArray[np.intp]) -> NDArray[np.float64]:
        """How far away each of the others is: both parts weigh about the same."""
        colours = self._colours_apart(place, others).mean(axis=1)
        away: NDArray[np.float64] = self._bits_apart(place, others) + colours / 4
        return away

    def distances_to_average(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """How far the colours of each are from the average of all of them."""
        colours = self._colours[places].astype(np.float64)
        away: NDArray[np.float64] = np.abs(colours - colours.mean(axis=0)).mean(axis=(1, 2))
        return away

    def _bits_apart(self, place: int, others: NDArray[np.intp]) -> NDArray[Any]:
        apart: NDArray[Any] = np.bitwise_count(self._bits[others] ^ self._bits[place])
        return apart

    def _colours_apart(self, place: int, others: NDArray[np.intp]) -> NDArray[Any]:
        """A row for each of the others: the difference in each area."""
        apart: NDArray[Any] = np.abs(self._colours[others] - self._colours[place]).mean(axis=2)
        return apart


def _read(path: Path) -> Fingerprint | None:
    try:
        with Image.open(path) as picture:
            # Other formats are decoded whole.
            picture.draft("RGB", (SIDE, SIDE))
            if picture.width * picture.height > MAX_PIXELS:
                return None
            # The colours of a palette cannot be averaged.
            whole = picture.convert("RGBA") if picture.mode == "P" else picture
            upright = ImageOps.exif_transpose(whole.resize((SIDE, SIDE), Image.Resampling.BOX))
            plain = _on_white(upright)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it has no fingerprint
        return None
    grey = np.asarray(plain.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    brighter = (grey[:, :-1] > grey[:, 1:]).ravel()
    areas = np.asarray(plain.resize((GRID, GRID), Image.Resampling.BOX), np.int16)
    bits = int.from_bytes(np.packbits(brighter).tobytes(), "big")
    return Fingerprint(bits, tuple(int(value) for value in areas.ravel()))


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture in red, green and blue, what is transparent on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    over = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
