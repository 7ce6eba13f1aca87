"""An attempt: one paid call at one provider, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from darkroom.domain.errors import Failure
from darkroom.domain.media import Kind

Charged = Literal["yes", "no", "unknown"]
Outcome = Literal[
    "open",
    "accepted",
    "succeeded",
    "refused",
    "throttled",
    "failed",
    "lost",
    "given-up",
    "unknown",
]
"""After `failed` nothing more is to be had of it; after `given-up` its job may be done."""


@dataclass(frozen=True)
class ResultRef:
    """Where a result is to be had: a URL at the provider, or the data itself.

    Attributes:
        kind: what it is expected to be; checked on delivery.
        url: absolute; short-lived. It is kept in the table, and for a task that could not fetch it
            beside the results on their way, where a retry finds it; nowhere else.
        data: the result itself, base64; for detections and masks that come inside an answer.
    """

    kind: Kind
    url: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Finished:
    """A provider's last word on an attempt: the results, and what it says they cost."""

    results: tuple[ResultRef, ...]
    credits: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small facts worth keeping in the manifest, such as the foreground's box."""


@dataclass(frozen=True)
class Attempt:
    """One paid call at one provider, numbered within the task from 1.

    Attributes:
        run: the run that made it, or asked about it last.
        account: a digest of the credentials that it was made with (`ports.Providers.account`); None
            in attempts that were made before it was kept.
        asked_since: when a later run took it up again; None in its first.
        call_until: no answer of the call can arrive after this.
        request: the exact paid request, as text, while the attempt is open; else None.
        replays: how often it was sent again under its key, or looked for.
        answer: what the provider made, between the paid answer and delivery; else None.
        answer_key: where `answer` lies in the output bucket when it is too large for the item.
        credits: what the provider said it took, or the price table's figure.
        seen_at: when the provider last knew the job; kept only where a job that nobody asks about
            is lost.
        unknown_since: when the provider first did not know the job, since it last did.
    """

    number: int
    provider: str
    model: str
    started_at: datetime
    call_until: datetime
    run: int = 1
    asked_since: datetime | None = None
    outcome: Outcome = "open"
    request: str | None = None
    replays: int = 0
    job_id: str | None = None
    accepted_at: datetime | None = None
    answer: Finished | None = None
    answer_key: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    failure: Failure | None = None
    charged: Charged = "no"
    credits: float | None = None
    account: str | None = None
    seen_at: datetime | None = None
    unknown_since: datetime | None = None
