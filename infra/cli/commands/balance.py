"""`darkroom balance`: what is in the accounts, asked by the providers' free calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from infra.cli.offline_specs import find_labels
from infra.cli.printing import say, say_json
from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.prices import Balance
    from darkroom.providers.engine.driver import Driver


@dataclass(frozen=True)
class _Answer:
    """What one provider says.

    Attributes:
        balance: None if there is none.
        code: why there is none, as a failure's code; "" if there is one.
        sentence: the same in words, with the next step.
    """

    provider: str
    balance: "Balance | None"
    code: str = ""
    sentence: str = ""

    @property
    def failed(self) -> bool:
        """Whether it could not be asked, though it is set up and has such a call."""
        return self.code not in ("", "no-balance-call", "not-set-up")

    @property
    def line(self) -> str:
        """As in "apiframe: 1,250 credits ($2.50), plan pro"."""
        if self.balance is None:
            return f"{self.provider}: {self.sentence}"
        credits_ = self.balance.credits
        amount = "credits unknown" if credits_ is None else f"{credits_:,.10g} credits"
        money = "" if self.balance.usd is None else f" (${self.balance.usd:,.2f})"
        remark = f", {self.balance.note}" if self.balance.note else ""
        return f"{self.provider}: {amount}{money}{remark}"

    def as_dict(self) -> dict[str, Any]:
        """The answer as `--json` prints it."""
        known = self.balance
        return {
            "credits": known.credits if known else None,
            "usd": known.usd if known else None,
            "note": known.note if known else self.sentence,
            "code": self.code or None,
        }


@click.command(name="balance")
@click.argument("provider", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print provider -> balance as JSON.")
@env_option
def command(provider: str | None, environment: str, *, as_json: bool) -> None:
    """Show what is in each account, or in that of one PROVIDER.

    The keys are the environment's. Asking is free. Exit code 1 if a provider could not be asked,
    or if the named one is not set up.
    """
    labels = find_labels()
    if provider is not None and provider not in labels:
        raise click.UsageError(
            f"unknown provider '{provider}'; use one of: {', '.join(sorted(labels))}"
        )
    driver = find_target(environment).providers
    answers = [_ask(driver, name, labels[name]) for name in labels if provider in (None, name)]
    if as_json:
        say_json({answer.provider: answer.as_dict() for answer in answers})
    else:
        for answer in answers:
            say(answer.line)
    if any(answer.failed or (provider and answer.code == "not-set-up") for answer in answers):
        raise SystemExit(1)


def _ask(driver: "Driver", provider: str, label: str) -> _Answer:
    from darkroom.domain.errors import DarkroomError  # noqa: PLC0415 - brings pydantic along

    try:
        balance = driver.balance(provider)
    except DarkroomError as error:
        failure = error.failure
        sentence = f"{failure.sentence} {failure.next_step or ''}".strip()
        return _Answer(provider, None, failure.code, sentence)
    if balance is None:
        sentence = f"{label} documents no call that says what is in an account."
        return _Answer(provider, None, "no-balance-call", sentence)
    return _Answer(provider, balance)
