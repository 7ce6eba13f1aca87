"""`darkroom balance`: what is in the accounts, by the environment's keys."""

import json
from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from darkroom.providers.engine import network
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.http_server import RunningSandbox, start
from tests.cli.conftest import MotoEnvironment
from tests.fakes.moto_aws import client

NO_CALL = "SnapAPI documents no call that says what is in an account."


@pytest.fixture(autouse=True)
def one_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command keeps its connections until its process ends, which a test does not."""
    shared = DeadlineTransport()
    monkeypatch.setattr(network, "DeadlineTransport", lambda: shared)
    yield
    shared.close()


@pytest.fixture
def sandboxes(env: MotoEnvironment) -> Iterator[Mapping[str, RunningSandbox]]:
    """Two providers that can be asked; the environment has their keys, and no others."""
    assert env
    _put_secret("perfect", {})
    with start(["apiframe", "goapi"], credits=1250) as running:
        for name, sandbox in running.items():
            _put_secret(name, {**sandbox.credentials, "base_url": sandbox.base_url})
        yield running


def _put_secret(provider: str, secret: Mapping[str, str]) -> None:
    name, value = f"darkroom/dev/{provider}", json.dumps(secret)
    try:
        client("secretsmanager").create_secret(Name=name, SecretString=value)
    except ClientError:
        client("secretsmanager").put_secret_value(SecretId=name, SecretString=value)


@pytest.mark.usefixtures("sandboxes")
def test_every_account_has_a_line(env: MotoEnvironment) -> None:
    """Also the one that cannot be asked, and the one that is not set up: that is no failure."""
    result = env.run("balance")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"snapapi: {NO_CALL}"
    assert lines[1] == "apiframe: 1,250 credits, plan sandbox"
    how = "Set it with: darkroom keys set perfect --env dev"
    assert lines[2] == f"perfect: Perfect Corp has no key here. {how}"
    assert lines[3] == "goapi: 1,250 credits ($2.50), plan creator"


@pytest.mark.usefixtures("sandboxes")
def test_json_has_figures_and_codes(env: MotoEnvironment) -> None:
    """Provider -> what it says."""
    printed = json.loads(env.run("balance", "--json").stdout)
    assert printed["goapi"] == {"credits": 1250, "usd": 2.5, "note": "plan creator", "code": None}
    assert printed["snapapi"] == {
        "credits": None,
        "usd": None,
        "note": NO_CALL,
        "code": "no-balance-call",
    }
    assert printed["perfect"]["code"] == "not-set-up"


@pytest.mark.usefixtures("sandboxes")
def test_named_provider_alone_is_asked(env: MotoEnvironment) -> None:
    """It must be set up then."""
    assert env.run("balance", "apiframe").stdout == "apiframe: 1,250 credits, plan sandbox\n"
    assert env.run("balance", "perfect").exit_code == 1
    unknown = env.run("balance", "snap")
    assert unknown.exit_code == 2
    assert "unknown provider 'snap'; use one of: apiframe" in unknown.stderr


@pytest.mark.usefixtures("sandboxes")
def test_key_that_is_refused_is_said_and_never_printed(env: MotoEnvironment) -> None:
    """The others are still asked."""
    with start(["apiframe"]) as running:
        wrong = {"api_key": "afk_wrong_key_0123456789", "base_url": running["apiframe"].base_url}
        _put_secret("apiframe", wrong)
        result = env.run("balance")
    assert result.exit_code == 1
    assert "apiframe: Apiframe does not accept the key" in result.stdout
    assert "goapi: 1,250 credits" in result.stdout
    assert "afk_wrong" not in result.output


def test_provider_that_is_not_reached_is_a_failure(env: MotoEnvironment) -> None:
    """With its reason."""
    _put_secret("goapi", {"api_key": "some-long-key", "base_url": "http://127.0.0.1:9"})
    result = env.run("balance", "goapi")
    assert result.exit_code == 1
    assert result.stdout.startswith("goapi: ")
