"""All providers as they are described in their documents, over one ledger, with faults.

By class: `key` answers a repeated key with the first job, for a day; `look-up` lists jobs, some
late; `none` tells nothing. A job of a route with `alone_s` is lost when nobody asks for that
long, and gives its credits back. Addresses of results grow old; asking again brings new ones.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, Protocol

from darkroom.attempt import Finished, ResultRef
from darkroom.errors import (
    Busy,
    DarkroomError,
    NotSent,
    ProviderRefused,
    ResultGone,
    Throttled,
    Unclear,
)
from darkroom.media import PNG as PNG_MEDIA
from darkroom.pace import Rules
from darkroom.routes import Route, Tariff
from darkroom.work import Accepted, Fetched, JobFailed, Pending, Prepared, Work
from tests.simulation.ledger import Job, Ledger
from tests.simulation.outside import Invocation, Outside
from tests.simulation.pace import RULES, Pace

PNG: Final = b"\x89PNG\r\n\x1a\n"
SECRET: Final = "signature=secret"
URL_S: Final = 3600.0

_NOT_ACCEPTED: Final = frozenset({"server-error", "unanswered", "half-open"})
_SILENT: Final = frozenset({"unanswered", "accepted-but-unanswered", "half-open"})


class Cashier(Protocol):
    """Sees money move."""

    def paying(self, work: Work, request: str) -> None:
        """A paid call is about to be sent."""

    def doubted(self, work: Work) -> None:
        """The answer of a paid call does not reach whoever sent it."""

    def refused(self, work: Work) -> None:
        """A paid call is clearly refused."""

    def answered(self, work: Work) -> None:
        """The answer of a paid call reaches whoever sent it."""

    def stopping(self, job_id: str) -> None:
        """Somebody asks for a job to be stopped."""


class SimulatedProviders:
    """Fulfils `darkroom.ports.Providers`; `offered` changes when something is deployed."""

    def __init__(
        self,
        offered: Sequence[Route],
        outside: Outside,
        cashier: Cashier,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self.offered = tuple(offered)
        self.ledger = Ledger()
        self.pace = Pace(RULES)
        self._outside = outside
        self._cashier = cashier
        self._answered = answered
        self._bodies: dict[str, tuple[bytes, float, Job]] = {}
        self._not_before: dict[str, tuple[float, Invocation | None]] = {}

    # --- what is declared -----------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""
        return self.offered

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""
        return Tariff(0.01, "2026-02-01", f"the price list of {provider}")

    def rules(self, provider: str) -> Rules:
        """What its account bears."""
        return RULES[provider]

    def set_up(self, provider: str) -> bool:
        """Whether there are credentials for it."""
        del provider
        return True

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""
        return f"Set {provider} up first."

    # --- what is paid ---------------------------------------------------------------------------

    def check(self, work: Work) -> None:
        """Every file here is as it should be."""

    def submit(self, work: Work, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Prepare, hand the exact paid request to `intend`, then make the call once."""
        files = sum(len(files) for files in work.inputs.values())
        reserved = files * RULES[work.route.provider].calls_per_file
        if self._free("providers.prepare", work.route.provider, reserved) == "prepare-refused":
            raise ProviderRefused("bad-file", "The provider does not take this file.")
        request = f'{{"task":"{work.task_id}","attempt":{work.attempt},"at":"{SECRET}"}}'
        digests = {file.key: "d" * 64 for files in work.inputs.values() for file in files}
        intend(Prepared(request, digests))
        return self._pay("providers.pay", work, request)

    def repeat(self, work: Work, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`."""
        if work.route.idempotency != "key":
            raise ValueError(f"a paid call of {work.route.provider} must not be repeated")
        return self._pay("providers.repeat", work, request)

    def look_up(self, work: Work, since: datetime, look: int) -> Accepted | None:  # noqa: ARG002 - all jobs are looked at
        """Find the job of a doubtful paid call."""
        del since
        if work.route.idempotency != "look-up":
            raise ValueError(f"{work.route.provider} has no list of past calls")
        kind = self._free("providers.look_up", work.route.provider, 1)
        now = self._outside.timeline.now
        listed = [job for job in self._of(work) if job.listed_at <= now]
        self._outside.end(kind)
        if not listed:
            return None
        return Accepted(listed[0].job_id, listed[0].amount if listed[0].told else None)

    # --- what is free ---------------------------------------------------------------------------

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job stands."""
        kind = self._free("providers.poll", route.provider, job_id=job_id)
        job = self.ledger.jobs.get(job_id)
        if job is None or kind == "job-not-found-yet":
            if job is not None:
                job.denied += 1
            return JobFailed("job-lost", "The provider does not know the job.", "unknown")
        job.denied = 0
        said = self._stands(route, job)
        self._outside.end(kind)
        return said

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job."""
        self._cashier.stopping(job_id)
        kind = self._free("providers.cancel", route.provider)
        job = self.ledger.jobs.get(job_id)
        can = bool(job and route.asynchronous and job.done_at > self._outside.timeline.now)
        if job and can:
            job.fate, job.done_at = "cancelled", self._outside.timeline.now
            job.failure = JobFailed("job-cancelled", "The job was cancelled.", "unknown")
        self._outside.end(kind)
        return can

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Fetched]:
        """Download a result."""
        del max_bytes
        kind = self._outside.begin("providers.fetch", 0.1)
        body, until, job = self._bodies[url]
        if kind in ("result-unreachable", "answer-lost"):
            raise Busy("result-unreachable", "The result's address does not answer.")
        if kind == "result-gone" or self._outside.timeline.now > until:
            self._bodies[url] = (b"", 0.0, job)
            job.gone += 1
            raise ResultGone("result-gone", "The provider no longer has the result.")
        self._outside.end(kind)
        media = PNG_MEDIA if body.startswith(PNG) else None
        digest = hashlib.sha256(body).hexdigest()
        return nullcontext(Fetched(io.BytesIO(body), len(body), digest, media))

    # --- within ---------------------------------------------------------------------------------

    def _pay(self, call: str, work: Work, request: str) -> Accepted | Finished:
        outside, timeline = self._outside, self._outside.timeline
        self._cashier.paying(work, request)
        self.pace.called(work.route.provider, timeline.now)
        self._mind_the_pause(work)
        begun = timeline.now
        try:
            kind = outside.begin(call, outside.mischief.between(0.05, 0.4))
        except BaseException:
            self._cashier.doubted(work)
            raise
        try:
            self._refuse(kind, work)
        except DarkroomError:
            if (
                call == "providers.pay"
            ):  # of what was sent before it, a repeat's refusal says nothing
                self._cashier.refused(work)
            raise
        if kind == "half-open":
            late_s = work.route.call_s + outside.mischief.between(0, 60)
            timeline.after(late_s, lambda: self._accept_late(work, request))
        job = None if kind in _NOT_ACCEPTED else self._accept(work, request)
        if kind in _SILENT:
            timeline.pass_(work.route.call_s)
        if kind == "slow-answer":
            timeline.pass_(outside.mischief.between(3, work.route.call_s - 5))
            outside.check_time()
            kind = None
        if kind is not None or timeline.now - begun > work.route.call_s:
            self._cashier.doubted(work)
            outside.check_time()
            outside.end(kind)
            raise Unclear("no-answer", f"{work.route.provider} did not answer.")
        if job is None or job.request != request:
            raise Unclear("key-conflict", "The key was used before, for another request.")
        self._cashier.answered(work)
        self._answered()
        if work.route.asynchronous:
            return Accepted(job.job_id, job.amount if job.told else None)
        return self._made(job)

    def _refuse(self, kind: str | None, work: Work) -> None:
        """A clear no, if that is what the fault is."""
        now = self._outside.timeline.now
        match kind:
            case "throttled":
                hint_s = int(self._outside.mischief.between(1, 60))
                self._not_before[work.task_id] = (now + hint_s, self._outside.current)
                raise Throttled("busy", "Come back later.", retry_after_s=hint_s)
            case "throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "not-sent":
                raise NotSent("provider-unreachable", "No route to the provider.")
            case "refused":
                raise ProviderRefused("bad-request", "The provider does not take this.")

    def _mind_the_pause(self, work: Work) -> None:
        until, told = self._not_before.get(work.task_id, (0.0, None))
        # A process that died of something else could not pass it on.
        if self._outside.timeline.now < until - 1 and told and not told.harmed:
            self._outside.unexpected.append(
                f"{work.task_id} came back to {work.route.provider} before it was asked to"
            )

    def _accept(self, work: Work, request: str) -> Job:
        now = self._outside.timeline.now
        job = self.ledger.known(work, now) if work.route.idempotency == "key" else None
        return job or self.ledger.accept(work, request, now, self._outside.mischief)

    def _accept_late(self, work: Work, request: str) -> None:
        self._accept(work, request)

    def _of(self, work: Work) -> Sequence[Job]:
        return self.ledger.of.get((work.task_id, work.attempt), ())

    def _stands(self, route: Route, job: Job) -> Pending | Finished | JobFailed:
        now = self._outside.timeline.now
        alone = route.alone_s and now - job.asked_at > route.alone_s
        if alone and job.failure is None and not job.tellings:
            job.fate, job.refunded, job.neglected = "lost", True, True
            job.failure = JobFailed("job-lost", "Nobody asked about the job in time.", "no")
        job.asked_at = now
        if now < job.done_at and job.fate != "lost":
            return Pending()
        job.told_to = self._outside.current
        job.tellings += 1
        return job.failure or self._made(job)

    def _made(self, job: Job) -> Finished:
        """The results, at new addresses, which are good for an hour."""
        told = job.amount if job.told else None
        if job.data:
            return Finished((ResultRef("text", data=job.data),), told)
        refs = []
        for number in range(job.results):
            url = f"https://{job.work.route.provider}.example/{len(self._bodies)}?{SECRET}"
            spoilt = job.spoilt and number == job.results - 1
            body = b"<html>" if spoilt else PNG + f"{job.job_id}-{number}".encode() * 8
            self._bodies[url] = (body, self._outside.timeline.now + URL_S, job)
            refs.append(ResultRef("image", url))
        return Finished(tuple(refs), told, {"boxes": [1, 2]})

    def _free(
        self, call: str, provider: str, counted: int = 0, job_id: str | None = None
    ) -> str | None:
        """What costs nothing, and what may befall it; `counted` calls are in the pace."""
        kind = self._outside.begin(call, 0.05)
        if job_id is not None:
            self.pace.asked(provider, job_id, self._outside.timeline.now, self._outside.current)
        for _ in range(counted):
            self.pace.called(provider, self._outside.timeline.now)
        match kind:
            case "free-throttled":
                raise Throttled("busy", "Come back later.", retry_after_s=5)
            case "free-throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "free-unanswered":
                self._outside.timeline.pass_(60)
                self._outside.check_time()
                raise Busy("no-answer", "The provider did not answer.")
            case "free-server-error" | "free-malformed" | "answer-lost":
                raise Busy("no-answer", "The provider's answer could not be read.")
        return kind
