"""What a generator gets: the checked input, access to its files, and storage for results.

An input file is a URL, or base64 with or without a `data:` prefix where the model takes that.
Results are stored under `/temp/` for a day. The vendor documents only "a set period" (Unified API
Webhook), so the day is a guess.
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
from infra.sandbox.goapi.generators.padded_files import PaddedFiles
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
    """A path on this server; it becomes a URL when a response is written."""

    path: str


Output = dict[str, object]
Finder = Callable[[str], Mapping[str, object] | None]
"""Returns the output of a completed task by its id, None if there is none."""


@dataclass(frozen=True)
class GenerationContext:
    """What the generator of one task works with."""

    state: SandboxState
    padded_files: PaddedFiles
    base_url: str
    model: str
    task_type: str
    input: Mapping[str, object]
    takes_base64: bool
    find_output: Finder
    effect: Effect | None = None

    def text(self, name: str) -> str:
        """Return a text field, empty when absent."""
        return str(self.input.get(name) or "")

    def number(self, name: str, default: float = 0) -> float:
        """Return a number, `default` when absent or zero."""
        value = self.input.get(name)
        return value if isinstance(value, (int, float)) and value else default

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number, `default` when absent or zero."""
        return int(self.number(name, default))

    def list(self, name: str) -> Sequence[object]:
        """Return a list, empty when absent."""
        value = self.input.get(name)
        return value if isinstance(value, list) else []

    def photo(self, source: object) -> Photo:
        """Fetch and decode an image; the task fails if that is not possible."""
        try:
            return decode(self.blob(source, BAD_IMAGE))
        except BadImageError as exc:
            raise WorkError(BAD_IMAGE) from exc

    def blob(self, source: object, failure: str) -> bytes:
        """Fetch a file, or raise `WorkError` with the message `failure`."""
        if isinstance(source, Link):
            return self._own(source, failure)
        if not isinstance(source, str):
            raise WorkError(failure)
        if source.startswith(("http://", "https://")):
            try:
                return fetch(source, own_base=self.base_url, files=self.state.files)
            except FetchError as exc:
                raise WorkError(failure) from exc
        if not self.takes_base64:
            raise WorkError(failure)
        try:
            return base64.b64decode(_without_head(source), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise WorkError(failure) from exc

    def store(self, content: bytes, extension: str) -> Link:
        """Store a result file."""
        path = f"/temp/{uuid.uuid4()}.{extension}"
        effect = self.effect
        gone_status = None if effect is None else effect.gone_status
        self.state.files.put(
            path, content, MIMES[extension], lifetime_s=LIFETIME_S, gone_status=gone_status
        )
        if effect is not None and effect.pad_bytes and extension == "mp4":
            self.padded_files.put(path, effect.pad_bytes)
        return Link(path)

    def store_image(self, pixels: Pixels, extension: str = "png") -> Link:
        """Encode and store an image."""
        return self.store(encode(pixels, extension), extension)

    def _own(self, link: Link, failure: str) -> bytes:
        try:
            return self.state.files.get(link.path).content
        except MissingFileError as exc:
            raise WorkError(failure) from exc


def with_urls(value: object, base_url: str) -> object:
    """Replace every link in an output by its URL."""
    match value:
        case Link(path=path):
            return base_url + path
        case dict():
            return {key: with_urls(one, base_url) for key, one in value.items()}
        case list():
            return [with_urls(one, base_url) for one in value]
        case _:
            return value


def _without_head(text: str) -> str:
    return text.partition(",")[2] if text.startswith("data:") else text
