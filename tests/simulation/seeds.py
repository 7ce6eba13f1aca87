"""The world of a seed: which kinds of faults it has, and how often they strike."""

import random
from collections.abc import Sequence
from typing import Final

from darkroom.domain.limits import Limits
from tests.simulation.fault_kinds import KINDS, RandomFaults
from tests.simulation.system import SimulatedSystem

TROUBLED_S_PER_TASK: Final = 5
"""Outages of trouble begin while most of the tasks are still at work."""

CALM_SHARE: Final = 0.1
RATES: Final = (0.0, 0.01, 0.02, 0.05, 0.1)
FOCUSED_RATE: Final = 0.03
SHARES: Final = (0.1, 0.4, 0.8, 1.0)
"""Of the worlds, of the calls that are struck, and of the kinds of faults in one world."""
RUNS: Final = (Limits().runs, Limits().runs, 3, 1)
"""How many runs may be begun: as deployed, or so few that they are used up now and then."""


def build_system(
    seed: int, tasks: int, *, focus: Sequence[str] = (), trace: bool = False
) -> SimulatedSystem:
    """The world of a seed, with its people in it: calm, or with some kinds of faults.

    Args:
        seed: of everything.
        tasks: about how many there will be.
        focus: the only kinds of faults, often; without it the seed chooses.
        trace: whether to keep what happens.
    """
    draw = random.Random(f"world {seed}")  # noqa: S311 - the same again, not a secret
    if focus:
        calm, rate, kinds = False, FOCUSED_RATE, tuple(focus)
    else:
        calm = draw.random() < CALM_SHARE
        rate = 0.0 if calm else draw.choice(RATES)
        share = draw.choice(SHARES)
        kinds = () if calm else tuple(kind for kind in KINDS if draw.random() < share)
    dice = RandomFaults(seed, rate, kinds, likelier=4.0 if focus else 1.0)
    limits = Limits(runs=10 if calm else draw.choice(RUNS))
    system = SimulatedSystem(dice, calm=calm, trace=trace, limits=limits)
    system.users.come(tasks)
    system.outages.come(TROUBLED_S_PER_TASK * tasks)
    system.providers.accounts.come(TROUBLED_S_PER_TASK * tasks)
    return system
