"""What the READMEs tell people to type exists."""

import re
from pathlib import Path

import pytest
from click import Context, Group

from infra.cli.main import main

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "events", "functions", "functions/darkroom/providers", "infra", "tests/benchmarks")
READMES = {folder: (ROOT / folder / "README.md").read_text("utf-8") for folder in FOLDERS}
TEXT = "\n".join(READMES.values())
COMMANDS = re.findall(r"(?:^|`|/)darkroom ([a-z]+)((?: [^`\n#]*)?)", TEXT, re.MULTILINE)
LINKS = [
    (folder, *link)
    for folder, text in READMES.items()
    for link in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", text)
]
MAX_LINES = 220
"""Of the first README, so that a newcomer reads it to the end."""


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^|`)make ([a-z]+)", TEXT, re.MULTILINE)))
)
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


@pytest.mark.parametrize(("folder", "path", "heading"), LINKS)
def test_every_link_leads_somewhere(folder: str, path: str, heading: str) -> None:
    """Relative links point into the repository, and to headings that are there."""
    target = ROOT / folder / (path or "README.md")
    assert target.exists()
    if heading:
        lines = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
        assert heading in {
            re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in lines
        }


def test_the_first_readme_is_short() -> None:
    """What only some readers need is in the README of its folder."""
    assert len(READMES[""].splitlines()) <= MAX_LINES
