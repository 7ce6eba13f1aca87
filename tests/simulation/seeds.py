"""Builds the system of a seed: which kinds of faults it has, and how often they strike."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from darkroom.domain.limits import Limits
from darkroom.domain.money_rules import DEFAULT_GUARD_TASKS
from tests.simulation.fault_kinds import KINDS, RandomFaults
from tests.simulation.money_world import build_money_world
from tests.simulation.system import SimulatedSystem

OUTAGES_S_PER_TASK: Final = 5
"""Outages begin while most of the tasks are still at work."""

FAULT_FREE_SHARE: Final = 0.1
RATES: Final = (0.0, 0.01, 0.02, 0.05, 0.1)
FOCUSED_RATE: Final = 0.03
SHARES: Final = (0.1, 0.4, 0.8, 1.0)
"""Of the simulations, of the calls that are struck, and of the kinds of faults in one simulation.
"""
HELD_S: Final = 26 * 3600
"""How long a task is held where the guard holds many; longer than until the last approval. Its
batch is looked at until it ends, which would be most of what happens in a month."""
RUNS: Final = (Limits().runs, Limits().runs, 3, 1)
"""How many runs may be begun: as deployed, or so few that they are sometimes used up."""


def build_system(
    seed: int, tasks: int, *, focus: Sequence[str] = (), trace: bool = False
) -> SimulatedSystem:
    """The system of a seed, with its users' actions scheduled: without faults, or with some kinds.

    Args:
        seed: of every random number.
        tasks: about how many tasks there will be.
        focus: the only kinds of faults, often; without it the seed chooses.
        trace: whether to keep a trace.
    """
    # The text keeps every seed's simulation as it always was.
    draw = random.Random(f"world {seed}")  # noqa: S311 - the same again, not a secret
    if focus:
        fault_free, rate, kinds = False, FOCUSED_RATE, tuple(focus)
    else:
        fault_free = draw.random() < FAULT_FREE_SHARE
        rate = 0.0 if fault_free else draw.choice(RATES)
        share = draw.choice(SHARES)
        kinds = () if fault_free else tuple(kind for kind in KINDS if draw.random() < share)
    dice = RandomFaults(seed, rate, kinds, chance_factor=4.0 if focus else 1.0)
    limits = Limits(runs=10 if fault_free else draw.choice(RUNS))
    money = build_money_world(seed, fault_free=fault_free)
    if money.rules.guard_tasks < DEFAULT_GUARD_TASKS:
        limits = replace(limits, held_s=HELD_S)
    system = SimulatedSystem(dice, fault_free=fault_free, trace=trace, limits=limits, money=money)
    system.users.schedule(tasks)
    system.outages.schedule(OUTAGES_S_PER_TASK * tasks)
    system.providers.accounts.schedule(OUTAGES_S_PER_TASK * tasks)
    return system
