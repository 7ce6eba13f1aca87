"""The driver: runs the adapters' generators against the network, and is the only one who does.

It owns deadlines, size limits, credentials and what a lost connection means for money. It knows
no provider by name. Nothing it raises or logs holds a key or a signed address.
"""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from darkroom.errors import Busy, NotSent, ProviderRefused, Throttled, Unclear
from darkroom.ports import Accepted, Fetched, Inputs, JobFailed, Pending, Prepared, Work
from darkroom.providers.account import (
    Account,
    Credentials,
    is_set_up,
    open_account,
    set_up_hint,
)
from darkroom.providers.download import download
from darkroom.providers.files import Files
from darkroom.providers.protocol import Adapter, Answer, Request
from darkroom.providers.wire import Wire
from darkroom.routes import Route, Tariff
from darkroom.task import Finished

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


class Driver:
    """All providers behind one face; fulfils `darkroom.ports.Providers`.

    Args:
        adapters: in the default order of preference.
        credentials: provider -> what its secret holds; empty when it is not set up. `base_url`
            in it replaces the adapter's.
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
        wire: Wire | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._adapters = {adapter.name: adapter for adapter in adapters}
        self._credentials = credentials
        self._inputs = inputs
        self._environment = environment
        self._wire = wire or Wire()
        self._limits = limits or Limits()
        # At INFO httpx logs addresses, at DEBUG httpcore logs headers; both hold secrets.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

    def routes(self) -> Sequence[Route]:
        """Every route of every provider, in the default order of preference."""
        return tuple(route for adapter in self._adapters.values() for route in adapter.routes)

    def tariff(self, provider: str) -> Tariff:
        """What its credits cost."""
        known = self._adapters.get(provider)
        return known.tariff if known else Tariff(None, "", "no longer offered")

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
        with Files(self._inputs) as files:
            files.check(work)
            request = self._free(account, account.adapter.prepare(work), files)
            intend(Prepared(request.to_text(), files.digests()))
            return self._pay(account, work, request, files)

    def repeat(self, work: Work, request: str) -> Accepted | Finished:
        """Send the very same paid request again; only for routes of class `key`.

        Raises:
            ValueError: the route has another class; repeating would pay twice.
        """
        if work.route.idempotency != "key":
            raise ValueError(f"a paid call of {work.route.model} must not be repeated")
        with Files(self._inputs) as files:
            account = self._account(work.route.provider)
            return self._pay(account, work, Request.from_text(request), files)

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Ask how the job stands; free, and may be repeated.

        Raises:
            Throttled: come back later; also while the provider refuses the key, because the job
                lives on and can be collected once the key is right.
            Busy: anything else that may pass.
        """
        with Files(self._inputs) as files:
            try:
                account = self._account(route.provider)
                return self._free(account, account.adapter.poll(route, job_id), files)
            except NotSent as error:
                raise _busy(error) from error
            except ProviderRefused as error:
                told = error.failure
                raise Throttled(told.code, told.sentence, told.next_step) from error

    def cancel(self, route: Route, job_id: str) -> bool:
        """Ask the provider to stop the job; False where it cannot or does not.

        Raises:
            Throttled, Busy: the question did not get through.
        """
        if (request := self._adapters[route.provider].cancel(route, job_id)) is None:
            return False
        with Files(self._inputs) as files:
            try:
                account = self._account(route.provider)
                answer = self._send(account, request, files, self._limits.free_s, reuse=True)
                if not answer.ok:
                    raise account.refusal(answer)
            except ProviderRefused:
                return False
            except (NotSent, Unclear) as error:
                raise _busy(error) from error
        return True

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Fetched]:
        """Download a result, in constant memory; no credentials are sent along.

        Raises:
            ResultGone, Busy: on entering the block.
            DarkroomError: the result is too large (`result-too-large`).
        """
        return download(self._wire, url, max_bytes, self._limits.result_s)

    def _account(self, provider: str) -> Account:
        return open_account(
            self._adapters[provider], self._credentials(provider), self._environment
        )

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
        if not answer.ok:
            raise account.refusal(answer)
        return account.adapter.read_submit(work, answer)

    def _send(
        self, account: Account, request: Request, files: Files, within_s: float, *, reuse: bool
    ) -> Answer:
        sending = account.request(request, files)
        with self._wire.exchange(sending, within_s, reuse=reuse) as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self._limits.answer_bytes:
                    raise Unclear("unreadable-answer", "The provider's answer is too large.")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, account.without_secrets(bytes(body)))


def _busy(error: NotSent | Unclear) -> Busy:
    told = error.failure
    return Busy(told.code, told.sentence, told.next_step)
