"""What is shipped is named with its licence, and none that asks for more than its text is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.release.packages import Package, check_licences, list_licences, read_packages
from infra.release.sbom import build_sbom
from infra.release.version import ReleaseError

HASHES = ("a" * 64, "b" * 64)
PACKAGE = Package("some-package", "2.0", "MIT", "runtime", HASHES, "https://example.com")


def install(built: Path, name: str, metadata: str) -> None:
    """Install a package's metadata as pip does."""
    folder = built / f"{name}-2.0.dist-info"
    folder.mkdir(parents=True)
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 2.0\n{metadata}"
    (folder / "METADATA").write_text(text)


def pin(folder: Path, *names: str) -> Path:
    """Pinned requirements."""
    hashes = [f"--hash=sha256:{one}" for one in HASHES]
    lines = [" \\\n    ".join([f"{name}==2.0", *hashes]) for name in names]
    path = folder / "requirements.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_packages_are_those_of_the_layer_with_their_pinned_files(tmp_path: Path) -> None:
    """By the names of the index; older metadata has its licence in another field."""
    url = "Project-URL: Homepage, https://example.com\n"
    install(tmp_path / "built", "Some_Package", f"License-Expression: MIT\n{url}")
    install(tmp_path / "built", "older", "License: BSD-3-Clause\nHome-page: https://example.org\n")
    found = read_packages("runtime", tmp_path / "built", pin(tmp_path, "older", "some-package"))
    older = Package("older", "2.0", "BSD-3-Clause", "runtime", HASHES, "https://example.org")
    assert [replace(each, sha256=tuple(each.sha256)) for each in found] == [older, PACKAGE]


def test_package_that_is_not_pinned_is_an_error(tmp_path: Path) -> None:
    """Nobody knows where it is from."""
    install(tmp_path / "built", "other", "License: MIT\n")
    with pytest.raises(KeyError):
        read_packages("runtime", tmp_path / "built", pin(tmp_path, "some-package"))


@pytest.mark.parametrize("licence", ["MIT", "GPL-3.0 OR MIT", "(Apache-2.0 AND BSD-3-Clause)"])
def test_permissive_licence_is_shipped(licence: str) -> None:
    """One of several to choose from is enough; of several that all hold, each has to be."""
    check_licences([replace(PACKAGE, licence=licence)])


@pytest.mark.parametrize("licence", ["GPL-3.0", "MIT AND GPL-3.0", "", "see the file"])
def test_other_licence_is_refused_with_the_package(licence: str) -> None:
    """Also one that nobody has looked at."""
    with pytest.raises(ReleaseError, match="some-package"):
        check_licences([replace(PACKAGE, licence=licence)])


def test_licence_with_a_reason_is_shipped() -> None:
    """The reason is beside the code."""
    check_licences([replace(PACKAGE, name="certifi", licence="MPL-2.0")])


def test_list_names_every_package() -> None:
    """As a table."""
    assert "| some-package | 2.0 | MIT | runtime | https://example.com |" in list_licences(
        [PACKAGE]
    )


def test_sbom_names_product_packages_and_files() -> None:
    """It fits CycloneDX's schema, which is checked when it is built; twice it is the same."""
    packages = [PACKAGE, replace(PACKAGE, name="both", licence="Apache-2.0 OR MIT")]
    text = build_sbom("1.2.0", packages)
    assert text == build_sbom("1.2.0", packages)
    read = json.loads(text)
    product = read["metadata"]["component"]
    assert (product["name"], product["version"]) == ("darkroom-photos", "1.2.0")
    both, package = read["components"]
    assert both["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    assert package["purl"] == "pkg:pypi/some-package@2.0"
    files = [each for each in package["externalReferences"] if each["type"] == "distribution"]
    assert {one["content"] for one in files[0]["hashes"]} == set(HASHES)
    [depends] = [each for each in read["dependencies"] if each["ref"] == "darkroom-photos"]
    assert len(depends["dependsOn"]) == 2
