"""The command as a whole: help, start-up, exit codes."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from infra.cli.checkout import ROOT, program_name
from infra.cli.main import COMMANDS, main


def test_help_names_every_command() -> None:
    """`--help` lists all commands."""
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.stdout


def test_every_command_has_help() -> None:
    """`--help` works for each command and prints a description."""
    for name in COMMANDS:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) > 3, name


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["--help"], ("boto3", "moto", "cv2", "aws_cdk", "rich", "numpy", "pydantic", "httpx")),
        (["providers", "--json"], ("boto3", "moto", "cv2", "aws_cdk", "numpy")),
    ],
    ids=["--help", "providers"],
)
def test_a_command_imports_no_slow_module_without_need(
    arguments: list[str], modules: tuple[str, ...]
) -> None:
    """`--help` needs no library at all, the provider table only the adapters' declarations."""
    code = (
        "import sys; from click.testing import CliRunner; from infra.cli.main import main; "
        f"assert CliRunner().invoke(main, {arguments!r}).exit_code == 0; "
        f"print([name for name in {modules!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


WRONG_USAGE: list[list[str]] = [
    ["develop"],
    ["validate"],
    ["validate", "no-such-file.json"],
    ["providers", "--json", "--markdown"],
    ["status", "--limit", "0"],
    ["local", "--port", "70000"],
    ["local", "--watch", "no-such-folder"],
    ["sandbox", "--port", "snapapi"],
    ["sandbox", "--port", "kodak=9001"],
    ["put", "README.md", "--provider", "snapapi"],
    ["put", "README.md", "--spec", "README.md", "--operation", "upscale"],
    ["put", "README.md", "--operation", "upscale", "--param", "scale"],
    ["put", "README.md", "--operation", "upscale", "--prefix", "../x"],
    ["put", "README.md", "--operation", "upscale"],
    ["put", "events/photos/chelsea.jpg", "--operation", "upscale", "--label", "A/b"],
    ["put", "events/photos/chelsea.jpg", "--label", "a"],
    ["status", "--env", "Not A Name"],
    ["cancel"],
    ["cancel", "a/", ""],
    ["retry"],
    ["retry", "a/", "--failed"],
    ["retry", ""],
    ["redrive", ""],
]


def test_wrong_usage_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints a message, without a stack trace."""
    monkeypatch.chdir(ROOT)
    for arguments in WRONG_USAGE:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert "Error: " in result.stderr, arguments
        assert "Traceback" not in result.output, arguments


def test_ctrl_c_during_import_exits_quietly() -> None:
    """Ctrl-C before click is loaded exits with 130 and prints nothing."""
    code = """
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from infra.cli.main import main
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_hints_name_the_command_as_it_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hint can be pasted into another terminal without an active virtual environment."""
    for argument, name in (
        (str(ROOT / ".venv/bin/darkroom"), ".venv/bin/darkroom"),
        ("/opt/tools/darkroom", "/opt/tools/darkroom"),
        ("-c", "darkroom"),
    ):
        monkeypatch.setattr(sys, "argv", [argument])
        assert program_name() == name
