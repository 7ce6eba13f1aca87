"""The catalogue of GoAPI's unified API: every model and task type, read from catalogue.json.

The file says which fields a task has, which of them are files, where its results are, and how
certain that is. A new model is one entry there. Pure data: nothing here builds requests or reads
responses.
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
from darkroom.domain.price_table import Case
from darkroom.domain.routes import MAX_INPUT_BYTES, Role, Sides

FILE = Path(__file__).with_name("catalogue.json")

Sure = Literal["documented", "vendor", "clients", "third party", "inferred", "unknown"]
"""Where a fact is from: a page of the vendor; another publication of it, such as its Postman
collection; programs that were seen to work; a third party's description; similarity; nowhere."""

# The vendor documents formats for faces only; these are what its upload takes or its clients send.
_FORMATS: Mapping[Kind, frozenset[Media]] = {
    "image": frozenset({PNG, JPEG, WEBP}),
    "video": frozenset({MP4, MOV, WEBM}),
    "audio": frozenset({MP3, WAV, M4A, OGG, FLAC}),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Field(_Part):
    """One field of a task's input that is not a file.

    Attributes:
        choices: all allowed values, if that list is documented.
        least: minimum of a number.
        most: maximum of a number.
        longest: maximum length of a text, in characters.
        preset: sent if the spec leaves the field out.
    """

    type: Literal["text", "integer", "number", "boolean", "list", "object", "any"]
    required: bool = False
    choices: tuple[str | int, ...] = ()
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    preset: Any = None


class File(_Part):
    """One field of a task's input that is one file or several.

    Attributes:
        path: where its URL goes if not into the field itself: `a.b`, `a[].b`.
        beside: other values that are set with it, by path.
        longest_side: of an image, in pixels.
        max_mb: of one file, in MB of 1024 x 1024 bytes.
        formats: extensions, if not all formats of its kind are accepted.
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
        """Whether it is only a part of a field that a spec may write among its params."""
        return self.path is not None

    def place(self, role: str) -> str:
        """The path for its URL."""
        return self.path or (f"{role}[]" if self.most > 1 else role)

    def head(self, role: str) -> str:
        """The first name of that path: the field of the input that contains it."""
        return self.place(role).partition(".")[0].removesuffix("[]")

    def role(self, *, required: bool) -> Role:
        """The field as a role of the spec's inputs."""
        named = frozenset(BY_EXTENSION[extension] for extension in self.formats)
        return Role(
            named or _FORMATS[self.kind],
            required=required,
            max_files=self.most,
            max_bytes=self.max_mb * 1024 * 1024 if self.max_mb else MAX_INPUT_BYTES,
            sides=Sides(max_longer=self.longest_side),
        )


class Pick(_Part):
    """Results of one kind: those at the first path that has any."""

    kind: Kind
    paths: tuple[str, ...]


class Price(_Part):
    """One price of a task, in credits; as `price_table.Case`."""

    credits: float
    where: Mapping[str, tuple[str | int | None, ...]] = {}
    per: str = ""

    @property
    def case(self) -> Case:
        """It as a case of a price table."""
        return Case(self.credits, self.where, self.per)


class Certainty(_Part):
    """How certain the entry is: its input, and the place of its results."""

    input: Sure
    results: Sure


class Entry(_Part):
    """One task type of one model.

    Attributes:
        family: its heading in the vendor's list of endpoints.
        any_of: groups of fields; at least one field of each group is required.
        source: the role of the file that the spec's name implies.
        results: a name of the catalogue's `shapes`.
        history: the filter word for this model in the vendor's task history.
        sure: how certain this entry is.
        cites: where it is from.
        note: anything else that a reader should know.
        prices: as far as the vendor's pages print them, by the fields of the task's input.
        typical_s: usual duration, seconds; a guess.
        job_s: seconds after which the job is given up.
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
    prices: tuple[Price, ...] = ()
    typical_s: int
    job_s: int

    @property
    def name(self) -> str:
        """Model and task type as one name."""
        return f"{self.model}{TASK_TYPE_SEPARATOR}{self.task_type}"


class Catalogue(_Part):
    """The whole file.

    Attributes:
        shapes: name -> where results are; each pick may yield some.
        anywhere: where results of a kind are in any model, for responses of another shape.
        entries: every task type of every model.
    """

    shapes: Mapping[str, tuple[Pick, ...]]
    anywhere: tuple[Pick, ...]
    entries: tuple[Entry, ...]


@cache
def read_catalogue() -> Catalogue:
    """The catalogue, read once in a process. Raises `ValueError` if the file is invalid."""
    return Catalogue.model_validate_json(FILE.read_bytes())


@cache
def entries_by_name() -> Mapping[str, Entry]:
    """Model and task type as one name -> the entry."""
    return {entry.name: entry for entry in read_catalogue().entries}
