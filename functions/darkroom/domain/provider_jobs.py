"""The request of one attempt to a provider, and the provider's answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from darkroom.domain.attempt import Charged
from darkroom.domain.media import Media
from darkroom.domain.order import Input
from darkroom.domain.routes import Route


@dataclass(frozen=True)
class JobRequest:
    """The request of one attempt for one route."""

    task_id: str
    attempt: int
    route: Route
    params: Any
    inputs: Mapping[str, tuple[Input, ...]]


@dataclass(frozen=True)
class Prepared:
    """A paid call that is ready to be sent.

    Attributes:
        request: the exact request, as text; without credentials.
        sha256: key of every input file -> hex digest of the bytes that go to the provider.
    """

    request: str
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The provider accepted the job; money may have moved; `job_id` is the provider's id."""

    job_id: str
    credits: float | None = None


@dataclass(frozen=True)
class Pending:
    """The job is still running.

    Attributes:
        progress: percent, if the provider reports it.
        ask_again_s: seconds after which the provider wants the next poll.
        note: the provider's status word if no table lists it, made safe to quote.
    """

    progress: int | None = None
    ask_again_s: float | None = None
    note: str = ""


@dataclass(frozen=True)
class JobFailed:
    """The accepted job failed at the provider."""

    code: str
    sentence: str
    charged: Charged


@dataclass(frozen=True)
class Download:
    """A result that is being downloaded.

    Attributes:
        body: seekable, at position 0; closed when the `with` block that fetched it ends.
        size: bytes.
        sha256: hex digest of all bytes.
        media: what the first bytes show; None for an unknown format.
    """

    body: BinaryIO
    size: int
    sha256: str
    media: Media | None
