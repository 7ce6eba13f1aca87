"""The layer builder, and the functions with nothing but what is deployed with them."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from infra.aws.bytecode import PYTHON_VERSION, makes_bytecode_for
from infra.aws.function_asset import build_function_asset
from infra.aws.layers import HOST, PLACEHOLDER, build_layer, find_layer
from tests.infra.conftest import CHECKOUT, BuiltLayer
from tests.infra.template import VERBS, Template, as_text

FUNCTIONS = CHECKOUT / "functions"

REQUIREMENTS = CHECKOUT / "layers" / "runtime" / "requirements.txt"

# Imports each module, and every module below it, in a process of its own with its own variables and
# with nothing else to import from. They share the imports of the large packages, to save time.
IMPORT = """
import importlib, json, os, pkgutil, sys
sys.path[:0] = sys.argv[2:]
for name in ("aws_lambda_powertools", "boto3", "httpx", "pydantic"):
    importlib.import_module(name)
failed = []
for name, variables in json.loads(sys.argv[1]).items():
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            failed.append(name)
        continue
    os.environ.update(variables)
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
        importlib.import_module(found.name)
    sys.exit()
sys.exit(f"cannot be imported: {failed}" if failed else 0)
"""

ARM_64_MACHINE = (183).to_bytes(2, "little")
"""The processor in the header of an ELF file."""


def test_functions_import_from_asset_layer_and_runtime_alone(
    host_layer: BuiltLayer, lambda_packages: Path, prod: Template, tmp_path: Path
) -> None:
    """A package that the layer lacks is found here and not in production."""
    region = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    modules = {
        module: {name: as_text(value) for name, value in prod.variables(verb).items()} | region
        for module, verb in {"darkroom": "intake", **{verb: verb for verb in VERBS}}.items()
    }
    assert {path.stem for path in FUNCTIONS.glob("*.py")} == set(VERBS)
    done = subprocess.run(
        [
            sys.executable,
            "-IBS",
            "-c",
            IMPORT,
            json.dumps(modules),
            str(build_function_asset(tmp_path / "asset", PYTHON_VERSION).folder),
            str(host_layer.folder / "python"),
            str(lambda_packages),
        ],
        capture_output=True,
        check=False,
        env={},
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_layer_has_the_projects_dependencies() -> None:
    """The pinned list has each dependency, with hashes; the runtime has boto3 itself."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[<>=!~\[ ]", each)[0] for each in project["dependencies"]}
    text = REQUIREMENTS.read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE))
    assert wanted <= pinned
    assert not {"boto3", "botocore"} & pinned


def test_layer_for_this_machine_has_unchecked_bytecode(
    host_layer: BuiltLayer,
) -> None:
    """Made by the Python that will run it, so nothing is compiled at the first invocation."""
    assert host_layer.recipe.bytecode
    sources = list((host_layer.folder / "python" / "httpx").glob("*.py"))
    assert sources
    for source in sources:
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.*.pyc")
        # PEP 552: the second word of the header; bit 0 is "by hash", bit 1 "check the source".
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01


def test_layer_has_no_scripts_and_tests(host_layer: BuiltLayer) -> None:
    """No function imports them."""
    assert not (host_layer.folder / "python" / "bin").exists()
    assert not [path for path in host_layer.folder.rglob("tests") if path.is_dir()]
    assert [path.name for path in host_layer.folder.iterdir()] == ["python"]


def test_layer_for_lambda_has_binaries_for_lambda(layer_root: Path) -> None:
    """On any machine; bytecode only if something here can make it."""
    recipe = build_layer("runtime", "arm64", "3.14", root=layer_root)
    folder = layer_root / "runtime" / "build" / "arm64"
    binaries = list(folder.rglob("*.so"))
    assert binaries
    # The processor is in a binary's header: a stable-ABI binary does not have it in its name.
    assert all(path.read_bytes()[18:20] == ARM_64_MACHINE for path in binaries)
    assert all("314" in path.name or "abi3" in path.name for path in binaries)
    assert recipe.bytecode == makes_bytecode_for("3.14") == bool(list(folder.rglob("*.pyc")))
    found = find_layer("runtime", "arm64", "3.14", layer_root)
    assert (found.folder, found.warning) == (folder, "")
    assert "another Python" in find_layer("runtime", "arm64", "3.13", layer_root).warning


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_layer_that_decodes_pictures_is_built_for_both_processors(
    tmp_path: Path, architecture: str
) -> None:
    """For Lambda's Python; with the shared libraries that it needs, and nothing else."""
    (tmp_path / "pictures").mkdir()
    shutil.copy(CHECKOUT / "layers" / "pictures" / "requirements.txt", tmp_path / "pictures")
    build_layer("pictures", architecture, "3.14", root=tmp_path)
    packages = tmp_path / "pictures" / "build" / architecture / "python"
    names = {path.name.partition("-")[0] for path in packages.iterdir()}
    assert names == {"PIL", "pillow", "pillow.libs"}
    assert all("314" in path.name for path in (packages / "PIL").glob("*.so"))


def test_layer_that_is_up_to_date_is_not_built_again(host_layer: BuiltLayer) -> None:
    """So that asking for it needs no time and no network."""
    before = host_layer.folder.stat()
    assert build_layer("runtime", HOST, PYTHON_VERSION, root=host_layer.root) == host_layer.recipe
    assert host_layer.folder.stat() == before


def test_failed_build_keeps_the_old_layer(host_layer: BuiltLayer, tmp_path: Path) -> None:
    """A requirement without a hash is refused; the old layer stays, and is known to be old."""
    shutil.copytree(host_layer.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "runtime" / "requirements.txt").write_text("httpx==0.28.1\n", "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        build_layer("runtime", HOST, PYTHON_VERSION, root=tmp_path)
    found = find_layer("runtime", HOST, PYTHON_VERSION, tmp_path)
    assert (found.folder / "python" / "httpx").is_dir()
    assert "other requirements" in found.warning
    assert "make layers" in found.warning
    assert sorted(path.name for path in found.folder.parent.iterdir() if path.is_dir()) == sorted(
        path.name for path in host_layer.folder.parent.iterdir() if path.is_dir()
    )


def test_missing_layer_has_a_placeholder_with_a_warning(tmp_path: Path) -> None:
    """Synthesis works without the layer, and the deployment warns."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "requirements.txt").write_text("", "utf-8")
    found = find_layer("runtime", "arm64", "3.14", tmp_path)
    assert found.folder == PLACEHOLDER
    assert "make layers" in found.warning
    assert "make layers" in (found.folder / "README.md").read_text("utf-8")


def test_host_layer_is_built_for_the_running_python_only(layer_root: Path) -> None:
    """Its platform with another Python would make a layer that runs nowhere."""
    with pytest.raises(ValueError, match=PYTHON_VERSION):
        build_layer("runtime", HOST, "2.7", root=layer_root)
