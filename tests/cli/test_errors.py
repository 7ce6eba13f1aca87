"""Errors of AWS, the disk and Darkroom become one sentence and exit code 1."""

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from darkroom.domain.errors import Busy
from infra.cli.errors import as_click_errors


def test_an_outside_error_becomes_one_sentence() -> None:
    """Users never see a stack trace of AWS or of the disk."""
    errors: list[tuple[Exception, str]] = [
        (NoCredentialsError(), "AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://x"), "http://x"),
        (ClientError({"Error": {"Message": "not yours"}}, "PutObject"), "PutObject: not yours"),
        (Busy("x", "The bus is full.", "Wait."), "The bus is full. Wait."),
        (UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "no"), "is not valid UTF-8"),
        (PermissionError(13, "Permission denied", "out/x.png"), "out/x.png: Permission denied"),
    ]
    for error, part in errors:
        with pytest.raises(click.ClickException) as raised, as_click_errors():
            raise error
        assert part in raised.value.format_message()
        assert raised.value.exit_code == 1


def test_a_bug_of_our_own_keeps_its_stack_trace() -> None:
    """Other exceptions pass through, so that the bug can be found."""
    with pytest.raises(KeyError), as_click_errors():
        raise KeyError("x")
