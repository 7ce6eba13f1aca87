"""The version that is released: the project's, and that of the newest entry of the changelog."""

import re
import tomllib
from pathlib import Path
from typing import Final

UNRELEASED: Final = "unreleased"
_ENTRY: Final = re.compile(r"^## (\S+) \(([^)]+)\)$", re.MULTILINE)
"""`## 0.1.0 (2026-12-01)`"""


class ReleaseError(Exception):
    """Nothing is released; the message says why, and what to do."""


def read_version(checkout: Path, *, preview: bool = False) -> str:
    """The version. Raises ReleaseError if the changelog does not describe it as released.

    `preview`: its entry may still be unreleased.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    version = str(project["version"])
    entry = _ENTRY.search((checkout / "CHANGELOG.md").read_text("utf-8"))
    if entry is None:
        raise ReleaseError("CHANGELOG.md has no entry: begin one with `## VERSION (DATE)`")
    if entry[1] != version:
        raise ReleaseError(
            f"pyproject.toml has version {version}, and the newest entry of CHANGELOG.md is of "
            f"{entry[1]}: change one of them"
        )
    if entry[2] == UNRELEASED and not preview:
        raise ReleaseError(
            f"the entry of {version} in CHANGELOG.md is unreleased: write the date in its place, "
            'or look at the files first with OPTIONS="--preview"'
        )
    return version
