"""What an adapter computes with: requests, answers, and the shape of an adapter itself.

An adapter is pure. `prepare` and `poll` are generators: they yield a `Request` and receive its
`Answer`, so several round trips read from top to bottom. They receive every answer, whatever its
status, because a 404 may be an answer to the question; what they do not understand they raise as
`refuse` says. The driver alone owns the network.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError, ProviderRefused, Unclear
from darkroom.domain.media import Media
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.providers.bounded_json import read_document

MAX_PAUSE_S = 3600
"""Whoever asks for more is asked again after this: a wait must fit the workflow's own limits."""

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class FilePart:
    """A file inside a body: the field's name, and the pinned input that fills it."""

    field: str
    input: Input


@dataclass(frozen=True)
class Request:
    """One HTTP request, complete but for the base URL and the credentials.

    Attributes:
        path: begins with "/"; or a whole address that the provider handed out, which is asked
            without credentials and with those of these headers that an upload needs.
        host: which of the provider's hosts; "" is its API, others are named by the adapter.
        json: a JSON body; excludes `form` and `files`.
        encoded: files of that JSON body, as base64 texts under names of their own.
        form: text fields of a multipart body; values are sent as given.
        files: file fields of the same body, streamed from the input bucket.
        content: a file that is the whole body, streamed from the input bucket.
        headers: without credentials, which the driver adds.
    """

    method: Method
    path: str
    host: str = ""
    json: Mapping[str, Any] | None = None
    encoded: tuple[FilePart, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FilePart, ...] = ()
    content: Input | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        """Whether it goes to an address that the provider handed out."""
        return not self.path.startswith("/")

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
        """The body as JSON, within the bounds of `bounded_json`.

        Raises:
            Unclear: it is none. A paid call with such an answer may have been accepted.
        """
        try:
            return read_document(self.body)
        except ValueError as error:
            raise Unclear(
                "unreadable-answer", "The provider's answer could not be read."
            ) from error

    def retry_after_s(self) -> int | None:
        """Whole seconds of a `Retry-After` header, an hour at most; None without one or a date."""
        value = self.headers.get("retry-after", "").strip()
        if not (value.isascii() and value.isdecimal()):
            return None
        return min(int(value[:9]), MAX_PAUSE_S)


class InputFiles(Protocol):
    """What an adapter may ask about its input files while it prepares."""

    def media(self, file: Input) -> Media | None:
        """The file's format, by its first bytes."""

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """An address from which the provider can read the file for so many seconds.

        None where it could not: the input bucket is on this machine and the provider is not.
        """


@dataclass(frozen=True)
class Style:
    """One entry of a provider's catalogue of styles."""

    id: int
    title: str
    thumb: str | None = None


@dataclass(frozen=True)
class StyleGroup:
    """The styles that a provider lists together."""

    id: int
    title: str
    styles: tuple[Style, ...]


class Adapter(Protocol):
    """One provider: what it can do, and how to say it. Adapters derive from it."""

    name: str
    label: str
    """Its name as its own documents write it; for sentences."""
    base_urls: tuple[str, ...]
    """Where the real API is; the next one is tried when nothing could be sent to the one before.
    A secret's `base_url` replaces them all."""
    hosts: Mapping[str, str] = MappingProxyType({})
    """Its other hosts: name -> address. A secret's `<name>_url` replaces one; where the secret has
    only a `base_url`, that is the other hosts', too."""
    tariff: Tariff
    routes: Sequence[Route]
    credential_names: tuple[str, ...]
    """Names that its secret must hold, none of them empty, for it to count as set up."""
    rules: Rules = Rules(open_jobs=20)
    """What an account bears; where nothing is documented, so many open jobs."""
    session_s: int | None = None
    """How long what `authorize` returns is good for, seconds; None for ever. It is also asked
    anew when the provider refuses it."""

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """Headers that carry the credentials; the round trips on the way to them carry none.

        `now_ms` is the time in milliseconds since 1970, as some providers want to see it.

        A provider that wants a key in a header makes no round trip: `yield from ()`.
        """

    def prepare(self, work: JobRequest, files: InputFiles) -> Generator[Request, Answer, Request]:
        """Free round trips (uploads); returns the one paid request."""

    def read_submit(self, work: JobRequest, answer: Answer) -> Accepted | Finished:
        """The meaning of the paid call's 2xx answer. Raises `Unclear` when it has none."""

    def look_up(
        self, work: JobRequest, since_s: int, look: int = 0
    ) -> Generator[Request, Answer, Accepted | None]:
        """Find the job of a doubtful paid call; None when the provider knows of none (yet).

        Only for routes of class `look-up`. `since_s` is when the call began, seconds since 1970;
        `look` is how many looks for it were begun before: one look need not ask about every job.
        """
        del since_s, look
        raise LookupError(f"{self.name} has no list of past calls ({work.route.model})")

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """Ask how the job stands."""

    def cancel(self, route: Route, job_id: str) -> Request | None:  # noqa: ARG002 - for those who can
        """The request that cancels a job, or None where there is none."""
        return None

    def cancelled(self, answer: Answer) -> bool:
        """Whether a 2xx answer to `cancel` says that the job was stopped."""
        return answer.ok

    def styles(self, route: Route) -> Generator[Request, Answer, Sequence[StyleGroup]]:
        """The provider's catalogue of styles for a route, page by page.

        Raises:
            ProviderRefused: it has none for this route (`no-styles`).
        """
        raise ProviderRefused(
            "no-styles", f"{self.label} has no list of styles for '{route.operation}'."
        )

    def refuse(self, answer: Answer) -> DarkroomError:
        """The meaning of an answer that is not 2xx, as an error for the driver to raise.

        `Unclear` where a paid call with this answer may have been accepted; the driver itself
        makes that `Busy` on a free call.
        """
