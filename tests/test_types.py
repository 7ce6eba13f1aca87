"""Which modules mypy skips: all of the CDK that this project does not import."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CDK = "aws_cdk"


def test_every_part_of_the_cdk_that_is_used_is_checked() -> None:
    """A module missing from the list would be `Any`, and mypy would check no use of it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    follow_imports: dict[str, str] = {
        module: override["follow_imports"]
        for override in settings["overrides"]
        if "follow_imports" in override
        for module in override["module"]
    }
    assert follow_imports.pop(f"{CDK}.*") == "skip"
    assert set(follow_imports) == {CDK, *imported_cdk_modules()}
    assert set(follow_imports.values()) == {"normal"}


def imported_cdk_modules() -> Iterator[str]:
    """The modules of the CDK that are imported anywhere."""
    for path in (*(ROOT / "infra").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module == CDK:
                yield from (
                    f"{CDK}.{name}" for name in imported_names(node) if name.startswith("aws_")
                )
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{CDK}."):
                yield str(node.module)
            elif isinstance(node, ast.Import):
                yield from (name for name in imported_names(node) if name.startswith(f"{CDK}."))


def imported_names(node: Any) -> Iterator[str]:
    """The names that an import statement imports, before any alias."""
    yield from (alias.name for alias in node.names)
