"""Bytecode for Lambda's Python is made where another Python runs, and is the same every time."""

from pathlib import Path

import pytest

from infra.aws import pyodide
from infra.aws.function_asset import FUNCTIONS, build_function_asset
from infra.aws.layers import PYTHON
from infra.aws.pyodide import PyodideError
from tests.once import made_once

MAGIC_OF_3_14 = 3627
"""The bytecode's version (CPython, Include/internal/pycore_magic_number.h)."""


@pytest.fixture
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Pyodide that npm gave."""
    folder = made_once(tmp_path_factory, "pyodide", lambda folder: pyodide.install(folder / "it"))
    return folder / "it"


def test_pyodide_compiles_for_the_python_of_the_functions() -> None:
    """With another minor version Lambda would ignore it."""
    assert pyodide.PYTHON == PYTHON
    assert not pyodide.is_installed_for("3.13", Path(__file__).parent)
    assert pyodide.is_installed_for(PYTHON, Path(__file__).parent)


def test_two_builds_are_the_same_to_the_byte(fetched: Path, tmp_path: Path) -> None:
    """A deployment without changes changes nothing, whatever machine it comes from."""
    builds = [tmp_path / "first", tmp_path / "elsewhere" / "second"]
    for folder in builds:
        build_function_asset(folder, "")
        assert pyodide.compile_folder(folder, "/var/task", fetched)
    first, second = ({p.relative_to(f): p.read_bytes() for p in _files(f)} for f in builds)
    assert first == second
    compiled = {path: content for path, content in first.items() if path.suffix == ".pyc"}
    assert len(compiled) == len(list(FUNCTIONS.rglob("*.py")))
    for path, content in compiled.items():
        assert int.from_bytes(content[:2], "little") == MAGIC_OF_3_14
        # PEP 552: bit 0 is "by hash", bit 1 "check the source".
        assert int.from_bytes(content[4:8], "little") == 0b01
        source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
        assert f"/var/task/{source}".encode() in content


def test_syntax_error_is_noticed(fetched: Path, tmp_path: Path) -> None:
    """It would end every invocation."""
    (tmp_path / "one.py").write_text("def", "utf-8")
    assert not pyodide.compile_folder(tmp_path, "/var/task", fetched)


def test_other_content_of_the_package_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It compiles what production runs; nothing is left of it."""
    monkeypatch.setattr(pyodide, "SHA256", "0" * 64)
    with pytest.raises(PyodideError, match="another pyodide"):
        pyodide.install(tmp_path / "pyodide")
    assert not list(tmp_path.iterdir())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
