"""Arrows point inward: who may import whom, and who may touch what.

functions ──▶ composition ──▶ pipeline | aws | providers ──▶ ports ──▶ domain

The contracts stand in `pyproject.toml`; import-linter reads them. Here stands what they cannot say.
"""

import ast
import functools
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
FILES = sorted(FUNCTIONS.rglob("*.py"))
STEPS = frozenset({"intake", "submit", "poll", "deliver", "fail", "sweep"})

A_STEP_MAY_IMPORT = frozenset(
    {
        "aws_lambda_powertools",
        "darkroom.aws.intake_messages",
        "darkroom.composition",
        "darkroom.domain.arrivals",
        "darkroom.domain.task",
        "darkroom.step_handler",
    }
)
"""Beside its use case and the standard library. No contract sees these: they are no package."""


@functools.cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("darkroom", "infra", include_external_packages=True, cache_dir=None)


def test_import_contracts_hold() -> None:
    """The failure names the broken contract and the chain of imports that breaks it."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-cache", "--no-logo", "pyproject.toml"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_the_contracts_see_every_file() -> None:
    """A folder without an `__init__.py` would be passed over."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for root, package in ((FUNCTIONS, "darkroom"), (ROOT, "infra"))
        for path in (root / package).rglob("*.py")
    }
    graph = _graph()
    assert {name for name in graph.modules if not graph.is_module_squashed(name)} == files


def test_the_contracts_name_every_package_that_is_imported() -> None:
    """One that they do not name would be free for all."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [contract] = [each for each in linter["contracts"] if each["name"].startswith("Packages")]
    named = set(contract["forbidden_modules"])
    graph = _graph()
    assert [
        f"{module} imports {package}"
        for module in sorted({"darkroom"} | graph.find_descendants("darkroom"))
        for package in graph.find_modules_directly_imported_by(module)
        if graph.is_module_squashed(package) and package not in named | sys.stdlib_module_names
    ] == []


def test_a_step_imports_what_runs_it_and_its_use_case() -> None:
    """It translates an event, and decides nothing."""
    assert [
        f"{step} imports {name}"
        for step in sorted(STEPS)
        for name in _imports(FUNCTIONS / f"{step}.py")
        if {name, name.partition(".")[0]}.isdisjoint(
            A_STEP_MAY_IMPORT | sys.stdlib_module_names | {_use_case(step)}
        )
    ] == []


def test_every_step_has_its_file_and_every_file_its_step() -> None:
    """One file for each verb, and a use case of the same name behind it."""
    assert {path.stem for path in FUNCTIONS.glob("*.py")} == STEPS
    for verb in STEPS:
        assert _use_case(verb) in set(_imports(FUNCTIONS / f"{verb}.py"))
        assert (FUNCTIONS / "darkroom" / "pipeline" / f"{verb}.py").is_file()


def test_the_environment_is_read_in_one_place() -> None:
    """Everyone else is given settings."""
    reading = [_name(path) for path in FILES if {"environ", "getenv"} & set(_names(path))]
    assert reading == ["functions/darkroom/composition.py"]


def test_every_file_says_what_it_is_for() -> None:
    """In a docstring, before anything else."""
    silent = [_name(path) for path in FILES if not ast.get_docstring(_tree(path))]
    assert silent == []


def _use_case(step: str) -> str:
    """The module of a step's use case; some steps go on with the next one."""
    in_place = step in ("submit", "poll")
    return f"darkroom.pipeline.{'continue_in_place' if in_place else step}"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
