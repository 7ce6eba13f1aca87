"""The photos of an upload: how many look alike, and which ones make a good proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from darkroom.domain.media import BY_EXTENSION, extension_of
from infra.cli.money.fingerprints import Fingerprint, group_alike, most_unlike, read_fingerprints

if TYPE_CHECKING:
    from infra.cli.files.upload_plan import UploadPlan

MAX_UNASKED: Final = 500
"""Of more photos fingerprints are made only where an option needs them."""
NEARLY_THE_SAME: Final = "nearly the same as a photo that is uploaded"


@dataclass(frozen=True)
class PhotoSet:
    """The photos of a plan, in order, each with how it looks; a video has no look."""

    keys: Sequence[str]
    prints: "Sequence[Fingerprint | None]"

    @classmethod
    def of(cls, plan: "UploadPlan") -> "PhotoSet":
        """The photos of the plan; reads the pictures, several at once."""
        keys = find_photos(plan)
        return cls(keys, read_fingerprints([plan.files[key] for key in keys]))

    def without(self, photos: set[str]) -> "PhotoSet":
        """The others."""
        pairs = zip(self.keys, self.prints, strict=True)
        kept = [(key, one) for key, one in pairs if key not in photos]
        return PhotoSet([key for key, _ in kept], [one for _, one in kept])

    def groups(self) -> list[list[str]]:
        """The pictures in groups that look nearly the same."""
        groups = [[self.keys[place] for place in group] for group in group_alike(self.prints)]
        return [group for group in groups if _is_picture(group[0])]

    def choose(self, number: int, among: set[str]) -> list[str]:
        """So many of these photos, as unlike each other as possible; always the same ones."""
        places = [place for place, key in enumerate(self.keys) if key in among]
        chosen = most_unlike([self.prints[place] for place in places], number)
        return [self.keys[places[at]] for at in chosen]


def find_photos(plan: "UploadPlan") -> list[str]:
    """The photos and videos that the plan's tasks are about, in their order."""
    about = (plan.photo_of(key) for key in plan.asked)
    return sorted({key for key in about if key is not None})


def _is_picture(key: str) -> bool:
    media = BY_EXTENSION.get(extension_of(key))
    return media is not None and media.kind == "image"
