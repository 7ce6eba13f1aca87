"""Runs cfn-lint and checkov on templates, and reads what cdk-nag reported of them.

Usage: `checkers.py TEMPLATE...` prints JSON, for each template what cfn-lint and checkov find. A
process of its own, because importing the two takes seconds, and every worker of a test run would.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

INSTALLED = ".darkroom/checkov/.installed"
CHECKOV = Path(__file__).resolve().parents[3] / INSTALLED.removesuffix("/.installed")

_HASH = re.compile(r"[0-9A-F]{8}$")
_HASHES = re.compile(r"(?<=[a-z])[0-9A-F]{8}(?=\.)")


class Finding(NamedTuple):
    """A checker's rule, and the logical id without CloudFormation's hash of what breaks it."""

    rule: str
    resource: str


@dataclass(frozen=True)
class Checked:
    """What is found in one template.

    Attributes:
        cfn_lint: its errors and warnings, as sentences.
        checkov: the checks of its own that failed.
    """

    cfn_lint: list[str]
    checkov: set[Finding]


def run_checkers(templates: Mapping[str, Path]) -> dict[str, Checked]:
    """Check the templates, given by name, in a process of its own; no network."""
    assert CHECKOV.is_dir(), f"checkov is not installed: `make {INSTALLED}` does it"
    command = [sys.executable, __file__, *map(str, templates.values())]
    variables = os.environ | {"PYTHONPATH": str(CHECKOV)}
    done = subprocess.run(command, capture_output=True, check=False, env=variables, text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    return {
        name: Checked(answer["cfn_lint"], {Finding(*each) for each in answer["checkov"]})
        for name, answer in zip(templates, answers, strict=True)
    }


def read_nag_report(assembly: Path, stack: str) -> set[Finding]:
    """What cdk-nag found in one stack of an assembly that was synthesized with its rules."""
    report = json.loads((assembly / "validation-report.json").read_text("utf-8"))
    return {
        Finding(_HASHES.sub("", violation["ruleName"]), _logical_name(construct["constructPath"]))
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
        if construct["constructPath"].startswith(f"{stack}/")
    }


def _logical_name(path: str) -> str:
    """The logical id without its hash, as the CDK makes it of a construct's path."""
    parts = path.split("/")[1:]
    return re.sub(r"\W", "", "".join(each for each in parts if each not in {"Default", "Resource"}))


def _main(paths: Iterable[str]) -> None:
    answers = [{"cfn_lint": _run_cfn_lint(path), "checkov": _run_checkov(path)} for path in paths]
    sys.stdout.write(f"\n{json.dumps(answers)}\n")


def _run_cfn_lint(path: str) -> list[str]:
    from cfnlint.api import lint  # noqa: PLC0415 - takes seconds

    matches = lint(Path(path).read_text("utf-8"))
    return [f"{match.rule.id} {match.message}" for match in matches]


def _run_checkov(path: str) -> list[Finding]:
    from checkov.cloudformation.runner import Runner  # noqa: PLC0415 - takes seconds
    from checkov.runner_filter import RunnerFilter  # noqa: PLC0415 - the same

    only = RunnerFilter(framework=["cloudformation"])
    report = Runner().run(root_folder=None, files=[path], runner_filter=only)
    if report.parsing_errors or not report.passed_checks:
        sys.exit(f"checkov cannot read {path}")
    return [
        Finding(check.check_id, _HASH.sub("", check.resource.rpartition(".")[2]))
        for check in report.failed_checks
    ]


if __name__ == "__main__":
    _main(sys.argv[1:])
