"""Finding an environment: a stack on moto, or the local environment."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from infra.cli.main import main
from infra.cli.target import Target, find_target
from infra.local import running_file
from tests.cli.conftest import create_stack, use_test_account

OUTPUTS = {"InputBucket": "a-input", "OutputBucket": "a-output", "Table": "t"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account."""
    use_test_account(monkeypatch)
    with mock_aws():
        yield


def run(*arguments: str) -> Result:
    """Run the command; stdout and stderr are separate."""
    return CliRunner().invoke(main, arguments)


def test_a_missing_stack_is_named(aws: None) -> None:
    """The message names the stack and the region."""
    del aws
    result = run("status", "--env", "staging")
    assert result.exit_code == 1
    assert "no stack 'darkroom-staging' in eu-central-1" in result.stderr


def test_aws_region_names_another_region(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes precedence over AWS_DEFAULT_REGION, as with every other AWS tool."""
    del aws
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert "no stack 'darkroom-dev' in ap-southeast-2" in run("status").stderr
    monkeypatch.setenv("AWS_REGION", "")
    assert "no stack 'darkroom-dev' in eu-central-1" in run("status").stderr


def test_aws_region_alone_is_enough(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All clients use that region, not only the one for the stack."""
    del aws
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    create_stack(OUTPUTS, "ap-southeast-2")
    found = find_target("dev")
    assert {found.s3.meta.region_name, found.sqs.meta.region_name} == {"ap-southeast-2"}


def test_a_stack_without_our_outputs_is_refused(aws: None) -> None:
    """For example one whose deployment failed."""
    del aws
    create_stack({})
    result = run("status")
    assert result.exit_code == 1
    assert "has no output InputBucket, OutputBucket, Table" in result.stderr


def test_a_missing_local_environment_is_reported_with_the_command_to_start_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default environment is the one on this machine."""
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: None)
    for arguments in (["status"], ["watch"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "no local environment is running; start one with `darkroom local`" in result.stderr


def test_a_running_local_environment_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Endpoint and names come from its file; the user's own credentials are not used."""
    running = running_file.RunningEnvironment("http://127.0.0.1:4577", 1, OUTPUTS)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    found = find_target("local")
    assert (found.input_bucket, found.output_bucket) == ("a-input", "a-output")
    assert found.s3.meta.endpoint_url == "http://127.0.0.1:4577"
    signed = found.s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "AKIAREAL" not in signed


def test_a_stack_without_a_newer_output_is_reported() -> None:
    """An older version deployed it; the message says what to do."""
    with pytest.raises(click.ClickException) as raised:
        Target("dev", OUTPUTS).open_ports()
    assert raised.value.message == (
        "the environment 'dev' has no output EventBus: it was deployed by an older version; "
        "deploy it again"
    )
