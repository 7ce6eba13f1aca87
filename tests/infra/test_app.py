"""The app as the CDK's command runs it: a process that is told the environment and the folder."""

import json
from pathlib import Path

import pytest

from infra.aws.layers import find_layer
from tests.infra.conftest import CHECKOUT, COMMANDED, Synthesis, run_bare


def test_the_environment_comes_from_the_command_line(synthesis: Synthesis) -> None:
    """`cdk deploy -c environment=staging` makes that environment, and warns of a missing layer."""
    templates = {path.name for path in synthesis.commanded.glob("*.template.json")}
    assert templates == {f"darkroom-{COMMANDED}.template.json"}
    missing = find_layer("runtime", "arm64", "3.13").warning
    assert synthesis.warnings.count("make layers") == missing.count("make layers")


def test_an_impossible_environment_ends_with_a_sentence(tmp_path: Path) -> None:
    """No stack trace, and an exit code that stops the deployment."""
    done = run_bare(
        ["-m", "infra.aws.app"],
        tmp_path,
        CDK_OUTDIR=str(tmp_path / "out"),
        DARKROOM_ENVIRONMENT="My Test",
    )
    assert done.returncode == 1
    assert "'My Test'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_circle_of_resources_ends_the_synthesis(synthesis: Synthesis) -> None:
    """Rather than the deployment, or, where nobody checks, nothing at all."""
    assert "circular" in synthesis.circle.lower()


@pytest.mark.parametrize(
    "module",
    [
        "infra.aws.app",
        "infra.aws.layers",
        "infra.aws.environments",
        "infra.aws.workflow_definition",
    ],
)
def test_importing_does_not_start_node(module: str, tmp_path: Path) -> None:
    """The command, the local environment and the simulation do not pay for the CDK."""
    script = f"import sys, {module}; sys.exit('aws_cdk' in sys.modules or 'jsii' in sys.modules)"
    assert run_bare(["-c", script], tmp_path).returncode == 0


def test_the_command_runs_the_app_with_the_virtual_environment() -> None:
    """The file that the CDK's command reads names a module that exists."""
    app = json.loads((CHECKOUT / "cdk.json").read_text("utf-8"))["app"]
    assert app.split()[-2:] == ["-m", "infra.aws.app"]
