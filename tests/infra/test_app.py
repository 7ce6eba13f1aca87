"""The app as the CDK's command runs it: a process that gets the environment and the folder."""

import json
from pathlib import Path

from infra.aws.layers import find_layer
from tests.infra.conftest import CHECKOUT, COMMANDED, Synthesis, run_bare


def test_app_takes_the_environment_from_the_command_line(synthesis: Synthesis) -> None:
    """`-c environment=guest` synthesizes it; it warns of a missing layer if that was asked for."""
    templates = {path.name for path in synthesis.commanded.glob("*.template.json")}
    assert templates == {f"darkroom-{COMMANDED}.template.json"}
    layers = [find_layer(name, "arm64", "3.14") for name in ("runtime", "pictures")]
    missing = sum(layer.warning.count("make layers") for layer in layers)
    assert synthesis.warnings.count("make layers") == missing


def test_functions_are_not_deployed_without_their_layers(synthesis: Synthesis) -> None:
    """A deployment would succeed, and no function could start."""
    unbuilt = find_layer("runtime", "arm64", "3.14").warning
    unbuilt = unbuilt or find_layer("pictures", "arm64", "3.14").warning
    assert synthesis.refused == unbuilt


def test_invalid_environment_name_ends_with_a_sentence(tmp_path: Path) -> None:
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


def test_circular_references_fail_the_synthesis(synthesis: Synthesis) -> None:
    """Otherwise they would only fail the deployment."""
    assert "circular" in synthesis.circle.lower()


def test_imports_do_not_start_node(tmp_path: Path) -> None:
    """The command, the local environment and the simulation import these modules."""
    modules = (
        *("app", "bytecode", "pyodide", "deployment", "environments", "function_asset"),
        *("layers", "node", "sizes", "workflow_definition"),
    )
    script = f"import sys, {', '.join(f'infra.aws.{name}' for name in modules)}"
    script += "; sys.exit('aws_cdk' in sys.modules or 'jsii' in sys.modules)"
    assert run_bare(["-c", script], tmp_path).returncode == 0


def test_cdk_json_names_the_app_module() -> None:
    """The CDK's command starts the module that cdk.json names."""
    app = json.loads((CHECKOUT / "cdk.json").read_text("utf-8"))["app"]
    assert app.split()[-2:] == ["-m", "infra.aws.app"]
