"""The contract of an adapter, and its vocabulary: requests, responses, styles.

An adapter is pure: no network, no clock. `prepare` and `poll` are generators: they yield a
`Request` and receive its `Response`, so several round trips read from top to bottom. They receive
every response, whatever its status, because a 404 may be the information they need; any other
status they raise as `read_error` says. Only the driver uses the network.

To write a new one, see README.md beside this file.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import DarkroomError, ProviderRefused, Unclear
from darkroom.domain.media import Media
from darkroom.domain.order import Input
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.vendor_history import HistoryPage
from darkroom.providers.parse_json import parse_json

MAX_PAUSE_S = 3600
"""Longest pause that a provider can ask for; a wait must fit the workflow's own limits."""

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class FilePart:
    """A file inside a body: the field's name, and the pinned input that is its content."""

    field: str
    input: Input


@dataclass(frozen=True)
class Request:
    """One HTTP request without the base URL and the credentials. Stored as text: see `to_text`.

    Attributes:
        path: begins with "/"; or a whole URL that the provider gave, which is requested without
            credentials and with only those headers that an upload needs.
        host: which of the provider's hosts: "" is its API, others are named by the adapter.
        json: a JSON body; excludes `form` and `files`.
        encoded: files inside that JSON body, as base64 texts under their own names.
        form: text fields of a multipart body.
        files: file fields of the same body, streamed from the input bucket.
        content: a file that is the whole body, streamed from the input bucket.
        headers: without credentials; the driver adds them.
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
    def is_external(self) -> bool:
        """Whether it goes to a URL that the provider gave."""
        return not self.path.startswith("/")

    def to_text(self) -> str:
        """The request as text, stored until its outcome is known. Contains no credentials."""
        return _request_adapter().dump_json(self).decode()

    @classmethod
    def from_text(cls, text: str) -> "Request":
        """The request that `to_text` wrote, equal to the original."""
        return _request_adapter().validate_json(text)


@cache
def _request_adapter() -> TypeAdapter[Request]:
    return TypeAdapter(Request)


@dataclass(frozen=True)
class Response:
    """A provider's complete response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body as JSON, within the bounds of `parse_json`.

        Raises:
            Unclear: it is not JSON. A paid call with such a response may have been accepted.
        """
        try:
            return parse_json(self.body)
        except ValueError as error:
            raise Unclear(
                "unreadable-answer", "The provider's answer could not be read."
            ) from error

    def retry_after_s(self) -> int | None:
        """Whole seconds of `Retry-After`, at most an hour; None if it is missing or a date."""
        value = self.headers.get("retry-after", "").strip()
        if not (value.isascii() and value.isdecimal()):
            return None
        return min(int(value[:9]), MAX_PAUSE_S)


class InputFiles(Protocol):
    """What an adapter can learn about its input files while it prepares."""

    def media(self, file: Input) -> Media | None:
        """The file's format, by its first bytes."""

    def has_alpha(self, file: Input) -> bool:
        """Whether a picture has an alpha channel or a transparent colour, by its header."""

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """A presigned URL from which the provider can read the file for `lifetime_s` seconds.

        None if it could not: the input bucket is on this machine and the provider is not.
        """


@dataclass(frozen=True)
class Style:
    """One entry of a provider's catalogue of styles."""

    id: int
    title: str
    thumb: str | None = None


@dataclass(frozen=True)
class StyleGroup:
    """Styles that a provider lists together."""

    id: int
    title: str
    styles: tuple[Style, ...]


class Adapter(Protocol):
    """One provider: what it offers, and how to call it. Adapters derive from this class."""

    name: str
    """Its name in specs, settings and the registry."""
    label: str
    """Its name as the vendor writes it; for messages."""
    base_urls: tuple[str, ...]
    """Base URLs of the real API; the next is tried when nothing could be sent to the one before.
    `base_url` in the secret replaces them all."""
    hosts: Mapping[str, str] = MappingProxyType({})
    """Its other hosts: name -> base URL. `<name>_url` in the secret replaces one; if the secret has
    only `base_url`, that is used for them too."""
    tariff: Tariff
    routes: Sequence[Route]
    credential_names: tuple[str, ...]
    """Names that its secret must have, none of them empty, for the provider to be set up."""
    key_prefix: str = ""
    """How each `api_key` begins by the vendor's documents; "" where they do not say."""
    rules: Rules = Rules(open_jobs=20)
    """Limits of an account; without documented ones, 20 open jobs."""
    token_lifetime_s: int | None = None
    """How long the headers of `authorize` are valid, seconds; None for ever. They are also renewed
    when the provider refuses them."""

    def __init__(self, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Build the adapter with the environment's settings for it; this one accepts none.

        Raises:
            ValueError: an option is unknown or invalid.
        """
        if options:
            raise ValueError(f"there are no options for: {self.name}")

    def authorize(
        self, credentials: Mapping[str, str], now_ms: int
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """Headers that carry the credentials; the round trips to get them carry none.

        `now_ms` is the time in milliseconds since 1970, for providers that sign it.

        A provider that wants a key in a header needs no round trip: `yield from ()`.
        """

    def key_fault(self, name: str, value: str) -> str:
        """Why this cannot be the credential of that name, by the vendor's documents.

        "" where it may be. A clause without a full stop that contains nothing of the value.
        """
        if name == "api_key" and not value.startswith(self.key_prefix):
            return f"a key of {self.label} begins with {self.key_prefix}"
        return ""

    def prepare(
        self, job_request: JobRequest, files: InputFiles
    ) -> Generator[Request, Response, Request]:
        """Free round trips (uploads); returns the one paid request."""

    def read_submit(self, job_request: JobRequest, response: Response) -> Accepted | Finished:
        """The outcome in the paid call's 2xx response. Raises `Unclear` if there is none."""

    def look_up(
        self, job_request: JobRequest, since_s: int, look: int = 0
    ) -> Generator[Request, Response, Accepted | None]:
        """Find the job of a paid call whose outcome is unclear; None if none is listed (yet).

        Only for routes of class `look-up`. `since_s` is when the call began, seconds since 1970;
        `look` is how many look-ups for it began before: one need not ask about every job.
        """
        del since_s, look
        raise LookupError(f"{self.name} has no list of past calls ({job_request.route.model})")

    def poll(
        self, route: Route, job_id: str
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """Ask for the job's status."""

    def balance(self) -> Generator[Request, Response, Balance] | None:
        """Ask what is in the account, free of charge; None if the vendor documents no such call.

        Dollars are left out where they are only the credits by the tariff.
        """
        return None

    def history(
        self,
        since_s: int,  # noqa: ARG002 - for adapters that can
        after: str,  # noqa: ARG002 - the same
    ) -> Generator[Request, Response, HistoryPage] | None:
        """A page of the account's own history of jobs, newest first, free of charge.

        None if the vendor documents no such call.

        Args:
            since_s: earlier jobs need not be in it, seconds since 1970.
            after: the last page's `HistoryPage.after`; "" for the first page.
        """
        return None

    def cancel(self, route: Route, job_id: str) -> Request | None:  # noqa: ARG002 - for adapters that can
        """The request that cancels a job; None if the provider has none."""
        return None

    def is_cancelled(self, response: Response) -> bool:
        """Whether a 2xx response to `cancel` says that the job was stopped."""
        return response.ok

    def styles(self, route: Route) -> Generator[Request, Response, Sequence[StyleGroup]]:
        """The provider's catalogue of styles for a route, page by page.

        Raises:
            ProviderRefused: it has none for this route (`no-styles`).
        """
        raise ProviderRefused(
            "no-styles", f"{self.label} has no list of styles for '{route.operation}'."
        )

    def read_error(self, response: Response) -> DarkroomError:
        """The error that a response other than 2xx meaning, for the driver to raise.

        `Unclear` if a paid call with this response may have been accepted; on a free call the
        driver turns that into `Busy`.
        """
