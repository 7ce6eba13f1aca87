"""Prints findings, as text in 80 columns or as JSON."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from infra.cli.doctor.finding import Finding, Level
from infra.cli.printing import escape

WIDTH: Final = 80
LEVEL_WIDTH: Final = 13
CHECK_WIDTH: Final = 17
INDENT: Final = " " * LEVEL_WIDTH
LEVELS: Final[tuple[Level, ...]] = ("problem", "warning", "not checked", "ok")
_WORD: Final = re.compile(r"(?:'[^']*'|\S)+")
"""A word of a command; what is quoted is one."""


def finding_lines(finding: Finding) -> Iterator[str]:
    """The finding and its command, in at most 80 columns where no single word is longer.

    A long command has a backslash at the ends of its lines, so that it can be copied.
    """
    first = f"{finding.level:<{LEVEL_WIDTH}}{finding.check:<{CHECK_WIDTH}}"
    yield from textwrap.wrap(
        escape(finding.sentence),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * (LEVEL_WIDTH + CHECK_WIDTH),
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.fix:
        yield from _command_lines(escape(finding.fix))


def summary(findings: Sequence[Finding]) -> str:
    """As in "1 problem, 2 warnings, 1 not checked, 20 ok"."""
    counts = Counter(finding.level for finding in findings)
    words = {"problem": "problems", "warning": "warnings"}
    return ", ".join(
        f"{counts[level]} {words.get(level, level) if counts[level] != 1 else level}"
        for level in LEVELS
        if counts[level]
    )


def as_document(environment: str, findings: Iterable[Finding]) -> dict[str, Any]:
    """What `--json` prints."""
    listed = list(findings)
    return {
        "environment": environment,
        "ok": not has_problem(listed),
        "findings": [finding.as_dict() for finding in listed],
    }


def has_problem(findings: Iterable[Finding]) -> bool:
    """Whether something does not work."""
    return any(finding.level == "problem" for finding in findings)


def _command_lines(command: str) -> Iterator[str]:
    line = f"{INDENT}$"
    for word in _WORD.findall(command):
        if len(line) + len(word) + 3 > WIDTH and line.strip(" $"):
            yield f"{line} \\"
            line = f"{INDENT}   "
        line += f" {word}"
    yield line
