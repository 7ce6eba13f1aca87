"""What a shell completes: operations, providers, and keys of the input bucket."""

import pytest
from click import Context
from click.shell_completion import ShellComplete

from infra.aws.environments import PROVIDERS
from infra.cli.main import main
from tests.cli.conftest import MotoEnvironment


def complete(*words: str) -> list[str]:
    """What is offered for the last word."""
    shell = ShellComplete(main, {}, "darkroom", "_DARKROOM_COMPLETE")
    return [each.value for each in shell.get_completions(list(words[:-1]), words[-1])]


def test_operations_and_providers_are_completed() -> None:
    """Of `put`; and the commands themselves."""
    assert complete("put", "x.jpg", "--operation", "remove-b") == [
        "remove-background",
        "remove-background-video",
    ]
    assert complete("put", "x.jpg", "--provider", "") == list(PROVIDERS)
    assert "report" in complete("re")


@pytest.mark.parametrize("command", ["status", "batch", "get", "report", "retry", "cancel"])
def test_keys_are_completed_folder_by_folder(env: MotoEnvironment, command: str) -> None:
    """Of the environment that is named."""
    for key in ("photos/a/1.jpg", "photos/b.jpg", "other/c.jpg"):
        env.target.s3.put_object(Bucket=env.target.input_bucket, Key=key, Body=b"x")
    assert complete(command, "--env", "dev", "") == ["other/", "photos/"]
    assert complete(command, "--env", "dev", "photos/") == ["photos/a/", "photos/b.jpg"]


def test_shell_shows_no_error(env: MotoEnvironment) -> None:
    """Where there is no such environment, nothing is offered."""
    assert env
    assert complete("status", "--env", "prod", "ph") == []
    assert main.make_context("darkroom", ["status"]).__class__ is Context
