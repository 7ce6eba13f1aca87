"""The tasks of a havoc run: for each provider and each kind of trigger, each with its own photo.

The photo identifies a paid call that contains nothing but the photo. This module knows nothing of
the faults.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, Literal

from tests.e2e.environment_client import PHOTOS

FOLDER: Final = "havoc"
MASK: Final = "coffee.mask.png"

Way = Literal["photo-first", "spec-first", "by-key", "message", "event"]
WAYS: Final[Sequence[Way]] = ("photo-first", "spec-first", "message", "event", "by-key")


@dataclass(frozen=True)
class TaskKind:
    """A spec, with the sample photo and the other inputs that it needs."""

    provider: str
    spec: Mapping[str, Any]
    photo: str = "chelsea.jpg"
    inputs: Mapping[str, str] = field(default_factory=dict)


def _kind(provider: str, operation: str, photo: str = "chelsea.jpg", **spec: Any) -> TaskKind:
    return TaskKind(provider, {"operation": operation, "provider": provider, **spec}, photo)


TASK_KINDS: Final[Mapping[str, Sequence[TaskKind]]] = {
    "snapapi": (
        _kind("snapapi", "remove-background"),
        _kind("snapapi", "restore"),
        _kind("snapapi", "colorize", "chelsea-grey.jpg"),
        _kind("snapapi", "cartoon", params={"prompt": "a flat sticker"}),
        _kind("snapapi", "detect-objects", "coffee.jpg", params={"lang": "en"}),
        TaskKind(
            "snapapi",
            {"operation": "remove-objects", "provider": "snapapi"},
            "coffee.jpg",
            {"mask": MASK},
        ),
    ),
    "apiframe": (
        _kind("apiframe", "remove-background"),
        _kind("apiframe", "upscale", params={"scale": 2, "format": "png"}),
        _kind("apiframe", "remove-background", model="851-bg-remove"),
    ),
    "goapi": (
        _kind("goapi", "remove-background"),
        _kind("goapi", "upscale", params={"scale": 2}),
        _kind("goapi", "caption", params={"caption_length": "short"}),
        _kind("goapi", "remove-background", model="image-toolkit-v2"),
    ),
    "perfect": (
        _kind("perfect", "enhance", params={"format": "jpg"}),
        _kind("perfect", "colorize", "chelsea-grey.jpg"),
        _kind("perfect", "remove-background"),
    ),
}
SHARES: Final[Mapping[str, float]] = {
    "snapapi": 0.33,
    "apiframe": 0.29,
    "goapi": 0.29,
    "perfect": 0.09,
}
"""Few for Perfect: it runs one job at a time, and a killed job keeps its lease for a while."""


@dataclass(frozen=True)
class DroppedTask:
    """One task to drop; its name is part of all its keys and of its photo's bytes."""

    name: str
    kind: TaskKind
    way: Way
    again: bool
    """Whether it is requested twice: queues deliver at least once."""

    @property
    def photo_key(self) -> str:
        """The key of its photo."""
        return f"{FOLDER}/{self.name}.jpg"

    @property
    def spec(self) -> dict[str, Any]:
        """The spec, with the keys of its inputs from the bucket's root."""
        inputs = {role: f"/{FOLDER}/{self.name}.{key}" for role, key in self.kind.inputs.items()}
        return {
            **self.kind.spec,
            **({"inputs": inputs} if inputs else {}),
            "metadata": {"drop": self.name},
        }

    @property
    def lost_without_polls(self) -> bool:
        """Whether the provider loses a job that is not polled for some seconds."""
        return self.kind.provider == "perfect"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of every input; the photo has the task's name in a comment of the JPEG."""
        for key in self.kind.inputs.values():
            yield f"{FOLDER}/{self.name}.{key}", (PHOTOS / key).read_bytes()
        yield self.photo_key, add_comment((PHOTOS / self.kind.photo).read_bytes(), self.name)


def draw_tasks(rng: random.Random, tasks: int) -> list[DroppedTask]:
    """That number of tasks in random order, with each provider's share, at least one."""
    counts = {provider: max(1, round(tasks * share)) for provider, share in SHARES.items()}
    counts["apiframe"] += tasks - sum(counts.values())
    ways = cycle(WAYS)
    kinds: list[TaskKind] = []
    for provider, count in counts.items():
        of_provider = cycle(TASK_KINDS[provider])
        kinds += [next(of_provider) for _ in range(count)]
    rng.shuffle(kinds)
    return [
        DroppedTask(f"drop-{number:04d}", kind, next(ways), again=rng.random() < 0.25)
        for number, kind in enumerate(kinds)
    ]


def add_comment(jpeg: bytes, name: str) -> bytes:
    """The JPEG with a comment segment after its first marker (ITU-T T.81, B.2.4.5)."""
    comment = name.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
