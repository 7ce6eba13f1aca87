"""The check of the providers' secrets: who can be used, and what is wrong with the others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning

if TYPE_CHECKING:
    from infra.cli.keys.secret_state import SecretState

KEYS: Final = "keys"


def check_secrets(examined: Examined) -> Iterator[Finding]:
    """Each provider's secret; a problem if no provider at all is set up."""
    from infra.aws.environments import PROVIDERS  # noqa: PLC0415 - brings pydantic along
    from infra.cli.keys.secret_state import read_secret_state  # noqa: PLC0415 - the same

    kinds = set()
    for provider in PROVIDERS:
        state = read_secret_state(examined.client("secretsmanager"), examined.settings, provider)
        yield judge(examined, state)
        kinds.add(state.kind)
    if kinds == {"never filled"}:
        yield problem(KEYS, "no provider has a key: no task can be paid for", keys_set(examined))


def check_name(provider: str) -> str:
    """What the check of this provider's secret is called."""
    return f"key of {provider}"


def keys_set(examined: Examined, provider: str = "PROVIDER") -> str:
    """The command that sets a provider's key."""
    if examined.local:
        return "darkroom keys set --help"
    return f"darkroom keys set {provider}{examined.env}"


def judge(examined: Examined, state: "SecretState") -> Finding:
    """The finding about one secret."""
    check = check_name(state.provider)
    if state.kind == "set up":
        since = f" since {state.since_text}" if state.since else ""
        elsewhere = f"; calls go to {state.base_url}" if state.base_url else ""
        return ok(check, f"set{since}{elsewhere}")
    command = keys_set(examined, state.provider)
    if state.kind == "doubtful":
        return warning(check, f"looks wrong: {state.sentence}", command)
    if state.kind == "never filled":
        return not_checked(check, "never set, so it is not used", command)
    if state.kind == "not readable":
        return not_checked(check, state.sentence)
    if state.kind == "missing":
        command = examined.deploy
    elif state.kind == "being deleted":
        command = f"aws secretsmanager restore-secret --secret-id {state.name}"
    return problem(check, state.sentence, command)
