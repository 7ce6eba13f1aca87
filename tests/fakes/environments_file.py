"""A file of environments that only one test has."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.aws.environments import FILE_VARIABLE


def write_environments(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tables: dict[str, dict[str, Any]]
) -> Path:
    """Write the tables to a file in `folder`, and let it be the one that is read."""
    path = folder / "environments.toml"
    path.write_text("\n".join(f"{name} = {_toml(table)}" for name, table in tables.items()))
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def _toml(value: Any) -> str:
    """An inline value; JSON's own form but for tables and `nan`."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return "nan" if value != value else json.dumps(value)  # noqa: PLR0124 - only nan is not itself
