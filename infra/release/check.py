"""Tries a release as its users do: the wheel's command, and its construct with the unpacked zip.

In processes of their own, whose code is that of the wheel; the packages that it needs are those of
this virtual environment.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from infra.release.version import ReleaseError

_COMMAND: Final = """
import darkroom, infra.cli.main, sys
assert all(each.__file__.startswith({unpacked!r}) for each in (darkroom, infra.cli.main))
sys.argv = ["darkroom", *{arguments!r}]
infra.cli.main.main()
"""
_CONSTRUCT: Final = """
from pathlib import Path
from infra.aws.node import point_jsii_to_node
point_jsii_to_node()
import infra.aws
from aws_cdk import App, Stack
from infra.aws import Darkroom
from infra.aws.environments import find_environment
assert infra.aws.__file__.startswith({unpacked!r})
app = App(outdir={out!r})
Darkroom(Stack(app, "darkroom-prod"), "Photos", find_environment("prod"), release=Path({release!r}))
app.synth()
"""


def check_release(wheel: Path, release: Path, scratch: Path) -> None:
    """Raise ReleaseError with what was printed if the wheel does not work with the release.

    `release`: the unpacked zip. `scratch`: a folder to work in.
    """
    unpacked = scratch / "wheel"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    for arguments in (["--version"], ["--help"], ["validate", "--help"]):
        _run(unpacked, _COMMAND.format(unpacked=str(unpacked), arguments=arguments))
    out = scratch / "cdk.out"
    _run(unpacked, _CONSTRUCT.format(unpacked=str(unpacked), out=str(out), release=str(release)))
    if not (out / "darkroom-prod.template.json").is_file():
        raise ReleaseError("the construct of the wheel wrote no template")


def _run(unpacked: Path, code: str) -> None:
    done = subprocess.run(  # noqa: S603 - this Python, and code from above
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        cwd=unpacked,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        text=True,
    )
    if done.returncode:
        raise ReleaseError(f"the wheel does not work:\n{done.stdout}{done.stderr}")
