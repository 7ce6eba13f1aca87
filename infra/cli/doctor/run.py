"""Runs checks at the same time; one that may not look, or fails, is "not checked" and no more."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from infra.cli.aws_words import describe_error
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked

AT_ONCE: Final = 8


@dataclass(frozen=True)
class Check:
    """One check: what it is about, and the function that looks.

    The function may raise what AWS and Darkroom raise: then it is "not checked".
    """

    name: str
    examine: Callable[[Examined], Iterable[Finding]]


def run_checks(checks: Sequence[Check], examined: Examined) -> list[Finding]:
    """What all checks find, in their order."""
    if not checks:
        return []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda check: run_check(check, examined), checks)
        return [finding for findings in found for finding in findings]


def run_check(check: Check, examined: Examined) -> list[Finding]:
    """What one check finds; an error is its last finding."""
    findings = []
    try:
        for finding in check.examine(examined):
            findings.append(finding)  # noqa: PERF402 - those before an error are kept
    except Exception as error:  # noqa: BLE001 - the other checks are wanted, whatever it is
        findings.append(not_checked(check.name, describe_error(error)))
    return findings
