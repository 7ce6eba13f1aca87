"""Whose trouble an error is, and how it is told to people."""

from typing import Final

from darkroom.domain.errors import DarkroomError, OwnTrouble

QUOTED: Final = 120
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
"""No store raises these: waiting does not mend a mistake in the program."""


def is_ours(error: Exception) -> bool:
    """Whether a store or a secret of our own is in the way: it will go on once that is mended.

    Every error of a provider's is a `DarkroomError`; so whatever is none comes from our own side.
    """
    if isinstance(error, DarkroomError):
        return isinstance(error, OwnTrouble)
    return not isinstance(error, _BUGS)


def told(error: Exception) -> str:
    """What is wrong and what to do, for people; the same for the same trouble with another file.

    Of a foreign error only the beginning is told: further on it may name keys and addresses.
    """
    if isinstance(error, DarkroomError):
        return f"{error.failure.sentence} {error.failure.next_step}".strip()
    cause = str(error)[: 4 * QUOTED].partition(":")[0].partition("\n")[0].strip()[:QUOTED]
    name = type(error).__name__
    said = f"{name} ({cause})" if cause else name
    return f"{said}. Give Darkroom's functions the rights that they need; it is tried again."
