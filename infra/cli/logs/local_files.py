"""Finds a task's lines in the log files of the local environment, one for each function."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from infra.aws.sizes import Verb
from infra.cli.logs.entry import Entry
from infra.cli.logs.function_log import parse_line

if TYPE_CHECKING:
    from infra.aws.environments import Environment

VERBS: Final[tuple[Verb, ...]] = get_args(Verb)


def read_files(folder: Path, settings: "Environment", task_id: str) -> list[Entry]:
    """The lines of all functions that name the task."""
    found: list[Entry] = []
    for verb in VERBS:
        path = folder / f"{settings.function_name(verb)}.log"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            entries = [parse_line(verb, line) for line in lines if task_id in line]
        found += [entry for entry in entries if entry is not None]
    return found
