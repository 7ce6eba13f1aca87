"""The driver runs the adapters' generators against the network; no other module does.

It owns deadlines, size limits, credentials, and what a lost connection means for money. It knows
no provider by name. No error or log line of its holds a key or a signed URL.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    NotSent,
    ProviderRefused,
    Throttled,
    Unclear,
)
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
from darkroom.domain.routes import Route, RoutesByProvider, Tariff
from darkroom.domain.vendor_history import HistoryPage
from darkroom.ports import Inputs, NoPictures, Pictures
from darkroom.providers.adapter import Adapter, Request, Response, StyleGroup
from darkroom.providers.engine.account import Account
from darkroom.providers.engine.accounts import Accounts, Credentials
from darkroom.providers.engine.preferences import (
    Preferences,
    check_price_providers,
    check_shares,
    sort_routes,
)
from darkroom.providers.engine.response_limits import limit_polled, limit_submitted
from darkroom.providers.engine.token_cache import TokenCache

if TYPE_CHECKING:
    from darkroom.providers.engine.input_files import InputFileSet
    from darkroom.providers.engine.network import Network
    from darkroom.providers.engine.transport import DeadlineTransport

_T = TypeVar("_T")


@dataclass(frozen=True)
class CallLimits:
    """Seconds and bytes that no exchange exceeds.

    Attributes:
        free_s: a free call: an upload, a poll, a cancellation. A paid call has its route's time.
        result_s: the whole download of a result, redirects included.
        response_bytes: a provider's response.
    """

    free_s: float = 60.0
    result_s: float = 200.0
    response_bytes: int = 16 * 1024 * 1024


class Driver:
    """All providers behind one interface; fulfils `darkroom.ports.Providers`.

    Args:
        adapters: provider -> its adapter, in the default order of preference. An adapter is read
            when its provider is asked about, so that the mapping can build it then.
        credentials: provider -> the values of its secret, empty when it is not set up; read again
            when a key is refused. `base_url` in it replaces the adapter's.
        inputs: the input bucket.
        environment: its name; part of the secrets' names.
        preferences: the environment's; ValueError if they cannot be met.
        transport: the network.
        limits: seconds and bytes of every exchange.
        token_cache: access tokens of this process.
        pictures: looks at masks; without it only PNG masks are checked.
    """

    def __init__(  # noqa: PLR0913 - what differs between AWS, a laptop and the tests
        self,
        adapters: Mapping[str, Adapter],
        credentials: Credentials,
        inputs: Inputs,
        environment: str,
        *,
        preferences: Preferences | None = None,
        transport: "DeadlineTransport | None" = None,
        limits: CallLimits | None = None,
        token_cache: TokenCache | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self._adapters = adapters
        self._accounts = Accounts(adapters, credentials, environment)
        self._preferences = preferences or Preferences()
        check_shares(adapters, self._preferences.pace)
        check_price_providers(adapters, self._preferences.price, "price")
        self._routes = RoutesByProvider(
            adapters,
            lambda provider: [
                self._preferences.applied_to(route) for route in adapters[provider].routes
            ],
            partial(sort_routes, order=self._preferences.order),
        )
        self._inputs = inputs
        self._pictures = pictures or NoPictures()
        self._limits = limits or CallLimits()
        self._transport = transport
        self._token_cache = token_cache or TokenCache()
        # At INFO httpx logs URLs, at DEBUG httpcore logs headers; both hold secrets.
        for logger in ("httpx", "httpcore"):
            logging.getLogger(logger).setLevel(logging.WARNING)

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference.

        One provider's can be read without building the others: see `RoutesByProvider`.

        Raises:
            ValueError: when they are read; the preferences name an unknown operation or provider.
        """
        return self._routes

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost; the environment's settings come before the adapter's figure."""
        adapter = self._adapters.get(provider)
        declared = adapter.tariff if adapter else Tariff(None, "", "no longer offered")
        return self._preferences.tariff_of(provider, declared)

    def rules(self, provider: str) -> Rules:
        """What its account allows; the environment's settings come before the adapter's figures."""
        adapter = self._adapters.get(provider)
        declared = adapter.rules if adapter else Rules()
        limits = self._preferences.pace.get(provider)
        return declared if limits is None else limits.applied_to(declared)

    def set_up(self, provider: str) -> bool:
        """Whether every credential that it needs is there, and can be one."""
        return self._accounts.setup_error(provider) is None

    def account(self, provider: str) -> str:
        """A digest of the credentials in use; "" without any.

        Raises:
            OwnTrouble: they cannot be read for the moment.
        """
        return self._accounts.digest(provider)

    def called_account(self, provider: str) -> str:
        """A digest of the credentials of this process's last call; of those in use before any."""
        return self._accounts.opened.get(provider) or self._accounts.digest(provider)

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up; before it, what is wrong with its secret."""
        return self._accounts.set_up_hint(provider)

    def check(self, job_request: JobRequest) -> None:
        """Refuse files that the route cannot take; no provider is called. Raises `InputRefused`."""
        with self._network.open_files(
            self._inputs, can_link=False, pictures=self._pictures
        ) as files:
            files.check(job_request)

    def submit(
        self, job_request: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        """Check the files, prepare, hand the paid request to `intend`, then send it once.

        Nothing is paid before `intend` returns; what it raises is passed on.

        Raises:
            Refused, Throttled, NotSent: nothing was paid. With `AccountBlocked` nothing will be
                accepted until the account is corrected.
            Busy: preparing failed for the moment; nothing was paid. So with `OwnTrouble`.
            Unclear: the paid call may have been accepted.
        """
        account = self._accounts.open(job_request.route.provider)
        with self._open_files(account) as files:
            files.check(job_request)
            request = self._run(account, account.adapter.prepare(job_request, files), files)
            intend(Prepared(request.to_text(), files.digests()))
            return self._pay(account, job_request, request, files)

    def repeat(self, job_request: JobRequest, request: str) -> Accepted | Finished:
        """Send the same paid request again; only for routes of class `key`.

        Raises:
            ValueError: the route has another class; repeating would pay twice.
        """
        if job_request.route.idempotency != "key":
            raise ValueError(f"a paid call of {job_request.route.model} must not be repeated")
        account = self._accounts.open(job_request.route.provider)
        with self._open_files(account) as files:
            return self._pay(account, job_request, Request.from_text(request), files, renew=False)

    def look_up(self, job_request: JobRequest, since: datetime, look: int) -> Accepted | None:
        """Find the job of a paid call whose outcome is unclear; free, and may be repeated.

        Args:
            job_request: what the call asked for.
            since: when the call began.
            look: how many earlier look-ups there were for it.

        Raises:
            Throttled, Busy: the question did not get through; ask again later.
        """
        return self._ask(
            job_request.route.provider,
            lambda adapter: adapter.look_up(job_request, int(since.timestamp()), look),
        )

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask for the job's status; free, and may be repeated.

        Raises:
            Throttled: come back later. Also while the provider refuses the key: the job lives on,
                and its result can be fetched once the key is right.
            Busy: anything else that may pass.
        """
        return limit_polled(self._ask(route.provider, lambda adapter: adapter.poll(route, job_id)))

    def styles(self, route: Route) -> Sequence[StyleGroup]:
        """The provider's catalogue of styles for a route; free.

        Raises:
            ProviderRefused: it has none for this route (`no-styles`), or refuses.
            Throttled, NotSent, Busy: ask again later.
        """
        account = self._accounts.open(route.provider)
        with self._open_files(account) as files:
            return self._run(account, account.adapter.styles(route), files)

    def balance(self, provider: str) -> Balance | None:
        """What is in the provider's account; None where it has no such call. Free.

        Raises:
            AccountBlocked: it is not set up, or does not accept the key.
            ProviderRefused: it refuses to say.
            Throttled, NotSent, Busy: ask again later.
        """
        steps = self._adapters[provider].balance()
        if steps is None:
            return None
        account = self._accounts.open(provider)
        with self._open_files(account) as files:
            balance = self._run(account, steps, files)
        rate = self.tariff(provider).usd_per_credit
        if balance.usd is not None or balance.credits is None or rate is None:
            return balance
        return replace(balance, usd=round(balance.credits * rate, 6))

    def history(self, provider: str, since: datetime, after: str = "") -> HistoryPage | None:
        """A page of the account's own history of jobs; None where it has no such call. Free.

        Raises:
            AccountBlocked: it is not set up, or does not accept the key.
            ProviderRefused: it refuses to say.
            Throttled, NotSent, Busy: ask again later.
        """
        steps = self._adapters[provider].history(int(since.timestamp()), after)
        if steps is None:
            return None
        account = self._accounts.open(provider)
        with self._open_files(account) as files:
            return self._run(account, steps, files)

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job; False if it cannot or does not.

        Raises:
            Throttled, Busy: the question did not get through.
        """
        if (request := self._adapters[route.provider].cancel(route, job_id)) is None:
            return False
        account = self._accounts.open(route.provider)
        with self._open_files(account) as files:
            try:
                response = self._send_free(account, request, files)
                if not response.ok:
                    raise account.read_error(response)
                return account.adapter.is_cancelled(response)
            except ProviderRefused:
                return False
            except (NotSent, Unclear) as error:
                raise _busy(error) from error

    def fetch(
        self, url: str, max_bytes: int, max_s: float | None = None
    ) -> AbstractContextManager[Download]:
        """Download a result, in constant memory, without credentials.

        Args:
            url: as the provider gave it; requested only if `url_guard` allows it.
            max_bytes: size limit.
            max_s: seconds for everything, if less than `CallLimits.result_s`.

        Raises:
            ResultGone, Busy: on entering the block.
            DarkroomError: the result is too large (`result-too-large`), or its URL is refused
                (`result-address-refused`).
        """
        return self._network.download(
            url,
            max_bytes,
            self._limits.result_s if max_s is None else min(max_s, self._limits.result_s),
            allow_loopback=self._preferences.loopback,
        )

    @cached_property
    def _network(self) -> "Network":
        from darkroom.providers.engine.network import Network  # noqa: PLC0415 - see there

        return Network(
            self._transport, self._token_cache, self._limits.response_bytes, self._accounts.renew
        )

    def _open_files(self, account: Account) -> "InputFileSet":
        can_link = self._inputs.public or account.is_local
        return self._network.open_files(self._inputs, can_link=can_link, pictures=self._pictures)

    def _ask(
        self, provider: str, question: Callable[[Adapter], Generator[Request, Response, _T]]
    ) -> _T:
        """Ask about a job that may be paid: a refusal does not end it, it can be asked again."""
        try:
            account = self._accounts.open(provider)
            with self._open_files(account) as files:
                return self._run(account, question(account.adapter), files)
        except NotSent as error:
            raise _busy(error) from error
        except ProviderRefused as error:
            failure = error.failure
            raise Throttled(failure.code, failure.sentence, failure.next_step) from error

    def _run(
        self, account: Account, steps: Generator[Request, Response, _T], files: "InputFileSet"
    ) -> _T:
        """Run a generator of free round trips to its end."""
        try:
            request = next(steps)
            while True:
                request = steps.send(self._send_free(account, request, files))
        except StopIteration as end:
            result: _T = end.value
            return result
        except Unclear as error:
            raise _busy(error) from error
        except (ProviderRefused, AccountBlocked) as error:
            raise account.with_setup_hint(error) from error.__cause__
        finally:
            steps.close()

    def _send_free(self, account: Account, request: Request, files: "InputFileSet") -> Response:
        return self._network.client.send(account, request, files, self._limits.free_s, reuse=True)

    def _pay(
        self,
        account: Account,
        job_request: JobRequest,
        request: Request,
        files: "InputFileSet",
        *,
        renew: bool = True,
    ) -> Accepted | Finished:
        timeout_s = job_request.route.call_s
        response = self._network.client.send(
            account, request, files, timeout_s, reuse=False, renew=renew
        )
        try:
            if not response.ok:
                raise account.adapter.read_error(response)
            return limit_submitted(account.adapter.read_submit(job_request, response))
        except (ProviderRefused, AccountBlocked) as error:
            raise account.with_setup_hint(error) from error.__cause__


def _busy(error: NotSent | Unclear) -> Busy:
    failure = error.failure
    return Busy(failure.code, failure.sentence, failure.next_step)
