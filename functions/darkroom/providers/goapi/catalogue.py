"""The catalogue of GoAPI's unified API: every model and task type, read from the file beside this.

The file says what a task takes, which of its fields are files, where its results sit, and how sure
that is. A new model is one entry there. Nothing here is sent, and nothing reads an answer.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from darkroom.domain.media import (
    BY_EXTENSION,
    FLAC,
    JPEG,
    M4A,
    MOV,
    MP3,
    MP4,
    OGG,
    PNG,
    WAV,
    WEBM,
    WEBP,
    Kind,
    Media,
)
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from darkroom.domain.routes import MAX_INPUT_BYTES, Role, Sides

FILE = Path(__file__).with_name("catalogue.json")

Sure = Literal["documented", "vendor", "clients", "third party", "inferred", "unknown"]
"""Who says so: a page of the vendor; another publication of the vendor's, such as its Postman
collection; programs that were seen to work; somebody else's description; likeness; nobody."""

# The vendor names formats for faces alone; these are what its upload takes, or its clients send.
_FORMATS: Mapping[Kind, frozenset[Media]] = {
    "image": frozenset({PNG, JPEG, WEBP}),
    "video": frozenset({MP4, MOV, WEBM}),
    "audio": frozenset({MP3, WAV, M4A, OGG, FLAC}),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Field(_Part):
    """One field of a task's input that is no file.

    Attributes:
        choices: all that it may be, where that is documented and closed.
        least: of a number.
        most: of a number.
        longest: of a text, in characters.
        preset: sent where the spec says nothing.
    """

    type: Literal["text", "integer", "number", "boolean", "list", "object", "any"]
    required: bool = False
    choices: tuple[str | int, ...] = ()
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    preset: Any = None


class File(_Part):
    """One field of a task's input that is a file, or several.

    Attributes:
        path: where its address goes when that is not the field itself: `a.b`, `a[].b`.
        beside: what else is set with it, by path.
        longest_side: of a picture, in pixels.
        max_mb: of one file, in MB of 1024 x 1024 bytes.
        formats: by extension, where fewer are taken than of its kind.
    """

    kind: Kind
    required: bool = False
    most: int = 1
    path: str | None = None
    beside: Mapping[str, str] = {}
    longest_side: int | None = None
    max_mb: int | None = None
    formats: tuple[str, ...] = ()

    @property
    def nested(self) -> bool:
        """Whether it is only a part of the field that a spec may write among its params."""
        return self.path is not None

    def place(self, role: str) -> str:
        """The path at which its address goes."""
        return self.path or (f"{role}[]" if self.most > 1 else role)

    def head(self, role: str) -> str:
        """The first name of that path: the field of the input that holds it."""
        return self.place(role).partition(".")[0].removesuffix("[]")

    def role(self, *, required: bool) -> Role:
        """The same as a rule for the spec's inputs."""
        named = frozenset(BY_EXTENSION[extension] for extension in self.formats)
        return Role(
            named or _FORMATS[self.kind],
            required=required,
            max_files=self.most,
            max_bytes=self.max_mb * 1024 * 1024 if self.max_mb else MAX_INPUT_BYTES,
            sides=Sides(max_longer=self.longest_side),
        )


class Pick(_Part):
    """Results of one kind: the first of the paths at which there are any."""

    kind: Kind
    paths: tuple[str, ...]


class Certainty(_Part):
    """How sure it is what a task takes, and where its results sit."""

    input: Sure
    results: Sure


class Entry(_Part):
    """One task type of one model.

    Attributes:
        family: its heading in the vendor's list of endpoints.
        any_of: groups of fields, of each of which at least one is needed.
        source: the file that the spec's name implies.
        results: a name of the catalogue's `shapes`.
        history: the word by which the vendor's history of tasks is narrowed to this model.
        sure: how sure this entry is.
        cites: where it is from.
        note: what else a person should know.
        typical_s: what it usually takes, seconds; a guess.
        job_s: given up after so many seconds.
    """

    model: str
    task_type: str
    family: str
    fields: Mapping[str, Field]
    files: Mapping[str, File]
    any_of: tuple[tuple[str, ...], ...] = ()
    source: str = "image"
    results: str
    history: str | None = None
    sure: Certainty
    cites: str
    note: str = ""
    typical_s: int
    job_s: int

    @property
    def name(self) -> str:
        """Model and task type as one name."""
        return f"{self.model}{TASK_TYPE_SEPARATOR}{self.task_type}"


class Catalogue(_Part):
    """The whole file.

    Attributes:
        shapes: name -> where results sit; each pick may bring some.
        anywhere: where results of a kind sit at any model, for answers of another shape.
        entries: every task type of every model.
    """

    shapes: Mapping[str, tuple[Pick, ...]]
    anywhere: tuple[Pick, ...]
    entries: tuple[Entry, ...]


@cache
def read_catalogue() -> Catalogue:
    """The catalogue, read once in a process. Raises `ValueError` when the file is wrong."""
    return Catalogue.model_validate_json(FILE.read_bytes())


@cache
def entries_by_name() -> Mapping[str, Entry]:
    """Model and task type as one name -> the entry."""
    return {entry.name: entry for entry in read_catalogue().entries}
