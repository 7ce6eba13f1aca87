"""The zip has what is deployed, and is the same each time."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from infra.aws.layers import LayerError
from infra.aws.shipped_code import RELEASE, open_release
from infra.distribution import DISTRIBUTION
from infra.release.bundle import lay_out, zip_folder
from infra.release.version import ReleaseError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder like a release."""
    folder = tmp_path / "darkroom-1.2.0"
    for name in ("functions/submit.py", "layers/runtime/python/httpx/__init__.py", "LICENSE"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_zip_is_the_same_whenever_it_is_made(release: Path, tmp_path: Path) -> None:
    """Neither the time of a file nor the order of a folder is in it."""
    zip_folder(release, tmp_path / "one.zip")
    for path in release.rglob("*"):
        os.utime(path, (1, 1))
    zip_folder(release, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert names == sorted(names)
    assert "darkroom-1.2.0/functions/submit.py" in names


def test_unbuilt_layer_is_not_released(tmp_path: Path) -> None:
    """The functions could not start."""
    functions, layer = tmp_path / "functions", tmp_path / "layers" / "runtime"
    for folder in (functions, layer):
        folder.mkdir(parents=True)
    (functions / "submit.py").write_text("")
    (layer / "requirements.txt").write_text("httpx==0.28.1\n")
    with pytest.raises(ReleaseError, match="make layers"):
        lay_out(tmp_path / "out", "1.2.0", {}, functions=functions, layers=layer.parent)


def test_construct_takes_a_release_of_its_own_version(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may have other functions, states or variables."""
    monkeypatch.setattr("infra.aws.shipped_code.version", {DISTRIBUTION: "1.2.0"}.__getitem__)
    with pytest.raises(LayerError, match="no unpacked release"):
        open_release(release, ["runtime"])
    (release / RELEASE).write_text(json.dumps({"version": "1.2.0"}))
    found = open_release(release, ["runtime"])
    assert found.functions == release / "functions"
    assert found.layers["runtime"].folder == release / "layers" / "runtime"
    (release / RELEASE).write_text(json.dumps({"version": "1.3.0"}))
    with pytest.raises(LayerError, match=r"release 1\.3\.0, and .* 1\.2\.0 is installed"):
        open_release(release, ["runtime"])
