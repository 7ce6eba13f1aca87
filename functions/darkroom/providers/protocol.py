"""What an adapter computes with: requests, answers, and the shape of an adapter itself.

An adapter is pure. `prepare` and `poll` are generators: they yield a `Request` and receive its
`Answer`, so several round trips read from top to bottom. They receive every answer, whatever its
status, because a 404 may be an answer to the question; what they do not understand they raise as
`refuse` says. The driver alone owns the network.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter

from darkroom.errors import DarkroomError, Unclear
from darkroom.ports import Accepted, JobFailed, Pending, Work
from darkroom.routes import Route, Tariff
from darkroom.task import Finished, Input

LARGEST_NUMBER = 10**30
LONGEST_PAUSE_S = 3600
"""Whoever asks for more is asked again after this: a wait must fit the workflow's own limits."""

Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True)
class FilePart:
    """A file of a multipart body: the field's name, and the pinned input that fills it."""

    field: str
    input: Input


@dataclass(frozen=True)
class Request:
    """One HTTP request, complete but for the base URL and the credentials.

    Attributes:
        path: begins with "/".
        json: a JSON body; excludes `form` and `files`.
        form: text fields of a multipart body; values are sent as given.
        files: file fields of the same body, streamed from the input bucket.
        headers: without credentials, which the driver adds.
    """

    method: Method
    path: str
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FilePart, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """The request as text, to be kept until its fate is known. Holds no credentials."""
        return _REQUEST.dump_json(self).decode()

    @classmethod
    def from_text(cls, text: str) -> "Request":
        """The request that `to_text` wrote, equal to the original."""
        return _REQUEST.validate_json(text)


_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


@dataclass(frozen=True)
class Answer:
    """A provider's whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the provider said yes (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of statuses that means yes

    def json(self) -> Any:  # noqa: ANN401 - JSON is whatever the provider says
        """The body as JSON.

        Raises:
            Unclear: it is none. A paid call with such an answer may have been accepted.
        """
        try:
            return _storable(json.loads(self.body))
        except (ValueError, RecursionError) as error:  # broken, or nested without end
            raise Unclear(
                "unreadable-answer", "The provider's answer could not be read."
            ) from error

    def retry_after_s(self) -> int | None:
        """Whole seconds of a `Retry-After` header, an hour at most; None without one or a date."""
        value = self.headers.get("retry-after", "").strip()
        if not (value.isascii() and value.isdecimal()):
            return None
        return min(int(value[:9]), LONGEST_PAUSE_S)


def _storable(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever the provider says
    """The value with what UTF-8 or DynamoDB cannot hold replaced: it must not cost a paid answer.

    A half of a two-part character becomes a question mark, a number beyond 1e30 becomes None.
    """
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool() | None:
            return value
        case int() | float():
            return value if abs(value) < LARGEST_NUMBER else None
        case list():
            return [_storable(inner) for inner in value]
        case dict():
            return {str(_storable(name)): _storable(inner) for name, inner in value.items()}
        case _:
            return value


class Adapter(Protocol):
    """One provider: what it can do, and how to say it."""

    name: str
    label: str
    """Its name as its own documents write it; for sentences."""
    base_url: str
    """Where the real API is; settings may name another."""
    tariff: Tariff
    routes: Sequence[Route]
    credential_names: tuple[str, ...]
    """Names that its secret must hold, none of them empty, for it to count as set up."""

    def authorize(self, credentials: Mapping[str, str]) -> Mapping[str, str]:
        """Headers that carry the credentials."""

    def prepare(self, work: Work) -> Generator[Request, Answer, Request]:
        """Free round trips (uploads); returns the one paid request."""

    def read_submit(self, work: Work, answer: Answer) -> Accepted | Finished:
        """The meaning of the paid call's 2xx answer. Raises `Unclear` when it has none."""

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """Ask how the job stands."""

    def cancel(self, route: Route, job_id: str) -> Request | None:
        """The request that cancels a job, or None where there is none."""

    def refuse(self, answer: Answer) -> DarkroomError:
        """The meaning of an answer that is not 2xx, as an error for the driver to raise.

        `Unclear` where a paid call with this answer may have been accepted; the driver itself
        makes that `Busy` on a free call.
        """
