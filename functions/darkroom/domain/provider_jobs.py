"""What one attempt asks of a provider, and what the provider says to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from darkroom.domain.attempt import Charged
from darkroom.domain.media import Media
from darkroom.domain.order import Input
from darkroom.domain.routes import Route


@dataclass(frozen=True)
class JobRequest:
    """What one attempt asks of one route."""

    task_id: str
    attempt: int
    route: Route
    params: Any
    inputs: Mapping[str, tuple[Input, ...]]


@dataclass(frozen=True)
class Prepared:
    """A paid call that is ready to be made.

    Attributes:
        request: the exact request, as text; without credentials.
        sha256: key of every input file -> hex digest of the bytes that go to the provider.
    """

    request: str
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The provider took the job; money may have moved; `job_id` is its name over there."""

    job_id: str
    credits: float | None = None


@dataclass(frozen=True)
class Pending:
    """The job is still being worked on.

    Attributes:
        progress: percent, where the provider says so.
        ask_again_s: seconds after which the provider wants to be asked again.
        note: the provider's word for how the job stands where no table knows it, made quotable.
    """

    progress: int | None = None
    ask_again_s: float | None = None
    note: str = ""


@dataclass(frozen=True)
class JobFailed:
    """The provider gave the accepted job up."""

    code: str
    sentence: str
    charged: Charged


@dataclass(frozen=True)
class Download:
    """A result on its way.

    Attributes:
        body: seekable, at position 0; gone when the block that fetched it ends.
        size: bytes.
        sha256: hex digest of all bytes.
        media: what the first bytes show; None for an unknown format.
    """

    body: BinaryIO
    size: int
    sha256: str
    media: Media | None
