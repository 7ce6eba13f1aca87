"""All providers, simulated from their documents over one ledger, with faults.

By class: `key` answers a repeated key with the first job, for a day; `look-up` lists jobs, some
late; `none` offers no way to find a call again. A job of a route with a maximum poll gap is lost
when it is not polled for that long, and its credits are refunded. The accounts' limits are in
`accounts`, results in `results`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from darkroom.domain.attempt import Charged, Finished
from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.errors import Busy, DarkroomError, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.domain.prices import Balance
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
from darkroom.domain.vendor_history import HistoryPage, HistoryRow
from tests.fakes.clock import START
from tests.simulation.accounts import Accounts
from tests.simulation.empty_accounts import CreditMonitor
from tests.simulation.fault_injection import FaultInjector, Invocation
from tests.simulation.ledger import Job, Ledger
from tests.simulation.money_world import MoneyWorld
from tests.simulation.payment_listener import PaymentListener
from tests.simulation.rate_invariants import RULES, RateMonitor
from tests.simulation.results import SECRET, ResultStore

WITH_BALANCE: Final = frozenset({"beta", "delta", "zeta"})
WITH_HISTORY: Final = ("beta", "delta", "epsilon", "gamma", "zeta")
"""The providers that can be asked for a balance."""
_NOT_ACCEPTED: Final = frozenset({"server-error", "unanswered", "half-open"})
_SILENT: Final = frozenset({"unanswered", "accepted-but-unanswered", "half-open"})


class SimulatedProviders:
    """Fulfils `darkroom.ports.Providers`.

    Attributes:
        offered_routes: the routes; a deployment changes them.
        abort_run: called when a task's run is to be lost in the middle of its paid call.
        usd_per_credit: provider -> the price of its credits.
        pending_jobs: jobs that were pending at their last poll.
    """

    def __init__(
        self,
        offered_routes: Sequence[Route],
        injector: FaultInjector,
        payment_listener: PaymentListener,
        on_payment: Callable[[], None] = lambda: None,
    ) -> None:
        self.offered_routes = tuple(offered_routes)
        self.ledger = Ledger()
        self.rate_monitor = RateMonitor(RULES)
        self.result_store = ResultStore(injector)
        self.accounts = Accounts(injector)
        self.credit_monitor = CreditMonitor(injector)
        self.abort_run: Callable[[str], None] = lambda _task_id: None
        self.pending_jobs: set[str] = set()
        self.usd_per_credit: Callable[[str], float] = MoneyWorld().rate
        self._injector = injector
        self._payment_listener = payment_listener
        self._on_payment = on_payment
        self._not_before: dict[str, tuple[float, Invocation | None]] = {}

    # --- what is declared -----------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""
        return self.offered_routes

    def tariff(self, provider: str) -> Tariff:
        """The price of its credits."""
        return Tariff(self.usd_per_credit(provider), "2026-02-01", f"the price list of {provider}")

    def rules(self, provider: str) -> Rules:
        """Its account's limits."""
        return RULES[provider]

    def set_up(self, provider: str) -> bool:
        """Whether there are credentials for it."""
        del provider
        return True

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""
        return f"Set {provider} up first."

    def account(self, provider: str) -> str:
        """Identify the account without revealing its key."""
        return self.accounts.digest(provider)

    def called_account(self, provider: str) -> str:
        """Identify the account of the process's last call."""
        return self.accounts.called(provider)

    # --- paid calls -----------------------------------------------------------------------------

    def check(self, work: JobRequest) -> None:
        """Check the inputs; all of them are valid here."""

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Prepare, hand the exact paid request to `intend`, then make the call once."""
        files = sum(len(files) for files in work.inputs.values())
        reserved = files * RULES[work.route.provider].calls_per_file
        kind = self._begin_free_call("providers.prepare", work.route.provider, reserved)
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
        """Find the job of an unclear paid call."""
        del since
        if work.route.idempotency != "look-up":
            raise ValueError(f"{work.route.provider} has no list of past calls")
        kind = self._begin_free_call("providers.look_up", work.route.provider, 1)
        self.accounts.check_key(work.route.provider)
        now, account = self._injector.scheduler.now, self.accounts.account_name(work.route.provider)
        mine = [job for job in self._jobs_of(work) if job.account == account]
        listed = [job for job in mine if job.listed_at <= now]
        self._injector.after_call(kind)
        if not listed:
            return None
        return Accepted(listed[0].job_id, listed[0].amount if listed[0].price_reported else None)

    # --- free calls -----------------------------------------------------------------------------

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Poll the job."""
        self.pending_jobs.discard(job_id)
        kind = self._begin_free_call("providers.poll", route.provider, job_id=job_id)
        self.accounts.check_key(route.provider)
        job = self.ledger.jobs.get(job_id)
        if job is None or job.account != self.accounts.account_name(route.provider):
            # A provider that forgets jobs after a while takes an unknown one for one that is over.
            charged: Charged = "no" if route.max_poll_gap_s else "unknown"
            return JobFailed("job-lost", "The provider does not know the job.", charged)
        if kind == "job-not-found-yet":
            job.denials += 1
            return JobFailed("job-lost", "The provider does not know the job.", "unknown")
        job.denials = 0
        status = self._job_status(route, job)
        self._injector.after_call(kind)
        if isinstance(status, Pending):
            self.pending_jobs.add(job_id)
        return status

    def is_pending(self, job_id: str) -> bool:
        """Whether the job was pending at its last poll, or is new and was never polled."""
        job = self.ledger.jobs.get(job_id)
        return job_id in self.pending_jobs or (job is not None and job.polled_at == job.accepted_at)

    def balance(self, provider: str) -> Balance | None:
        """What is in its account; None for a provider without such a call."""
        if provider not in WITH_BALANCE:
            return None
        kind = self._begin_free_call("providers.balance", provider, 1)
        self.accounts.check_key(provider)
        balance = Balance(self.accounts.balance(provider))
        self._injector.after_call(kind)
        return balance

    def history(self, provider: str, since: datetime, after: str = "") -> HistoryPage | None:
        """Every job that the account has paid for, on one page; None for a provider without."""
        del since, after
        if provider not in WITH_HISTORY:
            return None
        kind = self._begin_free_call("providers.history", provider, 1)
        self.accounts.check_key(provider)
        account = self.accounts.account_name(provider)
        rows = [
            HistoryRow(
                entry=job.job_id,
                job_id=job.job_id,
                at_s=START.timestamp() + job.accepted_at,
                credits=0.0 if job.refunded else job.amount,
                state="refunded" if job.refunded else "charged",
            )
            for job in reversed(self.ledger.jobs.values())
            if job.account == account and job.work.route.provider == provider
        ]
        self._injector.after_call(kind)
        return HistoryPage(tuple(rows))

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job."""
        self._payment_listener.before_cancel(job_id)
        kind = self._begin_free_call("providers.cancel", route.provider)
        self.accounts.check_key(route.provider)
        job = self.ledger.jobs.get(job_id)
        can = bool(job and route.asynchronous and job.done_at > self._injector.scheduler.now)
        if job and can:
            job.outcome, job.done_at = "cancelled", self._injector.scheduler.now
            job.failure = JobFailed("job-cancelled", "The job was cancelled.", "unknown")
        self._injector.after_call(kind)
        return can

    def fetch(
        self, url: str, max_bytes: int, max_s: float | None = None
    ) -> AbstractContextManager[Download]:
        """Download a result."""
        del max_s
        return self.result_store.fetch(url, max_bytes)

    # --- helpers --------------------------------------------------------------------------------

    def _pay(self, call: str, work: JobRequest, request: str) -> Accepted | Finished:
        injector, scheduler = self._injector, self._injector.scheduler
        self._payment_listener.before_payment(work, request)
        self.rate_monitor.record_call(work.route.provider, scheduler.now)
        self._check_retry_after(work)
        begun = scheduler.now
        try:
            kind = injector.before_call(call, injector.fault_policy.between(0.05, 0.4))
        except BaseException:
            self._payment_listener.record_doubtful(work)
            raise
        again = call == "providers.repeat"
        try:
            self._refuse(kind, work)
            known = self._job_of_key(work) is not None
            self.accounts.check_payment(work.route.provider, known=known, again=again)
        except DarkroomError as error:
            if error.failure.code == NO_CREDITS and not again:
                self.credit_monitor.refused(work.route.provider, work.task_id)
            if call == "providers.pay":  # the refusal of a repeat says nothing of the first call
                self._payment_listener.record_refused(work)
            raise
        return self._answer(call, kind, work, request, begun)

    def _answer(
        self, call: str, kind: str | None, work: JobRequest, request: str, begun: float
    ) -> Accepted | Finished:
        """The response to a call that was not refused."""
        injector, scheduler = self._injector, self._injector.scheduler
        if kind == "half-open":
            late_s = work.route.call_s + injector.fault_policy.between(0, 60)
            scheduler.after(late_s, lambda: self._accept_late(work, request))
        job = None if kind in _NOT_ACCEPTED else self._accept(work, request)
        if kind in _SILENT:
            scheduler.advance(work.route.call_s)
        if kind == "slow-answer":
            scheduler.advance(injector.fault_policy.between(3, work.route.call_s - 5))
            injector.check_time_limit()
            kind = None
        if kind is not None or scheduler.now - begun > work.route.call_s:
            self._payment_listener.record_doubtful(work)
            injector.check_time_limit()
            injector.after_call(kind)
            raise Unclear("no-answer", f"{work.route.provider} did not answer.")
        if job is None or job.request != request:
            raise Unclear("key-conflict", "The key was used before, for another request.")
        self._payment_listener.record_answered(work)
        self.credit_monitor.accepted(work.route.provider)
        self._on_payment()
        if work.route.asynchronous:
            reported = job.amount if job.price_reported else None
            return Accepted(self._job_to_name(call, work, job).job_id, reported)
        return self.result_store.finished(job)

    def _refuse(self, kind: str | None, work: JobRequest) -> None:
        """Refuse the call clearly, if that is the fault."""
        if kind is not None and kind.endswith("-late"):
            # Its run is lost first, and another run takes the task over before the refusal arrives.
            self.abort_run(work.task_id)
            self._injector.advance(self._injector.fault_policy.between(5, work.route.call_s - 1))
            kind = kind.removesuffix("-late")
        now = self._injector.scheduler.now
        match kind:
            case "throttled":
                hint_s = int(self._injector.fault_policy.between(1, 60))
                self._not_before[work.task_id] = (now + hint_s, self._injector.current)
                raise Throttled("busy", "Come back later.", retry_after_s=hint_s)
            case "throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "not-sent":
                raise NotSent("provider-unreachable", "No route to the provider.")
            case "refused":
                raise ProviderRefused("bad-request", "The provider does not take this.")

    def _check_retry_after(self, work: JobRequest) -> None:
        until, process = self._not_before.get(work.task_id, (0.0, None))
        # A process that was killed, or that is still running, could not record the pause.
        recorded = process is not None and process.ended and not process.harmed
        if self._injector.scheduler.now < until - 1 and recorded:
            self._injector.unexpected_errors.append(
                f"{work.task_id} called {work.route.provider} again before its Retry-After"
            )

    def _job_of_key(self, work: JobRequest) -> Job | None:
        """The job of an earlier call with the same key, if the key is remembered."""
        if work.route.idempotency != "key":
            return None
        account = self.accounts.account_name(work.route.provider)
        return self.ledger.find_by_key(work, account, self._injector.scheduler.now)

    def _job_to_name(self, call: str, work: JobRequest, job: Job) -> Job:
        """The job that the response names: this one, or by mistake an older one."""
        older = self.ledger.previous_job(job) if call == "providers.pay" else None
        if older is None or not self._injector.fault_policy.chance("older-job-named"):
            return job
        self.ledger.misnamed.add((work.task_id, work.attempt))
        self.ledger.names_given_away.add(older.job_id)
        return older

    def _accept(self, work: JobRequest, request: str) -> Job:
        now, account = self._injector.scheduler.now, self.accounts.account_name(work.route.provider)
        job = self._job_of_key(work)
        return job or self.ledger.accept(work, request, now, self._injector.fault_policy, account)

    def _accept_late(self, work: JobRequest, request: str) -> None:
        self._accept(work, request)

    def _jobs_of(self, work: JobRequest) -> Sequence[Job]:
        return self.ledger.by_attempt.get((work.task_id, work.attempt), ())

    def _job_status(self, route: Route, job: Job) -> Pending | Finished | JobFailed:
        now = self._injector.scheduler.now
        alone = route.max_poll_gap_s and now - job.polled_at > route.max_poll_gap_s
        if alone and job.failure is None and not job.end_reports:
            job.outcome, job.refunded, job.neglected = "lost", True, True
            job.failure = JobFailed("job-lost", "The job was not polled in time.", "no")
        job.polled_at = now
        if now < job.done_at and job.outcome != "lost":
            return Pending()
        current = self._injector.current
        if job.end_heard_by is None or (current and current.task_id == job.work.task_id):
            job.end_heard_by = current
        job.end_reports += 1
        return job.failure or self.result_store.finished(job)

    def _begin_free_call(
        self, call: str, provider: str, counted: int = 0, job_id: str | None = None
    ) -> str | None:
        """Begin a free call and raise its fault; `counted` calls count against the rate limit."""
        kind = self._injector.before_call(call, 0.05)
        if job_id is not None:
            self.rate_monitor.record_poll(
                provider, job_id, self._injector.scheduler.now, self._injector.current
            )
        for _ in range(counted):
            self.rate_monitor.record_call(provider, self._injector.scheduler.now)
        match kind:
            case "free-throttled":
                raise Throttled("busy", "Come back later.", retry_after_s=5)
            case "free-throttled-without-hint":
                raise Throttled("busy", "Come back later.")
            case "free-unanswered":
                self._injector.scheduler.advance(60)
                self._injector.check_time_limit()
                raise Busy("no-answer", "The provider did not answer.")
            case "free-server-error" | "free-malformed" | "answer-lost":
                raise Busy("no-answer", "The provider's answer could not be read.")
        return kind
