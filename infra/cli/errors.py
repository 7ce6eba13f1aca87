"""What can go wrong outside of the command, as one plain sentence each; never a stack trace.

Only libraries that are loaded already can have raised, so nothing is imported to find out.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import click

from darkroom.domain.errors import DarkroomError

MAX_LENGTH: Final = 200
"""So many characters of a name are shown."""
HOW_TO_SIGN_IN: Final = (
    "There are no AWS credentials. Sign in (for example `aws sso login`) or set AWS_PROFILE."
)

HOW_TO_NAME_A_REGION: Final = (
    "No AWS region is set. Name one with AWS_REGION; for the environment on this machine leave"
    " --env and DARKROOM_ENV out."
)


@contextmanager
def as_click_errors() -> Iterator[None]:
    """Turn errors of AWS, the disk and Darkroom into `click.ClickException` (exit code 1)."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read our output has heard enough; click knows how to end quietly.
        raise
    except DarkroomError as error:
        _fail(f"{error.failure.sentence} {error.failure.next_step}".strip(), error)
    except UnicodeEncodeError as error:
        _fail(f"'{error.object[:MAX_LENGTH]}' cannot be used: it is not UTF-8.", error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}", error)
    except Exception as error:
        sentence = _from_aws(error)
        if sentence is None:
            raise
        _fail(sentence, error)


def _from_aws(error: Exception) -> str | None:
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return None
    if isinstance(error, botocore.NoCredentialsError):
        return HOW_TO_SIGN_IN
    if isinstance(error, botocore.NoRegionError):
        return HOW_TO_NAME_A_REGION
    if isinstance(error, botocore.ClientError):
        told = error.response.get("Error", {})
        return f"AWS refused {error.operation_name}: {told.get('Message') or told.get('Code')}"
    if isinstance(error, botocore.BotoCoreError):
        return str(error).rstrip(".") + "."
    return None


def _fail(sentence: str, error: Exception) -> NoReturn:
    raise click.ClickException(sentence) from error
