"""`make release`: writes wheel, zip, SBOM and licences to `dist/`, and tries them.

`--preview` makes one while the changelog's entry is still unreleased.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.aws.layers import ARCHITECTURE
from infra.aws.layers import ROOT as LAYERS
from infra.release.bundle import lay_out, zip_folder
from infra.release.check import check_release
from infra.release.packages import check_licences, list_licences, read_packages
from infra.release.sbom import build_sbom
from infra.release.version import ReleaseError, read_version

CHECKOUT: Final = Path(__file__).resolve().parents[2]
DIST: Final = CHECKOUT / "dist"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a release; ends with a sentence if it is refused."""
    parser = argparse.ArgumentParser(prog="python -m infra.release", description=__doc__)
    parser.add_argument("--preview", action="store_true")
    options = parser.parse_args(arguments)
    try:
        _release(read_version(CHECKOUT, preview=options.preview))
    except ReleaseError as error:
        sys.exit(str(error))


def _release(version: str) -> None:
    packages = [
        package
        for requirements in sorted(LAYERS.glob("*/requirements.txt"))
        for package in read_packages(
            requirements.parent.name,
            requirements.parent / "build" / ARCHITECTURE / "python",
            requirements,
        )
    ]
    check_licences(packages)
    texts = {
        "LICENSE": (CHECKOUT / "LICENSE").read_text("utf-8"),
        "LICENCES.md": list_licences(packages),
        "sbom.cdx.json": build_sbom(version, packages),
    }
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    wheel = _build_wheel()
    name = f"darkroom-{version}"
    with tempfile.TemporaryDirectory() as scratch:
        release = Path(scratch) / name
        lay_out(release, version, texts)
        zip_folder(release, DIST / f"{name}.zip")
        check_release(wheel, release, Path(scratch))
    for text in ("LICENCES.md", "sbom.cdx.json"):
        (DIST / text).write_text(texts[text], "utf-8")
    for path in sorted(DIST.iterdir()):
        sys.stdout.write(f"{path.relative_to(CHECKOUT)}  {path.stat().st_size / 1e6:.1f} MB\n")


def _build_wheel() -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(DIST)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=CHECKOUT, text=True)  # noqa: S603 - hatchling, with fixed arguments
    if done.returncode:
        raise ReleaseError(f"the wheel was not built:\n{done.stdout}{done.stderr}")
    (wheel,) = DIST.glob("*.whl")
    return wheel


if __name__ == "__main__":
    main()
