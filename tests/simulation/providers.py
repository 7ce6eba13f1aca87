"""All providers as they are described in their documents, over one ledger, with faults.

By class: `key` answers a repeated key with the first job, for a day; `look-up` lists jobs, some
late; `none` tells nothing. A job of a route with `alone_s` is lost when nobody asks for that
long, and gives its credits back. What the accounts bear is in `accounts`, results in `results`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from darkroom.domain.attempt import Charged, Finished
from darkroom.domain.errors import Busy, DarkroomError, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.domain.provider_jobs import (
    Accepted,
    Download,
    JobFailed,
    JobRequest,
    Pending,
    Prepared,
)
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route, Tariff
from tests.simulation.accounts import Accounts
from tests.simulation.fault_injection import FaultInjector, Invocation
from tests.simulation.ledger import Job, Ledger
from tests.simulation.payment_listener import PaymentListener
from tests.simulation.rate_invariants import RULES, RateMonitor
from tests.simulation.results import SECRET, ResultStore

_NOT_ACCEPTED: Final = frozenset({"server-error", "unanswered", "half-open"})
_SILENT: Final = frozenset({"unanswered", "accepted-but-unanswered", "half-open"})


class SimulatedProviders:
    """Fulfils `darkroom.ports.Providers`.

    Attributes:
        offered: the routes; changes when something is deployed.
        replaced: called when a task's run is to be lost in the middle of its paid call.
        pending: jobs of which was said last that they are at work.
    """

    def __init__(
        self,
        offered: Sequence[Route],
        injector: FaultInjector,
        payment_listener: PaymentListener,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self.offered = tuple(offered)
        self.ledger = Ledger()
        self.pace = RateMonitor(RULES)
        self.shelf = ResultStore(injector)
        self.accounts = Accounts(injector)
        self.replaced: Callable[[str], None] = lambda _task_id: None
        self.pending: set[str] = set()
        self._outside = injector
        self._cashier = payment_listener
        self._answered = answered
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

    def account(self, provider: str) -> str:
        """Tells accounts apart."""
        return self.accounts.digest(provider)

    # --- what is paid ---------------------------------------------------------------------------

    def check(self, work: JobRequest) -> None:
        """Every file here is as it should be."""

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Prepare, hand the exact paid request to `intend`, then make the call once."""
        files = sum(len(files) for files in work.inputs.values())
        reserved = files * RULES[work.route.provider].calls_per_file
        kind = self._free("providers.prepare", work.route.provider, reserved)
        self.accounts.check_key(work.route.provider)
        if kind == "prepare-refused":
            raise ProviderRefused("bad-file", "The provider does not take this file.")
        request = f'{{"task":"{work.task_id}","attempt":{work.attempt},"at":"{SECRET}"}}'
        digests = {file.key: "d" * 64 for files in work.inputs.values() for file in files}
        intend(Prepared(request, digests))
        return self._pay("providers.pay", work, request)

    def repeat(self, work: JobRequest, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`."""
        if work.route.idempotency != "key":
            raise ValueError(f"a paid call of {work.route.provider} must not be repeated")
        return self._pay("providers.repeat", work, request)

    def look_up(self, work: JobRequest, since: datetime, look: int) -> Accepted | None:  # noqa: ARG002 - all jobs are looked at
        """Find the job of a doubtful paid call."""
        del since
        if work.route.idempotency != "look-up":
            raise ValueError(f"{work.route.provider} has no list of past calls")
        kind = self._free("providers.look_up", work.route.provider, 1)
        self.accounts.check_key(work.route.provider)
        now, account = self._outside.scheduler.now, self.accounts.name(work.route.provider)
        mine = [job for job in self._of(work) if job.account == account]
        listed = [job for job in mine if job.listed_at <= now]
        self._outside.end(kind)
        if not listed:
            return None
        return Accepted(listed[0].job_id, listed[0].amount if listed[0].told else None)

    # --- what is free ---------------------------------------------------------------------------

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job is."""
        self.pending.discard(job_id)
        kind = self._free("providers.poll", route.provider, job_id=job_id)
        self.accounts.check_key(route.provider)
        job = self.ledger.jobs.get(job_id)
        if job is None or job.account != self.accounts.name(route.provider):
            # Who keeps jobs for a while only takes what he does not know for one that is over.
            charged: Charged = "no" if route.max_poll_gap_s else "unknown"
            return JobFailed("job-lost", "The provider does not know the job.", charged)
        if kind == "job-not-found-yet":
            job.denied += 1
            return JobFailed("job-lost", "The provider does not know the job.", "unknown")
        job.denied = 0
        said = self._stands(route, job)
        self._outside.end(kind)
        if isinstance(said, Pending):
            self.pending.add(job_id)
        return said

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job."""
        self._cashier.stopping(job_id)
        kind = self._free("providers.cancel", route.provider)
        self.accounts.check_key(route.provider)
        job = self.ledger.jobs.get(job_id)
        can = bool(job and route.asynchronous and job.done_at > self._outside.scheduler.now)
        if job and can:
            job.fate, job.done_at = "cancelled", self._outside.scheduler.now
            job.failure = JobFailed("job-cancelled", "The job was cancelled.", "unknown")
        self._outside.end(kind)
        return can

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Download]:
        """Download a result."""
        del max_bytes
        return self.shelf.fetch(url)

    # --- within ---------------------------------------------------------------------------------

    def _pay(self, call: str, work: JobRequest, request: str) -> Accepted | Finished:
        injector, scheduler = self._outside, self._outside.scheduler
        self._cashier.paying(work, request)
        self.pace.called(work.route.provider, scheduler.now)
        self._mind_the_pause(work)
        begun = scheduler.now
        try:
            kind = injector.begin(call, injector.fault_policy.between(0.05, 0.4))
        except BaseException:
            self._cashier.doubted(work)
            raise
        try:
            self._refuse(kind, work)
            known = self._known(work) is not None
            again = call == "providers.repeat"
            self.accounts.check_paying(work.route.provider, known=known, again=again)
        except DarkroomError:
            if (
                call == "providers.pay"
            ):  # of what was sent before it, a repeat's refusal says nothing
                self._cashier.refused(work)
            raise
        return self._answer(call, kind, work, request, begun)

    def _answer(
        self, call: str, kind: str | None, work: JobRequest, request: str, begun: float
    ) -> Accepted | Finished:
        """What becomes of a call that was not refused."""
        injector, scheduler = self._outside, self._outside.scheduler
        if kind == "half-open":
            late_s = work.route.call_s + injector.fault_policy.between(0, 60)
            scheduler.after(late_s, lambda: self._accept_late(work, request))
        job = None if kind in _NOT_ACCEPTED else self._accept(work, request)
        if kind in _SILENT:
            scheduler.pass_(work.route.call_s)
        if kind == "slow-answer":
            scheduler.pass_(injector.fault_policy.between(3, work.route.call_s - 5))
            injector.check_time()
            kind = None
        if kind is not None or scheduler.now - begun > work.route.call_s:
            self._cashier.doubted(work)
            injector.check_time()
            injector.end(kind)
            raise Unclear("no-answer", f"{work.route.provider} did not answer.")
        if job is None or job.request != request:
            raise Unclear("key-conflict", "The key was used before, for another request.")
        self._cashier.answered(work)
        self._answered()
        if work.route.asynchronous:
            told = job.amount if job.told else None
            return Accepted(self._named(call, work, job).job_id, told)
        return self.shelf.made(job)

    def _refuse(self, kind: str | None, work: JobRequest) -> None:
        """A clear no, if that is what the fault is."""
        if kind is not None and kind.endswith("-late"):
            # Its run is lost meanwhile, and another one takes the task up before the no comes.
            self.replaced(work.task_id)
            self._outside.pass_(self._outside.fault_policy.between(5, work.route.call_s - 1))
            kind = kind.removesuffix("-late")
        now = self._outside.scheduler.now
        match kind:
            case "throttled":
                hint_s = int(self._outside.fault_policy.between(1, 60))
                self._not_before[work.task_id] = (now + hint_s, self._outside.current)
                raise Throttled("busy", "Come back later.", retry_after_s=hint_s)
            case "throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "not-sent":
                raise NotSent("provider-unreachable", "No route to the provider.")
            case "refused":
                raise ProviderRefused("bad-request", "The provider does not take this.")

    def _mind_the_pause(self, work: JobRequest) -> None:
        until, told = self._not_before.get(work.task_id, (0.0, None))
        # A process that died of something else, or that is at it still, could not pass it on.
        passed_on = told is not None and told.over and not told.harmed
        if self._outside.scheduler.now < until - 1 and passed_on:
            self._outside.unexpected.append(
                f"{work.task_id} came back to {work.route.provider} before it was asked to"
            )

    def _known(self, work: JobRequest) -> Job | None:
        """The job of a call that was made before, where its key is remembered."""
        if work.route.idempotency != "key":
            return None
        account = self.accounts.name(work.route.provider)
        return self.ledger.known(work, account, self._outside.scheduler.now)

    def _named(self, call: str, work: JobRequest, job: Job) -> Job:
        """The job whose name is told: this one, or by mistake an older one."""
        older = self.ledger.older(job) if call == "providers.pay" else None
        if older is None or not self._outside.fault_policy.chance("older-job-named"):
            return job
        self.ledger.misnamed.add((work.task_id, work.attempt))
        self.ledger.lent.add(older.job_id)
        return older

    def _accept(self, work: JobRequest, request: str) -> Job:
        now, account = self._outside.scheduler.now, self.accounts.name(work.route.provider)
        job = self._known(work)
        return job or self.ledger.accept(work, request, now, self._outside.fault_policy, account)

    def _accept_late(self, work: JobRequest, request: str) -> None:
        self._accept(work, request)

    def _of(self, work: JobRequest) -> Sequence[Job]:
        return self.ledger.of.get((work.task_id, work.attempt), ())

    def _stands(self, route: Route, job: Job) -> Pending | Finished | JobFailed:
        now = self._outside.scheduler.now
        alone = route.max_poll_gap_s and now - job.asked_at > route.max_poll_gap_s
        if alone and job.failure is None and not job.tellings:
            job.fate, job.refunded, job.neglected = "lost", True, True
            job.failure = JobFailed("job-lost", "Nobody asked about the job in time.", "no")
        job.asked_at = now
        if now < job.done_at and job.fate != "lost":
            return Pending()
        job.told_to = self._outside.current
        job.tellings += 1
        return job.failure or self.shelf.made(job)

    def _free(
        self, call: str, provider: str, counted: int = 0, job_id: str | None = None
    ) -> str | None:
        """What costs nothing, and what may befall it; `counted` calls are in the pace."""
        kind = self._outside.begin(call, 0.05)
        if job_id is not None:
            self.pace.asked(provider, job_id, self._outside.scheduler.now, self._outside.current)
        for _ in range(counted):
            self.pace.called(provider, self._outside.scheduler.now)
        match kind:
            case "free-throttled":
                raise Throttled("busy", "Come back later.", retry_after_s=5)
            case "free-throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "free-unanswered":
                self._outside.scheduler.pass_(60)
                self._outside.check_time()
                raise Busy("no-answer", "The provider did not answer.")
            case "free-server-error" | "free-malformed" | "answer-lost":
                raise Busy("no-answer", "The provider's answer could not be read.")
        return kind
