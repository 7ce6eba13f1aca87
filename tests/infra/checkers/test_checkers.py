"""Nothing is left of what other people's checkers find, but what has its reason in `accepted`."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest

from tests.infra.checkers.accepted import ACCEPTED
from tests.infra.checkers.checkers import Checked, Finding, read_nag_report
from tests.infra.conftest import Synthesis
from tests.infra.synthesis import SHIPPED


@pytest.fixture(params=SHIPPED)
def name(request: pytest.FixtureRequest) -> str:
    """Each shipped environment in turn."""
    return str(request.param)


@pytest.fixture
def findings(name: str, synthesis: Synthesis, checked: Mapping[str, Checked]) -> set[Finding]:
    """What checkov and cdk-nag find in its stack."""
    return checked[name].checkov | read_nag_report(synthesis.nagged, f"darkroom-{name}")


def test_cfn_lint_finds_nothing(name: str, checked: Mapping[str, Checked]) -> None:
    """Neither an error nor a warning."""
    assert checked[name].cfn_lint == []


def test_every_finding_has_a_reason(name: str, findings: set[Finding]) -> None:
    """A resource that is new, or a rule that is, needs one of its own."""
    patterns = _patterns(name)
    assert [
        found
        for found in sorted(findings)
        if not any(_fits(found, rule, pattern) for rule, pattern in patterns)
    ] == []


def test_every_reason_answers_a_finding(name: str, findings: set[Finding]) -> None:
    """What is mended is not accepted any more."""
    assert [
        (rule, pattern)
        for rule, pattern in _patterns(name)
        if not any(_fits(found, rule, pattern) for found in findings)
    ] == []


def test_reasons_are_few() -> None:
    """With more than eight, nobody reads them."""
    assert len(ACCEPTED) <= 8


def test_a_key_of_the_customer_encrypts_all_that_is_accepted_without_one(
    checked: Mapping[str, Checked],
) -> None:
    """Only the functions' variables stay, which hold no secret."""
    (without_key,) = [each for each in ACCEPTED if "kms_key_arn" in each.reason]
    found = {finding.rule for finding in checked["bank"].checkov} & without_key.rules.keys()
    assert found == {"CKV_AWS_173"}


def _patterns(environment: str) -> list[tuple[str, str]]:
    return [
        (rule.replace("{environment}", environment), pattern)
        for each in ACCEPTED
        for rule, patterns in each.rules.items()
        for pattern in patterns
    ]


def _fits(found: Finding, rule: str, pattern: str) -> bool:
    return found.rule == rule and fnmatchcase(found.resource, pattern)
