"""What a maker works with: the checked input, its files, and a shelf for what it makes.

Files come by URL, or as base64 with or without a `data:` head where the model takes that. What is
made is kept under `/temp/` for a day; the vendor says only "a set period" (Unified API Webhook), so
the day is a guess.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.sandbox.context import SandboxState
from infra.sandbox.faults import Effect
from infra.sandbox.fetch import FetchError, fetch
from infra.sandbox.file_store import MissingFileError
from infra.sandbox.goapi.generators.padded_files import Tails
from infra.sandbox.image_ops.codec import BadImageError, Photo, Pixels, decode, encode
from infra.sandbox.jobs import WorkError

LIFETIME_S = 24 * 3600.0
BAD_IMAGE = "failed to get valid image"
BAD_VIDEO = "failed to get valid video"
BAD_AUDIO = "failed to get valid audio"
MIMES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "glb": "model/gltf-binary",
}


@dataclass(frozen=True)
class Link:
    """A path on this server; it becomes a URL when an answer is written."""

    path: str


Output = dict[str, object]
Finder = Callable[[str], Mapping[str, object] | None]
"""Gives the output of a completed task by its id."""


@dataclass(frozen=True)
class GenerationContext:
    """One task's place of work."""

    world: SandboxState
    tails: Tails
    base: str
    model: str
    task_type: str
    input: Mapping[str, object]
    inline: bool
    find_output: Finder
    effect: Effect | None = None

    def text(self, name: str) -> str:
        """Return a text field, empty when it is absent."""
        return str(self.input.get(name) or "")

    def number(self, name: str, default: float = 0) -> float:
        """Return a number, `default` when it is absent or zero."""
        value = self.input.get(name)
        return value if isinstance(value, (int, float)) and value else default

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number, `default` when it is absent or zero."""
        return int(self.number(name, default))

    def list(self, name: str) -> Sequence[object]:
        """Return a list, empty when it is absent."""
        value = self.input.get(name)
        return value if isinstance(value, list) else []

    def photo(self, source: object) -> Photo:
        """Fetch and decode an image; anything wrong with it fails the task."""
        try:
            return decode(self.blob(source, BAD_IMAGE))
        except BadImageError as exc:
            raise WorkError(BAD_IMAGE) from exc

    def blob(self, source: object, failure: str) -> bytes:
        """Fetch a file, or raise `WorkError` with the sentence given."""
        if isinstance(source, Link):
            return self._own(source, failure)
        if not isinstance(source, str):
            raise WorkError(failure)
        if source.startswith(("http://", "https://")):
            try:
                return fetch(source, own_base=self.base, files=self.world.files)
            except FetchError as exc:
                raise WorkError(failure) from exc
        if not self.inline:
            raise WorkError(failure)
        try:
            return base64.b64decode(_without_head(source), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise WorkError(failure) from exc

    def keep(self, content: bytes, extension: str) -> Link:
        """Put a result on the shelf."""
        path = f"/temp/{uuid.uuid4()}.{extension}"
        effect = self.effect
        gone = (effect.status or 404) if effect is not None and effect.result == "gone" else None
        self.world.files.put(path, content, MIMES[extension], lifetime_s=LIFETIME_S, gone=gone)
        if effect is not None and effect.pad_bytes and extension == "mp4":
            self.tails.put(path, effect.pad_bytes)
        return Link(path)

    def keep_image(self, pixels: Pixels, form: str = "png") -> Link:
        """Put an image on the shelf."""
        return self.keep(encode(pixels, form), form)

    def _own(self, link: Link, failure: str) -> bytes:
        try:
            return self.world.files.get(link.path).content
        except MissingFileError as exc:
            raise WorkError(failure) from exc


def with_urls(value: object, base: str) -> object:
    """Replace every link in an output by its URL."""
    match value:
        case Link(path=path):
            return base + path
        case dict():
            return {key: with_urls(one, base) for key, one in value.items()}
        case list():
            return [with_urls(one, base) for one in value]
        case _:
            return value


def _without_head(text: str) -> str:
    return text.partition(",")[2] if text.startswith("data:") else text
