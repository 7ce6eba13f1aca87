"""What the README of `infra/` gives people to copy is whole, and names what exists."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped] # its types are a package of their own

ROOT = Path(__file__).parents[2]
README = (ROOT / "infra" / "README.md").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def blocks(language: str) -> list[str]:
    """The code of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_workflow_of_the_pipeline_runs_targets_that_exist() -> None:
    """It is valid YAML; a pull request changes nothing, and a tag deploys."""
    [text] = blocks("yaml")
    steps = yaml.safe_load(text)["jobs"]["prod"]["steps"]
    runs = {step["run"]: step.get("if", "") for step in steps if "run" in step}
    assert {command.split()[1] for command in runs} <= TARGETS
    [deploys] = [command for command in runs if "deploy" in command]
    assert "push" in runs[deploys]


def test_python_of_the_readme_compiles_and_imports_what_exists() -> None:
    """Each module of this project is a file with the name in it."""
    sketches = blocks("python")
    assert len(sketches) == 2
    for code in sketches:
        compile(code, "README.md", "exec")
        for module, name in re.findall(r"^from (infra\.\S+) import (\w+)", code, re.MULTILINE):
            path = ROOT / module.replace(".", "/")
            source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            assert re.search(rf"\b{name}\b", source.read_text("utf-8")), f"{module}.{name}"
