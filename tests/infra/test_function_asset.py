"""The functions' asset: their sources, and bytecode that Lambda can use."""

import marshal
import shutil
from pathlib import Path
from types import CodeType

import pytest

from infra.aws.bytecode import PYTHON_VERSION
from infra.aws.function_asset import FUNCTIONS, build_function_asset

OTHER_PYTHON = "2.7"
HEADER_BYTES = 16


def test_every_function_has_unchecked_bytecode(tmp_path: Path) -> None:
    """Lambda's folder is read-only: what is not compiled there is compiled at every start."""
    asset = build_function_asset(tmp_path / "asset", PYTHON_VERSION)
    assert asset.bytecode
    sources = list(asset.folder.rglob("*.py"))
    assert len(sources) == len(list(FUNCTIONS.rglob("*.py")))
    for source in sources:
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.*.pyc")
        content = compiled.read_bytes()
        # PEP 552: the second word of the header; bit 0 is "by hash", bit 1 "check the source".
        assert int.from_bytes(content[4:8], "little") == 0b01
        code: CodeType = marshal.loads(content[HEADER_BYTES:])  # noqa: S302 - compiled just now
        assert code.co_filename == f"/var/task/{source.relative_to(asset.folder)}"


def test_asset_for_another_python_has_sources_alone(tmp_path: Path) -> None:
    """Its bytecode would be ignored there; the asset says that it has none."""
    asset = build_function_asset(tmp_path / "asset", OTHER_PYTHON)
    assert not asset.bytecode
    assert not list(asset.folder.rglob("*.pyc"))


@pytest.mark.parametrize("python", [PYTHON_VERSION, OTHER_PYTHON])
def test_same_sources_have_the_same_digest(tmp_path: Path, python: str) -> None:
    """Wherever they are, whatever lies beside them: a deployment without changes sends nothing."""
    copy = tmp_path / "copy"
    shutil.copytree(FUNCTIONS, copy)
    (copy / "notes.md").write_text("for contributors", "utf-8")
    (copy / ".hidden").write_text("", "utf-8")
    first = build_function_asset(tmp_path / "first", python)
    second = build_function_asset(tmp_path / "second", python, copy)
    assert first.digest == second.digest
    assert _names(first.folder) == _names(second.folder)


def test_other_content_name_or_bytecode_has_another_digest(tmp_path: Path) -> None:
    """Otherwise the deployment would keep the asset that is there."""
    functions = tmp_path / "functions"
    functions.mkdir()
    one = functions / "one.py"
    digests = []
    for number, (text, python) in enumerate(
        [("A = 1", PYTHON_VERSION), ("A = 2", PYTHON_VERSION), ("A = 2", OTHER_PYTHON)]
    ):
        one.write_text(text, "utf-8")
        digests.append(build_function_asset(tmp_path / f"{number}", python, functions).digest)
    one.rename(functions / "two.py")
    digests.append(build_function_asset(tmp_path / "renamed", OTHER_PYTHON, functions).digest)
    assert len(set(digests)) == len(digests)


def test_syntax_error_ends_the_build(tmp_path: Path) -> None:
    """It would end every invocation."""
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "one.py").write_text("def", "utf-8")
    with pytest.raises(RuntimeError, match="could be compiled"):
        build_function_asset(tmp_path / "asset", PYTHON_VERSION, functions)


def _names(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}
