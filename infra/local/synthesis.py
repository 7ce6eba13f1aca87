"""The template of an environment, synthesized in its own process if its sources have changed.

In its own process, so that Node and the CDK do not stay in memory.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from infra.aws.environments import FILE_VARIABLE
from infra.local.processes import Command, Processes

CHECKOUT: Final = Path(__file__).resolve().parents[2]
# Sources of the template other than the code in `infra/aws/`.
SOURCES: Final = (
    "functions/workflow.asl.json",
    "infra/environments.toml",
    "pyproject.toml",
    "requirements*.txt",
)
SHOWN_LOG_LINES: Final = 15
DIGEST_LENGTH: Final = 16
_WITHOUT_RULES: Final = {"CDK_VALIDATION": "false"}
"""The CDK's check against CloudFormation's own rules takes longer than all the rest. It is for what
is deployed to AWS; moto is another judge of this template."""


class SynthesisError(RuntimeError):
    """The synthesis failed; the message ends with the CDK's output."""


def find_template(environment: str, folder: Path) -> Path:
    """The path in `folder` of the template for the current sources; it may not exist yet."""
    return folder / f"{environment}-{digest(CHECKOUT)}.template.json"


def make_template(environment: str, path: Path, log: Path, processes: Processes) -> None:
    """Synthesize (takes a few seconds), write the template to `path`, delete older templates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = processes.start(
            Command(
                module=__name__,
                arguments=(environment, str(path)),
                folder=CHECKOUT,
                environment={**os.environ, **_WITHOUT_RULES},
                output=output,
            )
        )
    status = child.wait()
    processes.kill(child)
    if status != 0:
        output_end = "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:])
        raise SynthesisError(f"the stack could not be synthesized (see {log}):\n{output_end}")
    for old in path.parent.glob(f"{environment}-{'?' * DIGEST_LENGTH}.template.json"):
        if old != path:
            old.unlink(missing_ok=True)


def digest(checkout: Path) -> str:
    """A digest of all sources of the template."""
    total = hashlib.sha256()
    for source in sorted(_find_sources(checkout)):
        total.update(str(source.relative_to(checkout)).encode() + b"\0")
        total.update(source.read_bytes() + b"\0")
    if (listed := Path(os.environ.get(FILE_VARIABLE, ""))).is_file():
        total.update(listed.read_bytes())
    return total.hexdigest()[:DIGEST_LENGTH]


def _find_sources(checkout: Path) -> Iterator[Path]:
    yield from (checkout / "infra" / "aws").rglob("*.py")
    for pattern in SOURCES:
        yield from checkout.glob(pattern)


def main() -> None:
    """`python -m infra.local.synthesis ENVIRONMENT DESTINATION`."""
    environment, destination = sys.argv[1], Path(sys.argv[2])
    from infra.aws.app import synthesize  # noqa: PLC0415 - only this process needs it

    with tempfile.TemporaryDirectory() as scratch:
        template = synthesize(environment, Path(scratch))
        partial = destination.with_suffix(f".{os.getpid()}")
        partial.write_bytes(template.read_bytes())
        # Other processes see a whole template or none.
        partial.replace(destination)


if __name__ == "__main__":
    main()
