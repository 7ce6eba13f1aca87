"""What the type checker is told to pass over: of the CDK all that this project does not use."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CDK = "aws_cdk"


def test_every_part_of_the_cdk_that_is_used_is_checked() -> None:
    """One that is missing in the list would count as `Any`, and no mistake would be found in it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    told: dict[str, str] = {
        module: override["follow_imports"]
        for override in settings["overrides"]
        if "follow_imports" in override
        for module in override["module"]
    }
    assert told.pop(f"{CDK}.*") == "skip"
    assert set(told) == {CDK, *used()}
    assert set(told.values()) == {"normal"}


def used() -> Iterator[str]:
    """The modules of the CDK that are imported anywhere."""
    for path in (*(ROOT / "infra").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module == CDK:
                yield from (f"{CDK}.{name}" for name in names_of(node) if name.startswith("aws_"))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{CDK}."):
                yield str(node.module)
            elif isinstance(node, ast.Import):
                yield from (name for name in names_of(node) if name.startswith(f"{CDK}."))


def names_of(node: Any) -> Iterator[str]:
    """What an import names, whatever it is called afterwards."""
    yield from (alias.name for alias in node.names)
