"""The providers' secrets: filled, never filled, and filled with nonsense."""

import json
from collections.abc import Mapping
from typing import Any

from infra.cli.doctor.finding import Finding
from infra.cli.doctor.secrets import check_secrets
from tests.cli.doctor.scripted_aws import denial, examined, find, refusal
from tests.fakes.clock import START

GOOD = {"api_key": "sk-snap-abcdef"}


def check(**secrets: Any) -> Mapping[str, Finding]:
    """Check -> finding; a secret is fields, text, or an error; `{}` for the others."""

    def answer(SecretId: str) -> Any:  # noqa: N803 - boto3's
        held = secrets.get(SecretId.rpartition("/")[2], {})
        if isinstance(held, Exception):
            return held
        text = held if isinstance(held, str) else json.dumps(held)
        return {"SecretString": text, "CreatedDate": START}

    found = find(check_secrets, examined({"secretsmanager.get_secret_value": answer}))
    return {each.check: each for each in found}


def test_provider_with_a_key_is_set_up_since_a_date() -> None:
    """One is enough; the others are not used."""
    found = check(snapapi=GOOD)
    assert found["key of snapapi"].level == "ok"
    assert found["key of snapapi"].sentence == f"set since {START:%Y-%m-%d %H:%M} UTC"
    unset = found["key of goapi"]
    assert (unset.level, unset.fix) == ("not checked", "darkroom keys set goapi --env shop")
    assert "keys" not in found


def test_another_address_is_shown() -> None:
    """The key goes there."""
    found = check(snapapi={**GOOD, "base_url": "https://proxy.example"})
    assert found["key of snapapi"].sentence.endswith("; calls go to https://proxy.example")


def test_no_key_at_all_is_a_problem() -> None:
    """No task can be paid for."""
    found = check()["keys"]
    assert (found.level, found.fix) == ("problem", "darkroom keys set PROVIDER --env shop")


def test_secret_that_cannot_be_parsed_is_a_problem_and_not_shown() -> None:
    """Broken JSON, another name, or half of a pair."""
    found = check(
        snapapi='{"api_key": "sk-snap-secret',
        apiframe={"key": "afk_secret"},
        perfect={"client_id": "secret-id"},
    )
    for provider in ("snapapi", "apiframe", "perfect"):
        one = found[f"key of {provider}"]
        assert (one.level, one.fix) == ("problem", f"darkroom keys set {provider} --env shop")
        assert "secret-id" not in one.sentence
        assert "sk-snap" not in one.sentence
    assert "lacks client_secret" in found["key of perfect"].sentence


def test_key_of_another_shape_is_doubtful() -> None:
    """Perhaps it is the key of another provider."""
    found = check(apiframe=GOOD)["key of apiframe"]
    assert found.level == "warning"
    assert found.sentence == "looks wrong: a key of Apiframe begins with afk_"


def test_secret_that_is_gone_or_not_readable() -> None:
    """Each has its own way on."""
    found = check(
        snapapi=refusal("ResourceNotFoundException"),
        apiframe=refusal("InvalidRequestException"),
        goapi=denial("secretsmanager:GetSecretValue"),
        perfect=GOOD,
    )
    assert found["key of snapapi"].fix == "make deploy ENV=shop"
    assert found["key of apiframe"].fix == (
        "aws secretsmanager restore-secret --secret-id darkroom/shop/apiframe"
    )
    denied = found["key of goapi"]
    assert denied.level == "not checked"
    assert denied.sentence == "no right to secretsmanager:GetSecretValue"
