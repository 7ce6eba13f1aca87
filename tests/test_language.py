"""The project speaks plain English of today: turns that readers must translate are refused."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFUSED = (
    r"whoever|whomever|wherein|whereby|thereby|hence|thus|lest|shall|besides|meanwhile"
    r"|told|untold|bears|borne|purse|over there|looked after|set going|in vain|by and by"
    r"|stands? still|standing still|all the same|of its own accord|to be had|is due no more"
    r"|(?-i:LEAST_\w+|MOST_\w+|LONGEST_\w+)"
)
"""Whole words in any case: they are archaic, or say less than the field's own term."""
ALLOWED = {Path(__file__).relative_to(ROOT)}


def test_comments_docstrings_and_messages_are_in_plain_words() -> None:
    """A report instead of "is told", a stuck task instead of one that "stands still"."""
    pattern = re.compile(rf"\b({REFUSED})\b", re.IGNORECASE)
    assert [
        f"{path.relative_to(ROOT)}:{number}: {found[0]}"
        for path in _texts()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for found in pattern.finditer(line)
    ] == []


def _texts() -> list[Path]:
    folders = (ROOT / name for name in ("functions", "infra", "tests", "events"))
    paths = [ROOT / "README.md", ROOT / "Makefile", ROOT / "pyproject.toml"]
    for folder in folders:
        paths += [*folder.rglob("*.py"), *folder.rglob("*.md")]
    return [path for path in paths if path.relative_to(ROOT) not in ALLOWED]
