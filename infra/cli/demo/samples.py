"""The demo's samples: each a spec with its photo and the check of its result."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.media import Kind
from infra.cli.checkout import PHOTOS, SPECS
from infra.cli.demo import image_checks as checks

FOLDER: Final = "photos/"
"""The demo's folder in the input bucket."""

_NAMES: Final = {"generate": "lighthouse", "generate-music": "waltz"}
"""Operation -> name of the spec, for specs without a photo."""


@dataclass(frozen=True)
class Sample:
    """One task of the demo.

    Attributes:
        photo: a file of `events/photos`; None for a spec with a prompt only.
        spec: a file of `events/specs`, without `.json`.
        check: the check for its images.
        kind: the kind of result that it must have.
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
        """The spec's key, beside its photo; the label is the operation."""
        return f"{FOLDER}{self.photo or _NAMES[self.operation]}{self._label}.json"

    @property
    def _label(self) -> str:
        return f".{self.operation}" if self.photo else ""

    def read(self) -> bytes:
        """The spec's bytes."""
        return (SPECS / f"{self.spec}.json").read_bytes()

    @property
    def mask(self) -> str | None:
        """The mask's file name, if the spec names one."""
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
    names = [name for sample in samples for name in (sample.photo, sample.mask) if name]
    return sorted(set(names))


def missing_files(samples: Sequence[Sample]) -> list[str]:
    """The samples' files that are missing from the checkout."""
    files = [PHOTOS / name for name in {s.photo for s in samples} if name]
    files += [SPECS / f"{sample.spec}.json" for sample in samples]
    return sorted(str(path) for path in files if not path.is_file())
