"""The demo's samples: each a photo with its spec, or with a folder default, and a check."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.media import Kind
from darkroom.domain.object_keys import DEFAULT_NAME
from infra.cli.checkout import DEFAULTS, PHOTOS, SPECS
from infra.cli.demo import image_checks as checks

FOLDER: Final = "photos/"
"""The folder of photos with specs in the input bucket."""
SHOP: Final = "shop/"
"""The folder of photos without specs."""
SHOP_DEFAULT: Final = DEFAULTS / "cut-out" / DEFAULT_NAME
"""What is done with them."""

_NAMES: Final = {"generate": "lighthouse", "generate-music": "waltz"}
"""Operation -> name of the spec, for specs without a photo."""


@dataclass(frozen=True)
class Sample:
    """One task of the demo.

    Attributes:
        photo: a file of `events/photos`; None for a spec with a prompt only.
        spec: a file of `events/specs`, without `.json`; in the shop only the name of what its
            folder default says.
        check: the check for its images.
        kind: the kind of result that it must have.
        in_shop: whether it has no spec, and is what the folder default says.
    """

    photo: str | None
    spec: str
    check: checks.Check
    kind: Kind = "image"
    in_shop: bool = False

    @property
    def operation(self) -> str:
        """The spec's operation; specs are named after it."""
        return self.spec.partition(".")[0]

    @property
    def key(self) -> str:
        """The spec's key, beside its photo; the label is the operation. In the shop the photo's."""
        if self.in_shop:
            return f"{SHOP}{self.photo}"
        return f"{FOLDER}{self.photo or _NAMES[self.operation]}{self._label}.json"

    @property
    def _label(self) -> str:
        return f".{self.operation}" if self.photo else ""

    def read(self) -> bytes:
        """The spec's bytes, or those of the folder default."""
        if self.in_shop:
            return SHOP_DEFAULT.read_bytes()
        return (SPECS / f"{self.spec}.json").read_bytes()

    @property
    def mask(self) -> str | None:
        """The mask's file name, if the spec names one."""
        inputs: dict[str, Any] = json.loads(self.read()).get("inputs", {})
        mask = inputs.get("mask")
        return mask if isinstance(mask, str) else None


SHOP_SAMPLES: Final[Sequence[Sample]] = tuple(
    Sample(name, "remove-background.snapapi", checks.cut_out, in_shop=True)
    for name in ("astronaut.jpg", "chelsea-grey.jpg", "chelsea.jpg", "coffee.jpg")
)
SPEC_SAMPLES: Final[Sequence[Sample]] = (
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


SAMPLES: Final = (*SHOP_SAMPLES, *SPEC_SAMPLES)


def files_of(samples: Sequence[Sample]) -> list[str]:
    """The photos and masks that the samples need, each once."""
    names = [name for sample in samples for name in (sample.photo, sample.mask) if name]
    return sorted(set(names))


def missing_files(samples: Sequence[Sample]) -> list[str]:
    """The samples' files that are missing from the checkout."""
    files = [PHOTOS / name for name in {s.photo for s in samples} if name]
    files += [SPECS / f"{sample.spec}.json" for sample in samples if not sample.in_shop]
    files += [SHOP_DEFAULT for sample in samples[:1] if sample.in_shop]
    return sorted(str(path) for path in files if not path.is_file())
