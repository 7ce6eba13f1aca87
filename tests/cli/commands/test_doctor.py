"""`darkroom doctor` on moto: from missing credentials to an environment whose parts are there."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from infra.cli.doctor.finding import ok, problem
from infra.cli.doctor.run import Check
from infra.cli.main import main
from infra.local import running_file
from tests.cli.conftest import MotoEnvironment, use_test_account
from tests.fakes.moto_aws import INPUT, client


def run(*arguments: str) -> Result:
    """Run the command; stdout and stderr are separate."""
    return CliRunner().invoke(main, ("doctor", *arguments))


def findings(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Check -> its findings, of `--json`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


def test_without_a_stack_the_command_deploys_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is looked at then."""
    use_test_account(monkeypatch)
    with mock_aws():
        result = run("--env", "staging")
    assert result.exit_code == 1
    assert "problem      stack            there is no stack darkroom-staging" in result.stdout
    assert "$ make deploy ENV=staging" in result.stdout
    assert "not checked  everything else  there is no stack" in result.stdout
    assert result.stderr == "1 problem, 1 not checked, 3 ok\n"


def test_without_credentials_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to sign in."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    result = run("--env", "dev", "--json")
    assert result.exit_code == 1
    found = findings(result)
    assert found["credentials"][0]["fix"] == "aws sso login"
    assert found["everything else"][0]["level"] == "not checked"


def test_unknown_environment_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the known ones."""
    use_test_account(monkeypatch)
    result = run("--env", "prd")
    assert result.exit_code == 2
    assert "no environment 'prd'" in result.stderr


def test_without_a_local_environment_one_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a problem, too: nothing works."""
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: None)
    result = run()
    assert result.exit_code == 1
    assert "$ darkroom local" in result.stdout


def test_each_part_of_an_environment_is_found_or_missed(env: MotoEnvironment) -> None:
    """The tests' environment has buckets, table, queues and workflow, and no functions or rules."""
    env.add_dead_letter("{}")
    env.add_task(state="unknown")
    versions: Any = {"Status": "Suspended"}
    client("s3").put_bucket_versioning(Bucket=INPUT, VersioningConfiguration=versions)
    result = env.run("doctor", "--json")
    assert result.exit_code == 1, result.output
    found = findings(result)
    levels = {check: {each["level"] for each in listed} for check, listed in found.items()}
    assert levels["credentials"] == levels["region"] == levels["stack"] == {"ok"}
    assert levels["functions"] == levels["rules"] == levels["dead letters"] == {"problem"}
    assert levels["input bucket"] == {"problem", "warning"}
    assert levels["output bucket"] == {"ok"}
    assert levels["tasks"] == {"warning"}
    for listed in found.values():
        for finding in listed:
            assert bool(finding["fix"]) or finding["level"] in ("ok", "not checked")
            assert finding["sentence"]


def test_exit_code_is_0_without_a_problem(
    env: MotoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are none; calls are made only if they are wanted."""
    checks = (Check("a", lambda _: [ok("a", "fine")]),)
    calls = (Check("b", lambda _: [problem("b", "refused", "darkroom keys set b")]),)
    monkeypatch.setattr("infra.cli.doctor.checks.CHECKS", checks)
    monkeypatch.setattr("infra.cli.doctor.checks.CALLS", calls)
    assert env.run("doctor").exit_code == 0
    result = env.run("doctor", "--call")
    assert result.exit_code == 1
    assert "refused" in result.stdout
