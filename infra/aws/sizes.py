"""Time-out, memory and layers of each function, and the figures of the intake queue.

This module must not import the CDK: tests and the simulation read it without starting Node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verb = Literal["intake", "submit", "poll", "deliver", "fail", "sweep"]


@dataclass(frozen=True, slots=True)
class Size:
    """A function's time-out in seconds, and its memory (CPU grows with it)."""

    timeout_s: int
    memory_mb: int


SIZES: Mapping[Verb, Size] = {
    "intake": Size(60, 512),
    "submit": Size(180, 512),
    "poll": Size(150, 256),
    "deliver": Size(900, 1024),
    "fail": Size(120, 256),
    "sweep": Size(300, 256),
}

LAYERS: Mapping[Verb, tuple[str, ...]] = {
    "intake": ("runtime",),
    "submit": ("runtime", "pictures"),
    "poll": ("runtime", "pictures"),
    "deliver": ("runtime", "pictures"),
    "fail": ("runtime",),
    "sweep": ("runtime",),
}
"""The folders of `layers/`. Only what submits or delivers looks at pictures."""

# The Lambda guide ("Using Lambda with Amazon SQS") advises six times the function's time-out, so
# that a throttled batch is not received again while Lambda still retries it.
VISIBILITY_FACTOR = 6

# A throttled batch counts as received: with fewer receives, the end of a large burst would move to
# the dead-letter queue.
MAX_RECEIVES = 20

# The most messages that one invocation of INTAKE gets.
BATCH_SIZE = 10
