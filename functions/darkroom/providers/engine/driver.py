"""The driver: runs the adapters' generators against the network, and is the only one who does.

It owns deadlines, size limits, credentials and what a lost connection means for money. It knows
no provider by name. Nothing it raises or logs holds a key or a signed address.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    NotSent,
    OwnTrouble,
    ProviderRefused,
    Throttled,
    Unclear,
)
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
from darkroom.ports import Inputs
from darkroom.providers.adapter import Adapter, Answer, Request, StyleGroup
from darkroom.providers.engine.account import (
    Account,
    Credentials,
    Rereadable,
    digest_of_credentials,
    fault_of,
    no_key,
    open_account,
    set_up_hint,
)
from darkroom.providers.engine.bounds import bounded_call, bounded_poll
from darkroom.providers.engine.client import ProviderClient
from darkroom.providers.engine.download import download
from darkroom.providers.engine.input_files import Files
from darkroom.providers.engine.preferences import Preferences, in_order
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport

_T = TypeVar("_T")


@dataclass(frozen=True)
class CallLimits:
    """Seconds and bytes that no exchange exceeds.

    Attributes:
        free_s: a free call: an upload, a poll, a cancellation. A paid call has its route's time.
        result_s: the whole way to a result.
        answer_bytes: a provider's answer.
    """

    free_s: float = 60.0
    result_s: float = 200.0
    answer_bytes: int = 16 * 1024 * 1024


class Driver:
    """All providers behind one face; fulfils `darkroom.ports.Providers`.

    Args:
        adapters: in the default order of preference.
        credentials: provider -> what its secret holds; empty when it is not set up. `base_url`
            in it replaces the adapter's. Asked again when a key is refused.
        preferences: the environment's.
        inputs: the input bucket.
        environment: its name; part of the secrets' names.
        wire: the network.
        limits: seconds and bytes.
    """

    def __init__(
        self,
        adapters: Sequence[Adapter],
        credentials: Credentials,
        inputs: Inputs,
        environment: str,
        *,
        preferences: Preferences | None = None,
        wire: DeadlineTransport | None = None,
        limits: CallLimits | None = None,
        sessions: TokenCache | None = None,
    ) -> None:
        self._adapters = {adapter.name: adapter for adapter in adapters}
        self._preferences = preferences or Preferences()
        self._routes = in_order(
            [route for adapter in adapters for route in adapter.routes],
            self._preferences.order,
        )
        self._credentials = credentials
        self._inputs = inputs
        self._environment = environment
        self._limits = limits or CallLimits()
        self._wire = wire or DeadlineTransport()
        self._calls = ProviderClient(
            self._wire, sessions or TokenCache(), self._limits.answer_bytes, self._renewed
        )
        # At INFO httpx logs addresses, at DEBUG httpcore logs headers; both hold secrets.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""
        return self._routes

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""
        known = self._adapters.get(provider)
        return known.tariff if known else Tariff(None, "", "no longer offered")

    def rules(self, provider: str) -> Rules:
        """What its account bears; as the environment's settings say, where they do."""
        known = self._adapters.get(provider)
        own = known.rules if known else Rules()
        told = self._preferences.pace.get(provider)
        return own if told is None else told.applied_to(own)

    def set_up(self, provider: str) -> bool:
        """Whether every credential that it needs is there, and can be one."""
        return self._fault(provider) is None

    def account(self, provider: str) -> str:
        """A digest of the credentials in use; "" where there are none.

        Raises:
            OwnTrouble: they cannot be read for the moment.
        """
        adapter = self._adapters.get(provider)
        if adapter is None:
            return ""
        try:
            return digest_of_credentials(adapter, self._credentials(provider))
        except AccountBlocked:
            return ""  # the secret is of no use, and whoever calls is told so

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up; before it, what is wrong with its secret."""
        hint = set_up_hint(self._adapters[provider], self._environment)
        try:
            fault = self._fault(provider)
        except OwnTrouble:
            fault = None
        if fault is None or fault.failure.sentence == no_key(self._adapters[provider]):
            return hint
        return f"{fault.failure.sentence} {hint}"

    def check(self, work: JobRequest) -> None:
        """Refuse what the route cannot take, without calling anyone. Raises `InputRefused`."""
        with Files(self._inputs) as files:
            files.check(work)

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Check the files, prepare, hand the paid request to `intend`, then send it once.

        Nothing is paid before `intend` returns; what it raises is passed on.

        Raises:
            Refused, Throttled, NotSent: nothing was paid; `AccountBlocked` among them: nothing
                will be taken until the account is put right.
            Busy: preparing failed for the moment; nothing was paid. `OwnTrouble` among them.
            Unclear: the paid call may have been accepted.
        """
        account = self._account(work.route.provider)
        with self._files(account) as files:
            files.check(work)
            request = self._free(account, account.adapter.prepare(work, files), files)
            intend(Prepared(request.to_text(), files.digests()))
            return self._pay(account, work, request, files)

    def repeat(self, work: JobRequest, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`.

        Raises:
            ValueError: the route has another class; repeating would pay twice.
        """
        if work.route.idempotency != "key":
            raise ValueError(f"a paid call of {work.route.model} must not be repeated")
        account = self._account(work.route.provider)
        with self._files(account) as files:
            return self._pay(account, work, Request.from_text(request), files, renew=False)

    def look_up(self, work: JobRequest, since: datetime, look: int) -> Accepted | None:
        """Find the job of a doubtful paid call; free, and may be repeated.

        Args:
            work: what was asked for.
            since: when the call began.
            look: how many looks for it were begun before.

        Raises:
            Throttled, Busy: the question did not get through; ask again later.
        """
        return self._ask(
            work.route.provider,
            lambda adapter: adapter.look_up(work, int(since.timestamp()), look),
        )

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job stands; free, and may be repeated.

        Raises:
            Throttled: come back later; also while the provider refuses the key, because the job
                lives on and can be collected once the key is right.
            Busy: anything else that may pass.
        """
        return bounded_poll(self._ask(route.provider, lambda adapter: adapter.poll(route, job_id)))

    def styles(self, route: Route) -> Sequence[StyleGroup]:
        """The provider's catalogue of styles for a route; free.

        Raises:
            ProviderRefused: it has none for this route (`no-styles`), or refuses.
            Throttled, NotSent, Busy: ask again later.
        """
        account = self._account(route.provider)
        with self._files(account) as files:
            return self._free(account, account.adapter.styles(route), files)

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job; False where it cannot or does not.

        Raises:
            Throttled, Busy: the question did not get through.
        """
        if (request := self._adapters[route.provider].cancel(route, job_id)) is None:
            return False
        account = self._account(route.provider)
        with self._files(account) as files:
            try:
                answer = self._calls.send(account, request, files, self._limits.free_s, reuse=True)
                if not answer.ok:
                    raise account.refusal(answer)
                return account.adapter.cancelled(answer)
            except ProviderRefused:
                return False
            except (NotSent, Unclear) as error:
                raise _busy(error) from error

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Download]:
        """Download a result, in constant memory; no credentials are sent along.

        Args:
            url: as the provider handed it out; asked only where `url_guard` allows.
            max_bytes: size limit.

        Raises:
            ResultGone, Busy: on entering the block.
            DarkroomError: the result is too large (`result-too-large`), or its address is refused
                (`result-address-refused`).
        """
        near = self._preferences.loopback
        return download(self._wire, url, max_bytes, self._limits.result_s, near=near)

    def _files(self, account: Account) -> Files:
        return Files(self._inputs, linked=self._inputs.public or account.near)

    def _fault(self, provider: str) -> AccountBlocked | None:
        """Why the provider is not set up, if it is not. Raises `OwnTrouble`."""
        try:
            held = self._credentials(provider)
        except AccountBlocked as error:
            return error
        return fault_of(self._adapters[provider], held, self._environment)

    def _account(self, provider: str) -> Account:
        """The provider with its credentials; where they are no good, with those of right now."""
        try:
            return self._opened(provider, self._credentials)
        except AccountBlocked:
            return self._opened(provider, self._reread)

    def _opened(self, provider: str, credentials: Credentials) -> Account:
        adapter = self._adapters[provider]
        try:
            return open_account(adapter, credentials(provider), self._environment)
        except AccountBlocked as error:
            told, hint = error.failure, set_up_hint(adapter, self._environment)
            raise AccountBlocked(told.code, told.sentence, hint) from error.__cause__

    def _reread(self, provider: str) -> Mapping[str, str]:
        held = self._credentials
        return held.reread(provider) if isinstance(held, Rereadable) else held(provider)

    def _renewed(self, account: Account) -> Account | None:
        """The account with the credentials of right now, if they are others and any good."""
        try:
            fresh = self._opened(account.adapter.name, self._reread)
        except (AccountBlocked, OwnTrouble):
            return None
        return fresh if fresh.credentials != account.credentials else None

    def _ask(
        self, provider: str, question: Callable[[Adapter], Generator[Request, Answer, _T]]
    ) -> _T:
        """Ask about a job that may have been paid: no refusal ends it, it can be asked again."""
        try:
            account = self._account(provider)
            with self._files(account) as files:
                return self._free(account, question(account.adapter), files)
        except NotSent as error:
            raise _busy(error) from error
        except ProviderRefused as error:
            told = error.failure
            raise Throttled(told.code, told.sentence, told.next_step) from error

    def _free(self, account: Account, steps: Generator[Request, Answer, _T], files: Files) -> _T:
        """Run the round trips of a generator that costs nothing."""
        try:
            request = next(steps)
            while True:
                answer = self._calls.send(account, request, files, self._limits.free_s, reuse=True)
                request = steps.send(answer)
        except StopIteration as end:
            result: _T = end.value
            return result
        except Unclear as error:
            raise _busy(error) from error
        except (ProviderRefused, AccountBlocked) as error:
            raise account.advised(error) from error.__cause__
        finally:
            steps.close()

    def _pay(
        self,
        account: Account,
        work: JobRequest,
        request: Request,
        files: Files,
        *,
        renew: bool = True,
    ) -> Accepted | Finished:
        within_s = work.route.call_s
        answer = self._calls.send(account, request, files, within_s, reuse=False, renew=renew)
        try:
            if not answer.ok:
                raise account.adapter.refuse(answer)
            return bounded_call(account.adapter.read_submit(work, answer))
        except (ProviderRefused, AccountBlocked) as error:
            raise account.advised(error) from error.__cause__


def _busy(error: NotSent | Unclear) -> Busy:
    told = error.failure
    return Busy(told.code, told.sentence, told.next_step)
