"""The template of an environment, synthesized in its own process when its sources have changed.

Of its own, so that Node and the CDK are gone from memory once the template is there.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from infra.local.processes import Processes, Start

CHECKOUT: Final = Path(__file__).resolve().parents[2]
# What else the template depends on, besides the code in `infra/aws/`.
SOURCES: Final = ("functions/workflow.asl.json", "pyproject.toml", "requirements*.txt")
LAST_LINES: Final = 15


class SynthesisError(RuntimeError):
    """The template could not be made; the message ends with what the CDK said."""


def find_template(environment: str, folder: Path) -> Path:
    """Where in `folder` the template for the sources as they are is kept, once it was made."""
    return folder / f"{environment}-{digest(CHECKOUT)}.template.json"


def make_template(environment: str, wanted: Path, log: Path, processes: Processes) -> None:
    """Synthesizes (a few seconds) and keeps the template as `wanted`, in place of older ones."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = processes.start(
            Start(
                module=__name__,
                arguments=(environment, str(wanted)),
                folder=CHECKOUT,
                output=output,
            )
        )
    status = child.wait()
    processes.kill(child)
    if status != 0:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        raise SynthesisError(f"the stack could not be synthesized (see {log}):\n{said}")
    for old in wanted.parent.glob(f"{environment}-*.template.json"):
        if old != wanted:
            old.unlink(missing_ok=True)


def digest(checkout: Path) -> str:
    """Changes when the template may have changed."""
    total = hashlib.sha256()
    for path in sorted(_find_sources(checkout)):
        total.update(str(path.relative_to(checkout)).encode() + b"\0")
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def _find_sources(checkout: Path) -> Iterator[Path]:
    yield from (checkout / "infra" / "aws").rglob("*.py")
    for pattern in SOURCES:
        yield from checkout.glob(pattern)


def main() -> None:
    """`python -m infra.local.synthesis ENVIRONMENT DESTINATION`."""
    environment, destination = sys.argv[1], Path(sys.argv[2])
    from infra.aws.app import synthesize  # noqa: PLC0415 - only the process that synthesizes needs it

    with tempfile.TemporaryDirectory() as scratch:
        template = synthesize(environment, Path(scratch))
        half = destination.with_suffix(f".{os.getpid()}")
        half.write_bytes(template.read_bytes())
        # Whoever looks meanwhile sees a whole template or none.
        half.replace(destination)


if __name__ == "__main__":
    main()
