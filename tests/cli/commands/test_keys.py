"""`darkroom keys`: which providers have one; `keys set` puts one into its secret."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from darkroom.aws.secrets_manager import CACHE_S, CACHE_UNUSABLE_S
from infra.aws.environments import PROVIDERS
from infra.cli.main import main
from infra.sandbox.perfect.auth import client_secret
from tests.cli.conftest import use_test_account
from tests.fakes.moto_aws import client

SNAP = "sk-snap-0123456789"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The empty secrets of `dev`, as the stack makes them."""
    use_test_account(monkeypatch)
    with mock_aws():
        manager = client("secretsmanager")
        for provider in PROVIDERS:
            manager.create_secret(Name=f"darkroom/dev/{provider}", SecretString="{}")
        yield manager


def run(*arguments: str, given: str | None = None) -> Result:
    """Run the command; `given` is piped in."""
    return CliRunner().invoke(main, ("keys", *arguments), input=given)


def held(secrets: Any, provider: str) -> Any:
    """What a secret holds."""
    return json.loads(secrets.get_secret_value(SecretId=f"darkroom/dev/{provider}")["SecretString"])


def test_piped_key_is_stored_and_not_shown(secrets: Any) -> None:
    """With the time until the functions use it."""
    result = run("set", "snapapi", given=f"{SNAP}\n")
    assert result.exit_code == 0, result.output
    assert held(secrets, "snapapi") == {"api_key": SNAP}
    assert result.stdout == "darkroom/dev/snapapi is set\n"
    assert f"within {CACHE_UNUSABLE_S} seconds\n" in result.stderr
    assert SNAP not in result.output
    again = run("set", "snapapi", given=f"{SNAP}-new")
    assert f"within {CACHE_S} seconds; at once where the old key is refused" in again.stderr


def test_typed_key_is_asked_for_without_echo(secrets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perfect has two."""
    monkeypatch.setattr("infra.cli.commands.keys.is_typed", lambda: True)
    result = run("set", "perfect", given=f"id-1\n{client_secret()}\n")
    assert result.exit_code == 0, result.output
    assert held(secrets, "perfect") == {"client_id": "id-1", "client_secret": client_secret()}
    prompts = [line for line in result.stderr.splitlines() if line.startswith("client_")]
    assert prompts == ["client_id of Perfect Corp: ", "client_secret of Perfect Corp: "]


def test_other_fields_of_the_secret_stay(secrets: Any) -> None:
    """Where calls go is said: the key goes there."""
    before = {"api_key": "sk-snap-old", "base_url": "https://proxy.example"}
    secrets.put_secret_value(SecretId="darkroom/dev/snapapi", SecretString=json.dumps(before))
    result = run("set", "snapapi", given=SNAP)
    assert held(secrets, "snapapi") == {"api_key": SNAP, "base_url": "https://proxy.example"}
    assert "its other fields are kept: base_url" in result.stderr
    assert "calls go to https://proxy.example" in result.stderr


@pytest.mark.parametrize("rest", [[SNAP], ["--api-key", SNAP], [f"--api-key={SNAP}"]])
def test_key_as_an_argument_is_refused_with_the_reason(secrets: Any, rest: list[str]) -> None:
    """It is in the shell's history by then; it is not repeated."""
    result = run("set", "snapapi", *rest, given=SNAP)
    assert result.exit_code == 2
    assert "a key is never an argument" in result.stderr
    assert SNAP not in result.output
    assert held(secrets, "snapapi") == {}


def test_key_in_the_providers_place_is_not_repeated() -> None:
    """A mistake that is easily made."""
    result = run("set", SNAP)
    assert result.exit_code == 2
    assert "there is no such provider; use one of: apiframe" in result.stderr
    assert SNAP not in result.output


def test_wrong_key_changes_nothing(secrets: Any) -> None:
    """A key of another provider."""
    result = run("set", "apiframe", given=SNAP)
    assert result.exit_code == 1
    assert "a key of Apiframe begins with afk_; nothing was changed" in result.stderr
    assert held(secrets, "apiframe") == {}


def test_environment_that_is_not_deployed_has_no_secret() -> None:
    """The message has the command."""
    result = run("set", "snapapi", "--env", "prod", given=SNAP)
    assert result.exit_code == 1
    assert "no secret darkroom/prod/snapapi" in result.stderr
    assert "make deploy ENV=prod" in result.stderr


def test_environment_may_stand_before_the_subcommand() -> None:
    """As for the list."""
    result = run("--env", "prod", "set", "snapapi", given=SNAP)
    assert "darkroom/prod/snapapi" in result.stderr


def test_local_environment_takes_keys_at_its_start() -> None:
    """Its providers are sandboxes, which must not get a real key."""
    result = run("set", "perfect", "--env", "local", given="id\nsecret")
    assert result.exit_code == 1
    assert "DARKROOM_PERFECT_CLIENT_ID=... DARKROOM_PERFECT_CLIENT_SECRET=... " in result.stderr


def test_list_says_what_is_set_since_when_and_never_the_key(secrets: Any) -> None:
    """Also what is wrong with one."""
    run("set", "snapapi", given=SNAP)
    secrets.put_secret_value(SecretId="darkroom/dev/goapi", SecretString="[1]")
    lines = {line.split()[0]: line for line in run().stdout.splitlines()}
    assert " set up since 20" in lines["snapapi"]
    assert lines["apiframe"].endswith(" never filled")
    assert "unusable" in lines["goapi"]
    assert "holds no JSON object" in lines["goapi"]
    document = json.loads(run("list", "--json").stdout)
    assert document["snapapi"]["state"] == "set up"
    assert document["apiframe"]["since"] is None
    assert SNAP not in json.dumps(document) + "".join(lines.values())
