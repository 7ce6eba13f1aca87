"""What is in the accounts that an upload will use, by the providers' free calls."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from darkroom.domain.errors import DarkroomError
from infra.cli.printing import escape
from infra.cli.tasks.cost import money_text

if TYPE_CHECKING:
    from darkroom.domain.prices import Balance
    from infra.cli.target import Target

WAIT_S: Final = 5.0
"""Nothing waits longer for the answers: they are no condition of an upload."""


@dataclass(frozen=True)
class Account:
    """What is known of one account.

    Attributes:
        credits: None where they are not known.
        text: as in "apiframe 1,250 credits ($2.50)".
        secret: whether there is nothing to say because this user may not read the key.
    """

    provider: str
    credits: float | None
    text: str
    secret: bool = False


def ask_accounts(target: "Target", providers: Sequence[str]) -> list[Account]:
    """Ask these providers at once, for `WAIT_S` at most."""
    answers: dict[str, Account] = {}

    def ask(provider: str) -> None:
        answers[provider] = _ask(target, provider)

    if providers:
        _ = target.providers  # made once, and not in each thread
    # As daemons: a provider that does not answer must not keep the command from ending.
    threads = [threading.Thread(target=ask, args=(one,), daemon=True) for one in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    late = "does not answer"
    return [answers.get(one) or Account(one, None, f"{one} {late}") for one in providers]


def describe_accounts(accounts: Sequence[Account], needed: Mapping[str, float]) -> str:
    """As in "in the accounts: apiframe 100 credits, 200 too few"; "" where there is nothing."""
    parts = []
    for account in accounts:
        if account.secret:
            continue
        lacking = needed.get(account.provider, 0) - (account.credits or 0)
        short = account.credits is not None and lacking > 0
        parts.append(f"{account.text}, {lacking:,.10g} too few" if short else account.text)
    return f"in the accounts: {', '.join(parts)}" if parts else ""


def _ask(target: "Target", provider: str) -> Account:
    try:
        balance = target.providers.balance(provider)
    except DarkroomError as error:
        if error.failure.code != "not-set-up":
            why = f"could not be asked ({error.failure.code})"
            return Account(provider, None, f"{provider} {why}")
        if target.may_read_secret(provider):
            return Account(provider, None, f"{provider} is not set up")
        return Account(provider, None, "its secret may not be read", secret=True)
    except Exception as error:  # noqa: BLE001 - an upload does not depend on it
        return Account(provider, None, f"{provider} could not be asked ({type(error).__name__})")
    if balance is None:
        return Account(provider, None, f"{provider} unknown, it has no call that says it")
    return Account(provider, balance.credits, f"{provider} {_amount(balance)}")


def _amount(balance: "Balance") -> str:
    amount = "unknown" if balance.credits is None else f"{balance.credits:,.10g} credits"
    money = "" if balance.usd is None else f" ({money_text(balance.usd)})"
    note = f" ({escape(balance.note)})" if balance.credits is None and balance.note else ""
    return f"{amount}{money}{note}"
