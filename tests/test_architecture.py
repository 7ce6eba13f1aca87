"""Arrows point inward: who may import whom, and who may touch what.

functions ──▶ composition ──▶ pipeline | aws | providers ──▶ ports ──▶ domain
"""

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
STEPS = frozenset({"intake", "submit", "poll", "deliver", "fail", "sweep"})
INNER = frozenset({"domain", "ports"})

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "settings": frozenset({"domain.rate_limits"}),
    "ports": frozenset({"domain"}),
    "pipeline": INNER | {"pipeline"},
    "aws": INNER | {"aws"},
    "providers": INNER | {"providers"},
    "step_handler": frozenset({"ports"}),
    "composition": frozenset({"aws", "providers", "ports", "settings"}),
    "a step": frozenset(
        {"composition", "step_handler", "pipeline", "domain.task", "domain.arrivals"}
    )
    | {"aws.intake_messages"},
    "domain.errors": frozenset(),
    "domain.media": frozenset(),
    "domain.file_completeness": frozenset({"domain.file_completeness", "domain.media"}),
    "domain.retries": frozenset({"domain.errors"}),
    "domain.circuit_state": frozenset({"domain.retries"}),
    "domain.rate_limits": frozenset(),
    "domain.limits": frozenset(),
    "domain.fact_bounds": frozenset(),
    "domain.validation_messages": frozenset(),
    "domain.object_keys": frozenset({"domain.errors", "domain.media"}),
    "domain.arrivals": frozenset({"domain.errors", "domain.object_keys"}),
    "domain.strict_json": frozenset({"domain.errors"}),
    "domain.spec": frozenset(
        {"domain.errors", "domain.object_keys", "domain.strict_json", "domain.validation_messages"}
    ),
    "domain.attempt": frozenset({"domain.errors", "domain.media"}),
    "domain.order": frozenset({"domain.object_keys"}),
    "domain.task": frozenset({"domain.attempt", "domain.errors", "domain.media", "domain.order"})
    | {"domain.rate_limits"},
    "domain.routes": frozenset({"domain.attempt", "domain.media"}),
    "domain.provider_jobs": frozenset(
        {"domain.attempt", "domain.media", "domain.order", "domain.routes"}
    ),
}
"""Each part of the product, and the parts that it may import."""

THIRD_PARTIES: Mapping[str, frozenset[str]] = {
    "aws": frozenset({"boto3", "botocore", "mypy_boto3_*", "pydantic"}),
    "providers": frozenset({"cryptography", "httpx", "httpcore", "imagesize", "pydantic"}),
    "step_handler": frozenset({"aws_lambda_powertools"}),
    "a step": frozenset({"aws_lambda_powertools"}),
    "composition": frozenset({"boto3", "botocore"}),
}
"""Packages that a part may import; every other part has pydantic alone."""

PIPELINE_FOLDER = FUNCTIONS / "darkroom" / "pipeline"
PIPELINE = ("admission", "orders", "endings", "paid_call")
"""What verbs share, the innermost first."""

PROVIDERS = FUNCTIONS / "darkroom" / "providers"
OUTSIDE = {"httpx", "httpcore", "boto3", "time", "socket", "os", "random", "datetime", "urllib3"}

FILES = sorted(path for path in FUNCTIONS.rglob("*.py"))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield node.module


def _part(path: Path) -> str:
    parts = path.relative_to(FUNCTIONS).with_suffix("").parts
    if parts[0] != "darkroom":
        return "a step"
    inner = [part for part in parts[1:] if part != "__init__"]
    return ".".join(inner[: 2 if inner[:1] == ["domain"] else 1]) or "darkroom"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_a_part_imports_only_what_lies_further_in() -> None:
    """The table above is the whole of it."""
    assert [
        f"{_name(path)} imports {name}"
        for path in FILES
        for name in _imports(path)
        if name.split(".")[0] == "darkroom"
        and MAY_IMPORT.get(_part(path), frozenset()).isdisjoint(_with_its_part(name))
    ] == []


def _with_its_part(name: str) -> set[str]:
    inner = name.removeprefix("darkroom.").split(".")
    return {".".join(inner[:length]) for length in (1, 2, 3)}


def test_a_part_imports_only_its_own_packages() -> None:
    """The core knows neither AWS nor HTTP, and nothing here knows where it runs."""
    assert [
        f"{_name(path)} imports {package}"
        for path in FILES
        for package in _packages(path)
        if package not in THIRD_PARTIES.get(_part(path), frozenset({"pydantic", "pydantic_core"}))
    ] == []


def _packages(path: Path) -> Iterator[str]:
    for name in _imports(path):
        top = name.split(".")[0]
        if top != "darkroom" and top not in sys.stdlib_module_names:
            yield "mypy_boto3_*" if top.startswith("mypy_boto3_") else top


def test_what_verbs_share_knows_no_verb_and_nothing_that_comes_after_it() -> None:
    """`PIPELINE` is the order: each folder may import itself and those before it."""
    assert {path.name for path in _folders(PIPELINE_FOLDER)} == set(PIPELINE)
    wrong = []
    for number, folder in enumerate(PIPELINE):
        allowed = tuple(f"darkroom.pipeline.{name}." for name in PIPELINE[: number + 1])
        for path in (PIPELINE_FOLDER / folder).glob("*.py"):
            wrong += [
                f"{_name(path)} imports {name}"
                for name in _imports(path)
                if name.startswith("darkroom.pipeline") and not name.startswith(allowed)
            ]
    assert wrong == []


def _folders(parent: Path) -> Iterator[Path]:
    return (path for path in parent.iterdir() if (path / "__init__.py").is_file())


def test_providers_share_what_lies_beside_them_and_know_nothing_of_each_other() -> None:
    """So one is understood, and another added, without reading the rest."""
    wrong = []
    for path in PROVIDERS.rglob("*.py"):
        mine = _package(path)
        allowed = {mine, "shared"}
        if path.stem == "registry":
            continue
        for name in _imports(path):
            if name.startswith("darkroom.providers."):
                first = name.split(".")[2]
                theirs = first if (PROVIDERS / first).is_dir() else "shared"
                if theirs not in allowed:
                    wrong.append(f"{_name(path)} imports {name}")
    assert wrong == []


def test_an_adapter_touches_nothing_outside() -> None:
    """No network, no clock, no chance, no environment: only requests and answers."""
    files = [path for path in PROVIDERS.rglob("*.py") if _package(path) != "engine"]
    assert len(files) > 25
    assert [
        f"{_name(path)} imports {name}"
        for path in files
        for name in _imports(path)
        if name.partition(".")[0] in OUTSIDE and (path.stem, name) != ("times", "datetime")
    ] == []


def test_the_slow_library_is_imported_where_it_is_used() -> None:
    """Perfect's sign-in needs it; whoever imports the adapters does not wait for it."""
    assert [
        _name(path)
        for path in PROVIDERS.rglob("*.py")
        for node in _tree(path).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("cryptography")
    ] == []


def _package(path: Path) -> str:
    parts = path.relative_to(PROVIDERS).parts
    return parts[0] if len(parts) > 1 else "shared"


def test_the_environment_is_read_in_one_place() -> None:
    """Everyone else is given settings."""
    reading = [_name(path) for path in FILES if _names(path) & {"environ", "getenv"}]
    assert reading == ["functions/darkroom/composition.py"]


def _names(path: Path) -> set[str]:
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
    }


def test_a_sandbox_knows_neither_its_adapter_nor_the_local_environment() -> None:
    """They meet over HTTP only; else both would share one misreading. Others may use it alone."""
    files = sorted((ROOT / "infra" / "sandbox").rglob("*.py"))
    assert len(files) > 50
    assert [
        f"{_name(path)} imports {name}"
        for path in files
        for name in _imports(path)
        if name.split(".")[0] == "darkroom" or name.startswith(("infra.local", "infra.cli"))
    ] == []


def test_nothing_imports_a_command() -> None:
    """What two commands share lies beside them; the name of a command alone leads to its file."""
    files = sorted((ROOT / "infra").rglob("*.py"))
    assert [
        f"{_name(path)} imports {name}"
        for path in files
        for name in _imports(path)
        if name.startswith("infra.cli.commands")
    ] == []


def test_every_step_has_its_file_and_every_file_its_step() -> None:
    """One file for each verb, and a use case of the same name behind it."""
    assert {path.stem for path in FUNCTIONS.glob("*.py")} == STEPS
    for verb in STEPS:
        assert (FUNCTIONS / "darkroom" / "pipeline" / f"{verb}.py").is_file()
        assert f"darkroom.pipeline.{verb}" in set(_imports(FUNCTIONS / f"{verb}.py"))


def test_every_file_says_what_it_is_for() -> None:
    """In a docstring, before anything else."""
    silent = [_name(path) for path in FILES if not ast.get_docstring(_tree(path))]
    assert silent == []


def test_there_is_something_to_hold() -> None:
    """An empty folder would prove nothing."""
    assert {_part(path) for path in FILES} - {"darkroom", "domain"} == set(MAY_IMPORT)
