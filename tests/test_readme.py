"""What the README tells people to type exists."""

import re
from pathlib import Path

import pytest
from click import Context, Group

from infra.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"(?:^|`|/)darkroom ([a-z]+)((?: [^`\n#]*)?)", README, re.MULTILINE)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)", README))))
def test_every_make_target_exists(target: str) -> None:
    """A newcomer's first command must not fail on a name."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "rest"), COMMANDS)
def test_every_command_and_option_exists(name: str, rest: str) -> None:
    """Commands are named as they are, with options that they have."""
    assert isinstance(main, Group)
    command = main.get_command(Context(main), name)
    assert command is not None, name
    known = {word for param in command.params for word in param.opts}
    assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_the_readme_names_commands_at_all() -> None:
    """Else the tests above would have nothing to check."""
    assert {name for name, _ in COMMANDS} >= {"local", "put"}


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    """Relative links point into the repository."""
    assert (ROOT / link).exists()
