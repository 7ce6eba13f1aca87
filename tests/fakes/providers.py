"""Providers in memory that follow a script, and count what they charge.

By default every call is accepted: a route that is not asynchronous answers with its result, a
job is done after `polls` polls. `script` sets the outcome of single calls, in order. Input files
are not read: their digests are made up.
"""

import hashlib
import io
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import AccountBlocked, Busy, DarkroomError, ResultGone, Unclear
from darkroom.domain.file_completeness.check import is_complete
from darkroom.domain.media import HEAD_BYTES, sniff
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
from darkroom.domain.vendor_history import HistoryPage

Call = Literal["check", "prepare", "submit", "repeat", "look_up", "poll", "cancel", "fetch"]
Scripted = Accepted | Finished | Pending | JobFailed | BaseException

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)
"""A complete image of one grey pixel; trailing bytes do no harm."""
AS_OF = "2026-02-01"


@dataclass(frozen=True)
class Lost:
    """The provider accepts and charges, but its answer never arrives: `error` does."""

    error: Exception


@dataclass(frozen=True)
class Paid:
    """One paid call that was accepted. `key` is its idempotency key where the route has one."""

    provider: str
    task_id: str
    attempt: int
    request: str
    key: str | None


@dataclass
class FakeProviders:
    """`darkroom.ports.Providers` in memory.

    Attributes:
        offered: the routes, in the default order.
        ready: providers that are set up; None for all of them.
        uncancellable: providers whose jobs cannot be cancelled.
        polls: how many polls of a job find it pending.
        results: URL -> body; any other URL is gone.
        cuts: after how many bytes the next download from a URL breaks off.
        charged: accepted paid calls; a repeated key adds none.
        sent: every paid call that was sent, accepted or not.
        cancelled: every job that was asked to cancel.
        roles: the roles of the files that each paid call was given.
        rules_of: provider -> the limits of its account.
        accounts: provider -> digest of its credentials; by default its name.
        balances: provider -> what is in its account; by default 100 credits.
        histories: provider -> the pages of its history of jobs; a provider without has none.
    """

    offered: Sequence[Route]
    ready: set[str] | None = None
    uncancellable: frozenset[str] = frozenset()
    polls: int = 1
    results: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    charged: list[Paid] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    roles: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    rules_of: dict[str, Rules] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    balances: dict[str, Balance | None] = field(default_factory=dict)
    histories: dict[str, Sequence[HistoryPage]] = field(default_factory=dict)
    _script: dict[Call, deque[Scripted | Lost]] = field(default_factory=lambda: defaultdict(deque))
    _called: dict[str, str] = field(default_factory=dict)
    _by_key: dict[str, tuple[str, Accepted | Finished]] = field(default_factory=dict)
    _polled: dict[str, int] = field(default_factory=dict)
    _failed: dict[str, JobFailed] = field(default_factory=dict)
    _look_ups: dict[tuple[str, int], int] = field(default_factory=dict)

    def script(self, call: Call, *answers: Scripted | Lost) -> None:
        """The outcomes of the next calls of this kind; later calls succeed."""
        self._script[call].extend(answers)

    def forget(self, call: Call) -> None:
        """Drop the script: calls of this kind succeed."""
        self._script[call].clear()

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""
        return self.offered

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""
        return Tariff(0.01, AS_OF, f"the price list of {provider}")

    def rules(self, provider: str) -> Rules:
        """The limits of its account; by default none."""
        return self.rules_of.get(provider, Rules())

    def set_up(self, provider: str) -> bool:
        """Whether there are credentials for it."""
        return self.ready is None or provider in self.ready

    def account(self, provider: str) -> str:
        """A digest of the credentials in use."""
        return self.accounts.get(provider, provider)

    def called_account(self, provider: str) -> str:
        """A digest of the credentials of the last call."""
        return self._called.get(provider) or self.account(provider)

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""
        return f"Set {provider} up first."

    def check(self, job_request: JobRequest) -> None:
        """Check the files; they are fine unless the script has an error."""
        del job_request
        outcome = self._next("check")
        if isinstance(outcome, BaseException):
            raise outcome

    def submit(
        self, job_request: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        """Prepare, pass the exact paid request to `intend`, then make the call once."""
        self._need_key(job_request.route.provider)
        prepared = self._next("prepare")
        if isinstance(prepared, BaseException):
            raise prepared
        described = {
            "task": job_request.task_id,
            "n": job_request.attempt,
            "params": job_request.params.model_dump(),
        }
        request = json.dumps({**described, "secret": "request-body"})
        digests = {file.key: "d" * 64 for files in job_request.inputs.values() for file in files}
        intend(Prepared(request, digests))
        return self._pay("submit", job_request, request)

    def repeat(self, job_request: JobRequest, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`."""
        if job_request.route.idempotency != "key":
            raise ValueError(f"a paid call of {job_request.route.provider} must not be repeated")
        self._need_key(job_request.route.provider)
        return self._pay("repeat", job_request, request)

    def look_up(self, job_request: JobRequest, since: datetime, look: int) -> Accepted | None:
        """Find the job of an unclear paid call; every accepted one is listed at once.

        Two look-ups for the same call may not have the same number.
        """
        provider = job_request.route.provider
        self._called[provider] = self.account(provider)
        del since
        if job_request.route.idempotency != "look-up":
            raise ValueError(f"{job_request.route.provider} has no list of past calls")
        call = (job_request.task_id, job_request.attempt)
        if look <= self._look_ups.get(call, -1):
            raise ValueError(f"look {look} for attempt {job_request.attempt} was made before")
        self._look_ups[call] = look
        outcome = self._next("look_up")
        if isinstance(outcome, BaseException):
            raise outcome
        for number, paid in enumerate(self.charged, 1):
            if (paid.task_id, paid.attempt) == call:
                return Accepted(f"job-{number}")
        return None

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """The job's status, or its results; free."""
        self._called[route.provider] = self.account(route.provider)
        outcome = self._next("poll")
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, JobFailed) and outcome.code != "job-lost":
            self._failed[job_id] = outcome
        if isinstance(outcome, Pending | Finished | JobFailed):
            return outcome
        if job_id in self._failed:
            return self._failed[job_id]
        if job_id not in self._polled:
            return JobFailed("job-lost", "The provider no longer knows the job.", "unknown")
        self._polled[job_id] += 1
        if self._polled[job_id] <= self.polls:
            return Pending()
        return self._finish(route.provider, f"{job_id}-{self._polled[job_id]}")

    def balance(self, provider: str) -> Balance | None:
        """What is in its account; None for a provider without such a call."""
        self._need_key(provider)
        return self.balances.get(provider, Balance(100.0, 1.0))

    def history(self, provider: str, since: datetime, after: str = "") -> HistoryPage | None:
        """A page of its history; None for a provider without one."""
        del since
        if provider not in self.histories:
            return None
        self._need_key(provider)
        return self.histories[provider][int(after or 0)]

    def cancel(self, route: Route, job_id: str) -> bool:
        """Cancel the job; False where that is impossible or not needed."""
        if not route.asynchronous or route.provider in self.uncancellable:
            return False
        outcome = self._next("cancel")
        if isinstance(outcome, BaseException):
            raise outcome
        self.cancelled.append(job_id)
        done = self._polled.get(job_id, 0) > self.polls
        if done or job_id not in self._polled:
            return False
        self._failed[job_id] = JobFailed("job-cancelled", "The job was cancelled.", "unknown")
        return True

    @contextmanager
    def fetch(self, url: str, max_bytes: int, max_s: float | None = None) -> Iterator[Download]:
        """Download a result."""
        del max_s
        outcome = self._next("fetch")
        if isinstance(outcome, BaseException):
            raise outcome
        body = self.results.get(url)
        if body is None:
            raise ResultGone("result-gone", "The result is not at its address.")
        if len(body) > max_bytes:
            raise DarkroomError("result-too-large", f"The result has more than {max_bytes} bytes.")
        body = body[: self.cuts.pop(url, None)]
        file, media = io.BytesIO(body), sniff(body[:HEAD_BYTES])
        if is_complete(file, media) is False:
            raise Busy("result-not-whole", "Only a part of the result came.")
        yield Download(file, len(body), hashlib.sha256(body).hexdigest(), media)

    def _pay(self, call: Call, job_request: JobRequest, request: str) -> Accepted | Finished:
        route = job_request.route
        self.sent.append(route.provider)
        self._called[route.provider] = self.account(route.provider)
        self.roles.append((route.provider, tuple(job_request.inputs)))
        outcome = self._next(call)
        if isinstance(outcome, BaseException):
            raise outcome
        key = f"{job_request.task_id}-{job_request.attempt}" if route.idempotency == "key" else None
        known, response = self._by_key.get(key or "", (request, None))
        if known != request:
            raise Unclear("key-conflict", "The key was used before, for another request.")
        if response is None:
            self.charged.append(
                Paid(route.provider, job_request.task_id, job_request.attempt, request, key)
            )
            name = f"job-{len(self.charged)}"
            response = (
                Accepted(name, 3.0) if route.asynchronous else self._finish(route.provider, name)
            )
            if isinstance(outcome, Accepted | Finished):
                response = outcome
            if key is not None:
                self._by_key[key] = (request, response)
            if isinstance(response, Accepted):
                self._polled[response.job_id] = 0
        if isinstance(outcome, Lost):
            raise outcome.error
        return response

    def _need_key(self, provider: str) -> None:
        if not self.set_up(provider):
            hint = self.set_up_hint(provider)
            raise AccountBlocked("not-set-up", f"{provider} has no key here.", hint)

    def _finish(self, provider: str, name: str) -> Finished:
        url = f"https://{provider}.example/{name}?signature=secret-token"
        self.results[url] = PNG
        return Finished((ResultRef("image", url),), None, {})

    def _next(self, call: Call) -> Scripted | Lost | None:
        script = self._script[call]
        return script.popleft() if script else None
