"""The command as a whole: its face, its start, its exit codes."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from infra.cli.checkout import ROOT, called_as
from infra.cli.main import COMMANDS, main

HEAVY = ("boto3", "moto", "cv2", "aws_cdk", "rich", "numpy", "pydantic", "httpx")


def test_help_names_every_command() -> None:
    """A newcomer sees all commands, each with a sentence."""
    said = CliRunner().invoke(main, ["--help"])
    assert said.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in said.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """`--help` works for each command and tells what it is for."""
    said = CliRunner().invoke(main, [name, "--help"])
    assert said.exit_code == 0, said.output
    assert len(said.stdout.splitlines()) > 3


def test_help_loads_nothing_heavy() -> None:
    """Asking for help must not wait for AWS, pixels or models to be imported."""
    code = (
        "import sys; from click.testing import CliRunner; from infra.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_the_provider_table_loads_no_aws_and_no_pixels() -> None:
    """Declarations alone answer who does what."""
    code = (
        "import sys; from click.testing import CliRunner; from infra.cli.main import main; "
        "assert CliRunner().invoke(main, ['providers', '--json']).exit_code == 0; "
        "print([name for name in ('boto3', 'moto', 'cv2', 'aws_cdk', 'numpy') "
        "if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
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
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls it wrongly gets 2 and a sentence, not a trace."""
    monkeypatch.chdir(ROOT)
    said = CliRunner().invoke(main, arguments)
    assert said.exit_code == 2, said.output
    assert "Error: " in said.stderr
    assert "Traceback" not in said.output


def test_an_interruption_while_the_command_is_loaded_shows_no_trace() -> None:
    """Ctrl-C in the first moment ends it as quietly as later."""
    code = """
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from infra.cli.main import main
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("argument", "printed"),
    [
        (str(ROOT / ".venv/bin/darkroom"), ".venv/bin/darkroom"),
        ("/opt/tools/darkroom", "/opt/tools/darkroom"),
        ("-c", "darkroom"),
    ],
)
def test_hints_name_the_command_as_it_was_called(
    argument: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hint can be pasted into another terminal, where no virtual environment is on."""
    monkeypatch.setattr(sys, "argv", [argument])
    assert called_as() == printed
