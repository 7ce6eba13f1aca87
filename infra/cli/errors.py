"""Turns errors of AWS, the disk and Darkroom into one sentence each, without a stack trace.

botocore is looked up among the loaded modules: if it is not loaded, it cannot have raised.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import click

from darkroom.domain.errors import DarkroomError

MAX_LENGTH: Final = 200
"""How many characters of a name are printed."""
NO_CREDENTIALS: Final = (
    "No AWS credentials found. Sign in (for example `aws sso login`) or set AWS_PROFILE."
)
NO_REGION: Final = (
    "No AWS region is set. Set AWS_REGION; for the local environment leave out --env and"
    " DARKROOM_ENV."
)


@contextmanager
def as_click_errors() -> Iterator[None]:
    """Turn errors of AWS, the disk and Darkroom into `click.ClickException` (exit code 1)."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of our output has closed it; click exits quietly
    except DarkroomError as error:
        _fail(f"{error.failure.sentence} {error.failure.next_step}".strip(), error)
    except UnicodeEncodeError as error:
        _fail(f"'{error.object[:MAX_LENGTH]}' is not valid UTF-8.", error)
    except OSError as error:
        prefix = f"{error.filename}: " if error.filename else ""
        _fail(f"{prefix}{error.strerror or error}", error)
    except Exception as error:
        sentence = _describe_aws_error(error)
        if sentence is None:
            raise
        _fail(sentence, error)


def _describe_aws_error(error: Exception) -> str | None:
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return None
    if isinstance(error, botocore.NoCredentialsError):
        return NO_CREDENTIALS
    if isinstance(error, botocore.NoRegionError):
        return NO_REGION
    if isinstance(error, botocore.ClientError):
        details = error.response.get("Error", {})
        reason = details.get("Message") or details.get("Code")
        return f"AWS refused {error.operation_name}: {reason}"
    if isinstance(error, botocore.BotoCoreError):
        return str(error).rstrip(".") + "."
    return None


def _fail(sentence: str, error: Exception) -> NoReturn:
    raise click.ClickException(sentence) from error
