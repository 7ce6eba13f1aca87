"""What the havoc run drops: tasks for every provider, class and way in, each with its own photo.

Its own, because that is how a paid call that carries nothing but the picture is known
again on the wire. Nothing here knows what goes wrong.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, Literal

from tests.e2e.shop import PHOTOS

FOLDER: Final = "havoc"
MASK: Final = "coffee.mask.png"

Way = Literal["photo-first", "spec-first", "by-key", "message", "event"]
WAYS: Final[Sequence[Way]] = ("photo-first", "spec-first", "message", "event", "by-key")


@dataclass(frozen=True)
class Wish:
    """Something to be done, as a spec says it, with the sample photo that it suits."""

    provider: str
    spec: Mapping[str, Any]
    photo: str = "chelsea.jpg"
    inputs: Mapping[str, str] = field(default_factory=dict)


def _wish(provider: str, operation: str, photo: str = "chelsea.jpg", **spec: Any) -> Wish:
    return Wish(provider, {"operation": operation, "provider": provider, **spec}, photo)


WISHES: Final[Mapping[str, Sequence[Wish]]] = {
    "snapapi": (
        _wish("snapapi", "remove-background"),
        _wish("snapapi", "restore"),
        _wish("snapapi", "colorize", "chelsea-grey.jpg"),
        _wish("snapapi", "cartoon", params={"prompt": "a flat sticker"}),
        _wish("snapapi", "detect-objects", "coffee.jpg", params={"lang": "en"}),
        Wish(
            "snapapi",
            {"operation": "remove-objects", "provider": "snapapi"},
            "coffee.jpg",
            {"mask": MASK},
        ),
    ),
    "apiframe": (
        _wish("apiframe", "remove-background"),
        _wish("apiframe", "upscale", params={"scale": 2, "format": "png"}),
        _wish("apiframe", "remove-background", model="851-bg-remove"),
    ),
    "goapi": (
        _wish("goapi", "remove-background"),
        _wish("goapi", "upscale", params={"scale": 2}),
        _wish("goapi", "caption", params={"caption_length": "short"}),
        _wish("goapi", "remove-background", model="image-toolkit-v2"),
    ),
    "perfect": (
        _wish("perfect", "enhance", params={"format": "jpg"}),
        _wish("perfect", "colorize", "chelsea-grey.jpg"),
        _wish("perfect", "remove-background"),
    ),
}
SHARES: Final[Mapping[str, float]] = {
    "snapapi": 0.33,
    "apiframe": 0.29,
    "goapi": 0.29,
    "perfect": 0.09,
}
"""Few for Perfect: it does one job at a time, and a killed one keeps its place for a while."""


@dataclass(frozen=True)
class Drop:
    """One task to be: its name is part of every key that it uses, and of its photo's bytes."""

    name: str
    wish: Wish
    way: Way
    again: bool
    """Whether it is asked for twice: at-least-once is what every queue promises."""

    @property
    def photo_key(self) -> str:
        """Where its photo lies."""
        return f"{FOLDER}/{self.name}.jpg"

    @property
    def spec(self) -> dict[str, Any]:
        """The spec, with its inputs named as from the bucket's root."""
        inputs = {role: f"/{FOLDER}/{self.name}.{key}" for role, key in self.wish.inputs.items()}
        return {
            **self.wish.spec,
            **({"inputs": inputs} if inputs else {}),
            "metadata": {"drop": self.name},
        }

    @property
    def lost_when_alone(self) -> bool:
        """Whether the provider forgets a job that nobody asks about for some seconds."""
        return self.wish.provider == "perfect"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of every input; the photo says its name in a comment of the JPEG."""
        for key in self.wish.inputs.values():
            yield f"{FOLDER}/{self.name}.{key}", (PHOTOS / key).read_bytes()
        yield self.photo_key, marked((PHOTOS / self.wish.photo).read_bytes(), self.name)


def draw_drops(rng: random.Random, tasks: int) -> list[Drop]:
    """So many of them in a random sequence, every provider's share among them, at least one."""
    counts = {provider: max(1, round(tasks * share)) for provider, share in SHARES.items()}
    counts["apiframe"] += tasks - sum(counts.values())
    ways = cycle(WAYS)
    wishes: list[Wish] = []
    for provider, count in counts.items():
        kinds = cycle(WISHES[provider])
        wishes += [next(kinds) for _ in range(count)]
    rng.shuffle(wishes)
    return [
        Drop(f"drop-{number:04d}", wish, next(ways), again=rng.random() < 0.25)
        for number, wish in enumerate(wishes)
    ]


def marked(jpeg: bytes, name: str) -> bytes:
    """The JPEG with a comment segment after its first marker (ITU-T T.81, B.2.4.5)."""
    comment = name.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
