"""What a check has found: whether it is all right, one sentence, and the command that fixes it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "problem", "not checked"]


@dataclass(frozen=True)
class Finding:
    """One result of one check.

    Attributes:
        check: what was checked, as in "input bucket".
        sentence: what was found; why nothing was, if it was not checked.
        fix: the command that fixes it, or that shows more; "" where all is right.
    """

    check: str
    level: Level
    sentence: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return asdict(self)


def ok(check: str, sentence: str) -> Finding:
    """It is as it should be."""
    return Finding(check, "ok", sentence)


def warning(check: str, sentence: str, fix: str) -> Finding:
    """It works, but not as well as it could, or a person has to decide something."""
    return Finding(check, "warning", sentence, fix)


def problem(check: str, sentence: str, fix: str) -> Finding:
    """Something does not work until it is fixed."""
    return Finding(check, "problem", sentence, fix)


def not_checked(check: str, reason: str, fix: str = "") -> Finding:
    """It is not known."""
    return Finding(check, "not checked", reason, fix)
