"""What the demo does: which sample spec goes beside which photo, and how its result is checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.media import Kind
from infra.cli.checkout import PHOTOS, SPECS
from infra.cli.demo import image_checks as checks

FOLDER: Final = "photos/"
"""Where the demo's files go in the input bucket."""


_FROM_WORDS: Final = {"generate": "lighthouse", "generate-music": "waltz"}
"""What a spec without a photo is called."""


@dataclass(frozen=True)
class Sample:
    """One task of the demo.

    Attributes:
        photo: a file of `events/photos`; None for a spec that makes something from words.
        spec: a file of `events/specs`, without `.json`.
        check: how its pictures must differ from the photo.
        kind: what it must have made.
    """

    photo: str | None
    spec: str
    check: checks.Check
    kind: Kind = "image"

    @property
    def operation(self) -> str:
        """The spec's operation; specs are named after it."""
        return self.spec.partition(".")[0]

    @property
    def key(self) -> str:
        """The spec's key: beside its photo, labelled with its operation."""
        return f"{FOLDER}{self.photo or _FROM_WORDS[self.operation]}{self._label}.json"

    @property
    def _label(self) -> str:
        return f".{self.operation}" if self.photo else ""

    def read(self) -> bytes:
        """The spec as it is uploaded."""
        return (SPECS / f"{self.spec}.json").read_bytes()

    @property
    def mask(self) -> str | None:
        """The photo's mask, when the spec names one."""
        inputs: dict[str, Any] = json.loads(self.read()).get("inputs", {})
        mask = inputs.get("mask")
        return mask if isinstance(mask, str) else None


SAMPLES: Final[Sequence[Sample]] = (
    Sample("chelsea.jpg", "remove-background.snapapi", checks.cut_out),
    Sample("coffee.jpg", "upscale.apiframe", checks.doubled),
    Sample("astronaut.jpg", "upscale.snapapi", checks.doubled),
    Sample("coffee.jpg", "remove-objects.snapapi", checks.mask_filled),
    Sample("coffee.jpg", "inpaint.apiframe", checks.mask_filled),
    Sample("astronaut.jpg", "remove-background.apiframe", checks.cut_out),
    Sample("chelsea-grey.jpg", "colorize.perfect", checks.coloured),
    Sample("astronaut.jpg", "hairstyle.perfect", checks.edited),
    Sample("chelsea.jpg", "upscale.perfect", checks.doubled),
    Sample("chelsea.jpg", "caption.goapi", checks.edited, kind="text"),
    Sample("coffee.jpg", "make-3d.goapi", checks.edited, kind="3d"),
    Sample("chelsea.jpg", "outpaint.goapi", checks.larger),
    Sample(None, "generate-music.goapi", checks.edited, kind="audio"),
    Sample("astronaut.jpg", "edit.snapapi", checks.edited),
    Sample("chelsea.jpg", "cartoon.snapapi", checks.edited),
    Sample(None, "generate.snapapi", checks.drawn(3 / 2)),
)


def files_of(samples: Sequence[Sample]) -> list[str]:
    """The photos and masks that the samples need, each once."""
    named = [name for sample in samples for name in (sample.photo, sample.mask) if name]
    return sorted(set(named))


def missing_files(samples: Sequence[Sample]) -> list[str]:
    """What the checkout lacks of the samples' files."""
    wanted = [PHOTOS / name for name in {s.photo for s in samples} if name]
    wanted += [SPECS / f"{sample.spec}.json" for sample in samples]
    return sorted(str(path) for path in wanted if not path.is_file())
