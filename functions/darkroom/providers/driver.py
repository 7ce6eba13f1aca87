"""The driver: runs the adapters' generators against the network, and is the only one who does.

It owns deadlines, size limits, credentials and what a lost connection means for money. It knows
no provider by name. Nothing it raises or logs holds a key or a signed address.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import httpx

from darkroom.errors import Busy, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.pace import Allowance, Rules
from darkroom.ports import Accepted, Fetched, Inputs, JobFailed, Pending, Prepared, Work
from darkroom.providers.account import (
    Account,
    Credentials,
    is_set_up,
    open_account,
    set_up_hint,
    without_secrets,
)
from darkroom.providers.download import download
from darkroom.providers.files import Files
from darkroom.providers.hosts import Vetting
from darkroom.providers.protocol import Adapter, Answer, Request, StyleGroup
from darkroom.providers.sessions import Sessions
from darkroom.providers.wire import Wire
from darkroom.routes import Route, Tariff
from darkroom.task import Finished

UNAUTHORIZED = 401

_T = TypeVar("_T")


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes that no exchange exceeds.

    Attributes:
        free_s: a free call: an upload, a poll, a cancellation. A paid call has its route's time.
        result_s: one request on the way to a result.
        answer_bytes: a provider's answer.
    """

    free_s: float = 60.0
    result_s: float = 200.0
    answer_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True)
class Preferences:
    """What an environment says about its providers.

    Attributes:
        order: operation -> providers to prefer, in order; "*" stands for every other operation.
        pace: provider -> what its account bears, where that is not as declared.
        loopback: whether results may lie on this machine, as those of the sandboxes do.
    """

    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pace: Mapping[str, Allowance] = field(default_factory=dict)
    loopback: bool = False


class Driver:
    """All providers behind one face; fulfils `darkroom.ports.Providers`.

    Args:
        adapters: in the default order of preference.
        credentials: provider -> what its secret holds; empty when it is not set up. `base_url`
            in it replaces the adapter's.
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
        wire: Wire | None = None,
        limits: Limits | None = None,
        sessions: Sessions | None = None,
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
        self._wire = wire or Wire()
        self._limits = limits or Limits()
        self._sessions = sessions or Sessions()
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
        own = self._adapters[provider].rules
        told = self._preferences.pace.get(provider)
        return own if told is None else told.over(own)

    def set_up(self, provider: str) -> bool:
        """Whether every credential that it needs is there."""
        return is_set_up(self._adapters[provider], self._credentials(provider))

    def set_up_hint(self, provider: str) -> str:
        """The sentence that says how to set it up."""
        return set_up_hint(self._adapters[provider], self._environment)

    def submit(self, work: Work, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Check the files, prepare, hand the paid request to `intend`, then send it once.

        Nothing is paid before `intend` returns; what it raises is passed on.

        Raises:
            Refused, Throttled, NotSent: nothing was paid.
            Busy: preparing failed for the moment; nothing was paid.
            Unclear: the paid call may have been accepted.
        """
        account = self._account(work.route.provider)
        with self._files(account) as files:
            files.check(work)
            request = self._free(account, account.adapter.prepare(work, files), files)
            intend(Prepared(request.to_text(), files.digests()))
            return self._pay(account, work, request, files)

    def repeat(self, work: Work, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`.

        Raises:
            ValueError: the route has another class; repeating would pay twice.
        """
        if work.route.idempotency != "key":
            raise ValueError(f"a paid call of {work.route.model} must not be repeated")
        account = self._account(work.route.provider)
        with self._files(account) as files:
            return self._pay(account, work, Request.from_text(request), files)

    def look_up(self, work: Work, since: datetime) -> Accepted | None:
        """Find the job of a doubtful paid call; free, and may be repeated.

        Raises:
            Throttled, Busy: the question did not get through; ask again later.
        """
        return self._ask(
            work.route.provider, lambda adapter: adapter.look_up(work, int(since.timestamp()))
        )

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job stands; free, and may be repeated.

        Raises:
            Throttled: come back later; also while the provider refuses the key, because the job
                lives on and can be collected once the key is right.
            Busy: anything else that may pass.
        """
        return self._ask(route.provider, lambda adapter: adapter.poll(route, job_id))

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
                answer = self._send(account, request, files, self._limits.free_s, reuse=True)
                if not answer.ok:
                    raise account.refusal(answer)
            except ProviderRefused:
                return False
            except (NotSent, Unclear) as error:
                raise _busy(error) from error
        return True

    def fetch(
        self, url: str, max_bytes: int, provider: str | None = None
    ) -> AbstractContextManager[Fetched]:
        """Download a result, in constant memory; no credentials are sent along.

        Args:
            url: as the provider handed it out; asked only where `hosts` allows.
            max_bytes: size limit.
            provider: who made it; None stands for any of them.

        Raises:
            ResultGone, Busy: on entering the block.
            DarkroomError: the result is too large (`result-too-large`) or packed
                (`result-packed`), or its address is refused (`result-address-refused`).
        """
        near = self._preferences.loopback or any(
            self._near(name) for name in ([provider] if provider else self._adapters)
        )
        return download(self._wire, url, max_bytes, self._limits.result_s, near=near)

    def _near(self, provider: str) -> bool:
        """Whether it is on this machine; one whose key was taken away meanwhile counts as not."""
        try:
            return self._account(provider).near
        except ProviderRefused:
            return False

    def _files(self, account: Account) -> Files:
        return Files(self._inputs, linked=self._inputs.public or account.near)

    def _account(self, provider: str) -> Account:
        return open_account(
            self._adapters[provider], self._credentials(provider), self._environment
        )

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
                answer = self._send(account, request, files, self._limits.free_s, reuse=True)
                request = steps.send(answer)
        except StopIteration as end:
            result: _T = end.value
            return result
        except Unclear as error:
            raise _busy(error) from error
        except ProviderRefused as error:
            raise account.advised(error) from error.__cause__
        finally:
            steps.close()

    def _pay(
        self, account: Account, work: Work, request: Request, files: Files
    ) -> Accepted | Finished:
        answer = self._send(account, request, files, work.route.call_s, reuse=False)
        try:
            if not answer.ok:
                raise account.adapter.refuse(answer)
            return account.adapter.read_submit(work, answer)
        except ProviderRefused as error:
            raise account.advised(error) from error.__cause__

    def _send(
        self, account: Account, request: Request, files: Files, within_s: float, *, reuse: bool
    ) -> Answer:
        """One request with its credentials; with other ones when the provider refuses a token."""
        until = self._wire.monotonic() + within_s
        if request.foreign:
            return self._exchange(account, request, files, {}, until, reuse=reuse)
        ask = partial(self._unauthorized, account, files, until)
        headers = self._sessions.headers(account, ask)
        answer = self._exchange(account, request, files, headers, until, reuse=reuse)
        if answer.status == UNAUTHORIZED and account.adapter.session_s is not None:
            headers = self._sessions.renew(account, headers, ask)
            answer = self._exchange(account, request, files, headers, until, reuse=reuse)
        return answer

    def _unauthorized(
        self, account: Account, files: Files, until: float, request: Request
    ) -> Answer:
        return self._exchange(account, request, files, {}, until, reuse=True)

    def _exchange(
        self,
        account: Account,
        request: Request,
        files: Files,
        headers: Mapping[str, str],
        until: float,
        *,
        reuse: bool,
    ) -> Answer:
        """The answer of the first of the provider's addresses that could be reached."""
        lost: NotSent | None = None
        vetting: Vetting | None = None
        if request.foreign:
            vetting = Vetting("upload", near=account.near)
            vetting.read(request.path)
        for base in account.bases(request):
            sending = account.request(request, files, base, headers)
            try:
                left_s = until - self._wire.monotonic()
                answer = self._receive(sending, left_s, reuse=reuse, vetting=vetting)
            except NotSent as error:
                lost = error
                continue
            body = without_secrets(answer.body, account.credentials, headers)
            return replace(answer, body=body)
        raise lost or NotSent("provider-unreachable", "The provider has no address.")

    def _receive(
        self, sending: httpx.Request, within_s: float, *, reuse: bool, vetting: Vetting | None
    ) -> Answer:
        with self._wire.exchange(sending, within_s, reuse=reuse, vetting=vetting) as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self._limits.answer_bytes:
                    raise Unclear("unreadable-answer", "The provider's answer is too large.")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(body))


def in_order(routes: Sequence[Route], order: Mapping[str, Sequence[str]]) -> tuple[Route, ...]:
    """The routes with the preferred providers of each operation first, else as they were.

    Raises:
        ValueError: the order names an operation that nobody has, or a provider that there is not.
    """
    operations = {route.operation for route in routes} | {"*"}
    providers = {route.provider for route in routes}
    for operation, preferred in order.items():
        if operation not in operations:
            raise ValueError(f"the order of providers names an unknown operation '{operation}'")
        for provider in preferred:
            if provider not in providers:
                raise ValueError(f"the order of providers names an unknown one: '{provider}'")

    def place(route: Route) -> int:
        preferred = list(order.get(route.operation, order.get("*", ())))
        return preferred.index(route.provider) if route.provider in preferred else len(preferred)

    return tuple(sorted(routes, key=place))


def _busy(error: NotSent | Unclear) -> Busy:
    told = error.failure
    return Busy(told.code, told.sentence, told.next_step)
