"""Errors from outside become one sentence and exit code 1."""

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from darkroom.domain.errors import Busy
from infra.cli.errors import as_click_errors


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (NoCredentialsError(), "AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://x"), "http://x"),
        (ClientError({"Error": {"Message": "not yours"}}, "PutObject"), "PutObject: not yours"),
        (Busy("x", "The bus is full.", "Wait."), "The bus is full. Wait."),
        (UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "no"), "cannot be used: it is not UTF-8"),
        (PermissionError(13, "Permission denied", "out/x.png"), "out/x.png: Permission denied"),
    ],
)
def test_an_error_from_outside_is_told_in_one_sentence(error: Exception, part: str) -> None:
    """Nobody who uses the command sees a stack trace of AWS or of the disk."""
    with pytest.raises(click.ClickException) as told, as_click_errors():
        raise error
    assert part in told.value.format_message()
    assert told.value.exit_code == 1


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    """What no row names keeps its trace, so that it can be found."""
    with pytest.raises(KeyError), as_click_errors():
        raise KeyError("x")
