"""The endpoints of the vendors' documents as data: one JSON file per document beside this module.

Written from the documents themselves, with their names, and not from the adapters or the sandboxes,
so that a missing endpoint shows in the tests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

HERE = Path(__file__).parent
ANY = "*"


class Entry(BaseModel):
    """One endpoint, for one operation that comes through it.

    Attributes:
        operation: Darkroom's operation; `*` for a call that every operation makes, None for a call
            that no operation needs; `because` is then the reason.
        model: the route's model, where the document has one that a spec can pin.
        task_type: the vendor's task type beside the model, where it has one.
        documented: false for a feature that the document mentions without its endpoints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    name: str
    method: str | None = None
    path: str | None = None
    operation: str | None
    model: str | None = None
    task_type: str | None = None
    because: str = ""
    documented: bool = True

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.documented != (self.method is not None and self.path is not None):
            raise ValueError("an endpoint has a method and a path; an undocumented feature neither")
        if (self.operation is None) != bool(self.because):
            raise ValueError("an endpoint without an operation says why, any other does not")
        return self

    @property
    def pinned(self) -> str | None:
        """The first name of the route that serves it; None for any model."""
        if self.operation == "task" and self.model and self.task_type:
            return f"{self.model}:{self.task_type}"
        return self.model

    @property
    def family(self) -> str:
        """The heading under which the document's navigation lists it."""
        return self.name.split(" / ", maxsplit=1)[0]

    def __str__(self) -> str:
        """Name it in a test's id."""
        return f"{self.provider}: {self.name} ({self.operation}, {self.pinned})"


class LeftOut(BaseModel):
    """A line of a document's navigation without an entry, and the reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    reason: str = Field(min_length=1)


class Document(BaseModel):
    """One source document.

    Attributes:
        not_endpoints: pages that do not describe a call.
        other_interfaces: calls that do not work on a file: conversations, completions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    document: str
    endpoints: list[Entry]
    not_endpoints: list[LeftOut] = Field(default_factory=list)
    other_interfaces: list[LeftOut] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _hand_down_the_provider(cls, raw: object) -> object:
        if isinstance(raw, dict):
            named = [{"provider": raw["provider"], **one} for one in raw["endpoints"]]
            return {**raw, "endpoints": named}
        return raw


def read_documents() -> Iterator[Document]:
    """Read every document's file."""
    for path in sorted(HERE.glob("*.json")):
        yield Document.model_validate_json(path.read_bytes())
