"""The figures of the deployment: how long and how large each function is, how patient its queue.

It must not import the CDK: tests and the simulation ask for them without starting Node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verb = Literal["intake", "submit", "poll", "deliver", "fail", "sweep"]


@dataclass(frozen=True, slots=True)
class Size:
    """What a function gets: seconds until it is stopped, and memory (CPU grows with it)."""

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

# The Lambda guide ("Using Lambda with Amazon SQS") advises six times the function's time-out, so
# that a throttled batch is not handed out a second time while the first is still being tried.
VISIBILITY_FACTOR = 6

# Throttling counts as a receive: fewer would send the tail of a large burst to the dead letters.
RECEIVES = 20

# Messages that one call of INTAKE is handed at most.
BATCH_SIZE = 10
