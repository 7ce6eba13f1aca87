"""Checks of the providers: whether they are paused, and, if wanted, whether they answer."""

from collections.abc import Callable, Iterator
from typing import Final

from darkroom.domain.prices import Balance
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning
from infra.cli.doctor.secrets import keys_set

PAUSES: Final = "pauses"


def check_pauses(examined: Examined) -> Iterator[Finding]:
    """Whether a provider is paused, or all paid calls are, and why."""
    from infra.cli.tasks.pauses import find_pauses  # noqa: PLC0415 - brings pydantic along

    pauses = find_pauses(examined.ports, examined.now)
    for pause in pauses:
        sentence = pause.sentence.rstrip(".")
        match pause.kind:
            case "empty":
                command = f"darkroom balance {pause.provider}{examined.env}"
                yield problem(PAUSES, f"{sentence}. Add credits there", command)
            case "delivery":
                yield problem(PAUSES, sentence, f"darkroom status{examined.env}")
            case "blocked":
                yield problem(PAUSES, sentence, keys_set(examined, pause.provider))
            case "failing":
                again = f"{sentence}. It is tried again by itself"
                yield warning(PAUSES, again, f"darkroom status{examined.env}")
    if not pauses:
        yield ok(PAUSES, "no provider is paused")


def check_call_of(provider: str) -> Callable[[Examined], Iterator[Finding]]:
    """The check that asks this provider what is in its account, which is free."""

    def check_call(examined: Examined) -> Iterator[Finding]:
        from darkroom.domain.errors import AccountBlocked, DarkroomError  # noqa: PLC0415 - only here

        check = call_name(provider)
        try:
            balance = examined.ports.providers.balance(provider)
        except AccountBlocked as error:
            if error.failure.code == "not-set-up":
                yield not_checked(check, "it has no key", keys_set(examined, provider))
            else:
                yield problem(check, error.failure.sentence, keys_set(examined, provider))
        except DarkroomError as error:
            command = f"darkroom balance {provider}{examined.env}"
            yield problem(check, f"does not answer: {error.failure.sentence}", command)
        else:
            yield judge_balance(examined, provider, balance)

    return check_call


def call_name(provider: str) -> str:
    """What the call to this provider is called."""
    return f"call {provider}"


def judge_balance(examined: Examined, provider: str, balance: Balance | None) -> Finding:
    """The finding about an answer; None if the vendor documents no such call."""
    check = call_name(provider)
    if balance is None:
        return not_checked(check, "its vendor documents no free call")
    command = f"darkroom balance {provider}{examined.env}"
    if balance.credits is None:
        return ok(check, f"answers; {balance.note or 'credits unknown'}")
    if balance.credits <= 0:
        return problem(check, "accepts the key, and has no credits. Add some there", command)
    return ok(check, f"answers; {balance.credits:,.10g} credits")
