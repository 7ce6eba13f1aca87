"""A release is of one version, which the changelog describes."""

from pathlib import Path

import pytest

from infra.release.version import ReleaseError, read_version


def checkout(folder: Path, version: str, changelog: str) -> Path:
    """A project with these two files."""
    (folder / "pyproject.toml").write_text(f'[project]\nname = "p"\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    return folder


def test_newest_entry_names_the_version(tmp_path: Path) -> None:
    """Older entries do not count."""
    text = "# Changelog\n\n## 1.2.0 (2026-12-01)\n\nnew\n\n## 1.1.0 (2026-11-01)\n"
    assert read_version(checkout(tmp_path, "1.2.0", text)) == "1.2.0"
    with pytest.raises(ReleaseError, match=r"1\.1\.0, and the newest entry .* is of 1\.2\.0"):
        read_version(checkout(tmp_path, "1.1.0", text))


def test_unreleased_version_can_be_looked_at_only(tmp_path: Path) -> None:
    """Its date is missing."""
    project = checkout(tmp_path, "1.2.0", "## 1.2.0 (unreleased)\n")
    with pytest.raises(ReleaseError, match="write the date"):
        read_version(project)
    assert read_version(project, preview=True) == "1.2.0"


def test_changelog_without_an_entry_is_refused(tmp_path: Path) -> None:
    """With what to write."""
    with pytest.raises(ReleaseError, match="## VERSION"):
        read_version(checkout(tmp_path, "1.2.0", "# Changelog\n"))
