"""Checks run at once, and one that fails does not end the others."""

from collections.abc import Iterator

from darkroom.domain.errors import OwnTrouble
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, ok
from infra.cli.doctor.run import Check, run_checks
from tests.cli.doctor.scripted_aws import denial, examined, refusal


def raising(error: Exception) -> Check:
    """A check that finds one thing, then fails."""

    def examine(subject: Examined) -> Iterator[Finding]:
        yield ok("first", subject.settings.name)
        raise error

    return Check("broken", examine)


def test_findings_are_in_the_order_of_the_checks() -> None:
    """Whatever is done first."""
    checks = [Check(name, lambda _, name=name: [ok(name, "")]) for name in "abcdefghij"]  # type: ignore[misc]
    assert "".join(found.check for found in run_checks(checks, examined())) == "abcdefghij"


def test_what_was_found_before_an_error_is_kept() -> None:
    """The error is a finding, too: in a few words, with the right that is missing."""
    words = {
        "no right to lambda:GetAccountSettings": denial("lambda:GetAccountSettings"),
        "no right to ListRules": refusal("AccessDenied", "Access Denied", "ListRules"),
        "AWS refused ListRules: Slow down": refusal("Throttling", "Slow down", "ListRules"),
        "AWS did not answer": OwnTrouble("aws-busy", "AWS did not answer."),
        "KeyError: 'x'": KeyError("x"),
    }
    found = run_checks([raising(error) for error in words.values()], examined())
    assert [each.sentence for each in found if each.check == "first"] == ["shop"] * len(words)
    broken = [each for each in found if each.check == "broken"]
    assert [each.sentence for each in broken] == list(words)
    assert {each.level for each in broken} == {"not checked"}
