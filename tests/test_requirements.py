"""The pinned requirements say what to install and nothing about from where."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    path
    for name in ("requirements*.txt", "layers/*/requirements.txt", "tests/**/requirements.txt")
    for path in ROOT.glob(name)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_requirement_is_pinned_with_hashes_and_no_index(path: Path) -> None:
    """A package index is the installing machine's business."""
    text = path.read_text()
    assert "://" not in text
    assert "index-url" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]


def test_every_dependency_has_its_reason() -> None:
    """Each line of the dependency lists ends in a comment that says what it is for."""
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (one for listed in lists for one in listed):
        assert re.search(rf'"{re.escape(requirement)}",\s+# \S', text), requirement


def test_the_layer_has_what_the_project_says_and_not_more() -> None:
    """The functions' own dependencies are in the layer; boto3 comes with the runtime."""
    pinned = (ROOT / "layers/runtime/requirements.txt").read_text()
    names = {re.split(r"[=\[]", line)[0] for line in pinned.splitlines() if line[:1].isalpha()}
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[>=\[]", one)[0] for one in wanted} <= names
    assert "boto3" not in names


def test_pictures_are_decoded_by_one_version_everywhere() -> None:
    """The layer of the functions and the sandboxes have the same library, and nothing else."""
    (block,) = re.split(
        r"\n(?=\S)", (ROOT / "layers/pictures/requirements.txt").read_text().strip()
    )
    assert block.startswith("pillow==")
    assert block in (ROOT / "requirements.txt").read_text()
