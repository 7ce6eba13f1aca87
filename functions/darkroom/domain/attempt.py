"""An attempt: one paid call at one provider, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from darkroom.domain.budgets import Reservation
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
"""After `failed` no result is left to fetch; after `given-up` its job may be done."""


@dataclass(frozen=True)
class ResultRef:
    """Where a result is: a URL at the provider, or the data itself.

    Attributes:
        kind: the expected kind of file; checked on delivery.
        url: absolute; short-lived. It is stored in the table, and for a task that could not fetch
            it in the output bucket's work folder, where a retry finds it; nowhere else.
        data: the result itself, base64; for detections and masks inside an answer.
    """

    kind: Kind
    url: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Finished:
    """A provider's final answer: the results, and the credits that it says they cost."""

    results: tuple[ResultRef, ...]
    credits: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small facts worth keeping in the manifest, such as the foreground's box."""


@dataclass(frozen=True)
class Attempt:
    """One paid call at one provider, numbered within the task from 1.

    Attributes:
        run: the run that made it, or resumed it last.
        account: a digest of the credentials that it was made with (`ports.Providers.account`); None
            in attempts from before this field existed.
        asked_since: when a later run resumed it; None in its first run.
        call_until: no answer of the call can arrive after this.
        request: the exact paid request, as text, while the attempt is open; else None.
        replays: how often it was sent again under its idempotency key, or looked up.
        answer: what the provider made, between the paid answer and delivery; else None.
        answer_key: where `answer` lies in the output bucket when it is too large for the item.
        credits: the charge that the provider reported, or the price table's figure.
        seen_at: when the provider last knew the job; only for routes with `max_poll_gap_s`.
        unknown_since: when the provider began to report that it does not know the job.
        reserved: what its call reserved of budgets.
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
    reserved: tuple[Reservation, ...] = ()
