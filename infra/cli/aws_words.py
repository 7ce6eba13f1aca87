"""Why something could not be read from AWS, in a few words: above all which right is missing."""

import re
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "AWS.SimpleQueueService.AccessDenied",
        "403",
    }
)
"""The codes of a missing right, in the spellings of the services that are asked."""
_RIGHT: Final = re.compile(r"not authorized to perform: ([A-Za-z0-9-]+:\w+)")
"""AWS's sentence about it (IAM guide, "Troubleshoot access denied error messages")."""


def describe_error(error: BaseException) -> str:
    """Why something could not be read, as in "no right to lambda:GetAccountSettings"."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

    from darkroom.domain.errors import DarkroomError  # noqa: PLC0415 - only here

    if isinstance(error, ClientError):
        return describe_aws_error(error)
    if isinstance(error, DarkroomError):
        return error.failure.sentence.rstrip(".")
    if isinstance(error, click.ClickException):
        return error.message
    if isinstance(error, BotoCoreError):
        return str(error).rstrip(".")
    return f"{type(error).__name__}: {error}"


def describe_aws_error(error: "ClientError") -> str:
    """The same for an answer of AWS."""
    details = error.response.get("Error", {})
    message = str(details.get("Message") or "")
    if is_denied(error):
        named = _RIGHT.search(message)
        return f"no right to {named[1] if named else error.operation_name}"
    return f"AWS refused {error.operation_name}: {message or details.get('Code')}"


def is_denied(error: "ClientError") -> bool:
    """Whether the user lacks the right."""
    return error.response.get("Error", {}).get("Code") in DENIED
