"""Credentials, region and clock: what is right, and what to do about the rest."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from infra.aws.environments import Environment
from infra.cli.doctor.account import check_account, check_clock, check_region
from tests.cli.doctor.scripted_aws import examined, find, levels, refusal
from tests.fakes.clock import START

PINNED = Environment("shop", account="111122223333", region="eu-central-1")


def identity(account: str = "111122223333", ahead_s: float = 0) -> dict[str, Any]:
    """STS's answer, at a time of its own."""
    date = format_datetime(START + timedelta(seconds=ahead_s), usegmt=True)
    return {
        "Account": account,
        "Arn": f"arn:aws:sts::{account}:assumed-role/Admin/anna",
        "ResponseMetadata": {"HTTPHeaders": {"date": date}},
    }


def test_all_is_well() -> None:
    """The user reads who they are."""
    subject = examined({"sts.get_caller_identity": identity()}, settings=PINNED)
    found = find(check_account, subject)
    assert levels(found) == ["ok", "ok", "ok"]
    assert [each.sentence for each in found] == [
        "eu-central-1",
        "account 111122223333 as assumed-role/Admin/anna",
        "agrees with AWS's",
    ]


def test_credentials_of_another_account_are_a_problem() -> None:
    """The settings pin an account."""
    answers = {"sts.get_caller_identity": identity("999999999999")}
    _, who, _ = find(check_account, examined(answers, settings=PINNED))
    assert who.level == "problem"
    assert "account 999999999999 as assumed-role/Admin/anna" in who.sentence
    assert "the environment is in account 111122223333" in who.sentence
    assert "AWS_PROFILE" in who.fix


def test_without_credentials_one_signs_in() -> None:
    """Nothing else is known then."""
    _, who = find(check_account, examined({"sts.get_caller_identity": NoCredentialsError()}))
    assert (who.level, who.fix) == ("problem", "aws sso login")


def test_network_that_is_down_is_not_a_matter_of_credentials() -> None:
    """Nor is an endpoint of a region that does not exist."""
    error = EndpointConnectionError(endpoint_url="https://sts.eu-central-1.amazonaws.com")
    _, who = find(check_account, examined({"sts.get_caller_identity": error}))
    assert who.sentence.startswith("AWS does not answer: Could not connect")
    assert who.fix == "curl https://sts.eu-central-1.amazonaws.com"


def test_without_a_region_nothing_is_asked() -> None:
    """There is no client then."""
    [found] = find(check_account, examined(region=""))
    assert (found.level, found.fix) == ("problem", "export AWS_REGION=eu-central-1")


def test_refused_signature_shows_the_clock() -> None:
    """A wrong clock is the usual reason, and the refusal says what time it is."""
    error = refusal("SignatureDoesNotMatch", "Signature expired", "GetCallerIdentity")
    error.response["ResponseMetadata"] = identity(ahead_s=900)["ResponseMetadata"]
    _, who, clock = find(check_account, examined({"sts.get_caller_identity": error}))
    assert (who.level, clock.level) == ("problem", "problem")
    assert clock.sentence.startswith("900 s behind")


@pytest.mark.parametrize(
    ("ahead_s", "level"),
    [(0, "ok"), (60, "ok"), (-61, "warning"), (300, "warning"), (301, "problem")],
)
def test_clock_may_be_a_minute_wrong(ahead_s: int, level: str) -> None:
    """Above five minutes AWS refuses what it signs."""
    date = format_datetime(START, usegmt=True)
    assert check_clock({"date": date}, START + timedelta(seconds=ahead_s)).level == level


@pytest.mark.parametrize("headers", [{}, {"date": "noon"}])
def test_clock_without_a_time_to_compare_is_not_checked(headers: dict[str, str]) -> None:
    """A proxy may leave the header out."""
    assert check_clock(headers, START).level == "not checked"


def test_commands_must_look_in_the_environments_region() -> None:
    """Else they say that there is no stack."""
    elsewhere = check_region(examined(settings=Environment("shop", region="us-east-1")))
    assert elsewhere.level == "problem"
    assert elsewhere.fix == "export AWS_REGION=us-east-1"
    assert check_region(examined()).level == "ok"
    assert check_region(examined(region="")).level == "problem"
