"""Whose fault an error is, ours or a provider's, and how it is described to users."""

from typing import Final

from darkroom.domain.errors import DarkroomError, OwnTrouble

MAX_QUOTED_LENGTH: Final = 120
"""How many characters of a foreign error's text are passed on."""
_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""No store raises these: they are mistakes in the program, and waiting does not fix them."""


def is_own_trouble(error: Exception) -> bool:
    """Whether a store or a secret of our own is in the way: work continues once that is fixed.

    Every error of a provider is a `DarkroomError`, so any other one comes from our own side.
    """
    if isinstance(error, DarkroomError):
        return isinstance(error, OwnTrouble)
    return not isinstance(error, _BUGS)


def describe_error(error: Exception) -> str:
    """What is wrong and what to do, for users; the same for the same trouble with another file.

    Of a foreign error only the beginning is quoted: the rest may name keys and addresses.
    """
    if isinstance(error, DarkroomError):
        return f"{error.failure.sentence} {error.failure.next_step}".strip()
    text = str(error)[: 4 * MAX_QUOTED_LENGTH].partition(":")[0].partition("\n")[0]
    cause = text.strip()[:MAX_QUOTED_LENGTH]
    name = type(error).__name__
    summary = f"{name} ({cause})" if cause else name
    return f"{summary}. Check the permissions of Darkroom's functions; it is tried again."
