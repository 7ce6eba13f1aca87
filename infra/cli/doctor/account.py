"""Checks of the user's own side: credentials, region and clock. Without them nothing else works."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from infra.cli.aws_words import describe_error
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, ok, problem, warning

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CREDENTIALS: Final = "credentials"
REGION: Final = "region"
CLOCK: Final = "clock"
WARN_SKEW_S: Final = 60
MAX_SKEW_S: Final = 300
"""AWS refuses a request that is signed with a time further away than five minutes (IAM guide,
"Troubleshoot Signature Version 4 requests")."""
SIGN_IN: Final = "aws sso login"


def check_account(examined: Examined) -> Iterator[Finding]:
    """Who the user is, in which account and region, and whether the clock is right.

    One call (`sts:GetCallerIdentity`), which needs no right.
    """
    from botocore.exceptions import (  # noqa: PLC0415 - slow to import
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - botocore's own
        HTTPClientError,
    )

    yield check_region(examined)
    if not examined.region:
        return  # no client without one
    try:
        answer = examined.client("sts").get_caller_identity()
    except ClientError as error:
        yield problem(CREDENTIALS, describe_error(error), SIGN_IN)
        yield from _check_clock_of(error, examined.now)
    except (ConnectionError, HTTPClientError) as error:
        address = f"https://sts.{examined.region}.amazonaws.com"
        yield problem(
            CREDENTIALS, f"AWS does not answer: {describe_error(error)}", f"curl {address}"
        )
    except BotoCoreError as error:
        yield problem(CREDENTIALS, describe_error(error), SIGN_IN)
    else:
        yield check_identity(examined, str(answer["Account"]), str(answer["Arn"]))
        yield check_clock(_headers(answer), examined.now)


def check_region(examined: Examined) -> Finding:
    """Whether commands look where the environment is deployed."""
    wanted, used = examined.settings.region, examined.region
    if not used:
        return problem(REGION, "no region is set", f"export AWS_REGION={wanted or 'eu-central-1'}")
    if wanted and not examined.local and wanted != used:
        sentence = f"commands look in {used}, and the environment is in {wanted}"
        return problem(REGION, sentence, f"export AWS_REGION={wanted}")
    return ok(REGION, used)


def check_identity(examined: Examined, account: str, arn: str) -> Finding:
    """Whether the credentials are of the environment's account."""
    wanted = examined.settings.account
    who = f"account {account} as {arn.split(':', 5)[-1]}"
    if wanted and not examined.local and wanted != account:
        sentence = f"{who}, and the environment is in account {wanted}"
        return problem(CREDENTIALS, sentence, "export AWS_PROFILE=...")
    return ok(CREDENTIALS, who)


def check_clock(headers: Mapping[str, str], now: datetime) -> Finding:
    """Whether the local clock agrees with the time of an AWS response (its `Date` header)."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return not_checked(CLOCK, "the response had no time")
    skew_s = round((now - theirs).total_seconds())
    direction = "ahead" if skew_s > 0 else "behind"
    sentence = f"{abs(skew_s)} s {direction} of AWS's"
    if abs(skew_s) <= WARN_SKEW_S:
        return ok(CLOCK, "agrees with AWS's")
    if abs(skew_s) <= MAX_SKEW_S:
        return warning(CLOCK, f"{sentence}; above {MAX_SKEW_S} s requests are refused", SET_CLOCK)
    return problem(CLOCK, f"{sentence}: AWS refuses what it signs", SET_CLOCK)


SET_CLOCK: Final = "sudo timedatectl set-ntp true"


def _check_clock_of(error: "ClientError", now: datetime) -> Iterator[Finding]:
    """A wrong clock is the usual reason of a refused signature."""
    found = check_clock(_headers(error.response), now)
    if found.level != "not checked":
        yield found


def _headers(answer: Mapping[str, Any]) -> Mapping[str, str]:
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers
