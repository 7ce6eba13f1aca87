"""A whole Darkroom without machines: the pipeline over simulated ports, and people at both ends.

A world is made, people come, and it is let run until it rests; then `invariants` looks at it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from darkroom.arrivals import Message
from darkroom.aws.messages import read_message
from darkroom.pipeline import deliver, fail, intake, poll, submit, sweep
from darkroom.ports import Policy, Ports, Step
from darkroom.routes import Route
from tests.fakes.channels import RecordingDeadLetters
from tests.fakes.gate import InMemoryGate
from tests.fakes.inputs import InMemoryInputs
from tests.pipeline.offers import ROUTES
from tests.simulation.faults import KINDS, Dice, Mischief
from tests.simulation.machine import Machine
from tests.simulation.outside import Broken, Guarded, Outside, SimulatedClock
from tests.simulation.people import People
from tests.simulation.providers import SimulatedProviders
from tests.simulation.queue import Queue
from tests.simulation.stores import PlainOutputs, PlainTasks
from tests.simulation.timeline import Timeline
from tests.simulation.witness import Witness

LIMITS: Final[Mapping[str, int]] = {
    "intake": 60,
    "submit": 180,
    "poll": 150,
    "deliver": 900,
    "fail": 60,
    "sweep": 300,
}
"""Seconds until each door's process is stopped; as deployed."""

ROUNDS: Final = 40
"""How often a world is swept before whatever still stands is taken to be stuck."""
SKEW_S: Final = 11

CALM_SHARE: Final = 0.1
RATES: Final = (0.0, 0.01, 0.02, 0.05, 0.1)
FOCUSED_RATE: Final = 0.03
SHARES: Final = (0.1, 0.4, 0.8, 1.0)
"""Of the worlds, of the calls that are struck, and of the kinds of faults in one world."""

_DOORS: Final[Mapping[str, Callable[[Ports, Mapping[str, Any], Callable[[], float]], Step]]] = {
    "submit": lambda ports, event, left_s: submit.submit(
        ports, event["task_id"], event["run"], left_s
    ),
    "poll": lambda ports, event, _left_s: poll.poll(ports, event["task_id"], event["run"]),
    "deliver": lambda ports, event, left_s: deliver.deliver(
        ports, event["task_id"], event["run"], left_s
    ),
    "fail": lambda ports, event, _left_s: fail.fail(
        ports, event["task_id"], event["run"], event.get("error", {}).get("Error")
    ),
}


class World:
    """Everything there is.

    Attributes:
        calm: whether no fault strikes.
        ghosts: how many objects were last written by a process that was held up on its way there
            while somebody else went on.
    """

    def __init__(self, mischief: Mischief, *, calm: bool = False, trace: bool = False) -> None:
        self.calm = calm
        self.ghosts = 0
        self.mischief = mischief
        self.timeline = Timeline()
        self.outside = Outside(self.timeline, mischief, lines=[] if trace else None)
        self.witness = Witness(self.outside)
        self.tasks = PlainTasks(self.witness)
        self.outputs = PlainOutputs(self.witness)
        self.witness.look_at(self.tasks, self.outputs)
        self.inputs = InMemoryInputs()
        self.dead_letters = RecordingDeadLetters()
        self.gate = InMemoryGate()
        self.providers = SimulatedProviders(ROUTES, self.outside, self.witness)
        self.machine = Machine(self.outside, self._door)
        self.queue = Queue(self.outside, self._take)
        self.ports = self._build_ports()
        # A process in the middle of another may not stay long: the other one would wait for it.
        self._hasty = replace(self.ports, policy=Policy(attend_s=0))
        self.people = People(self.timeline, self.inputs, mischief, self.queue.send, self._deploy)

    def rest(self) -> None:
        """Let everything happen, and then sweep until nothing changes any more."""
        for at in (100, 300):
            self.timeline.after(at + self.mischief.between(0, 100), self.sweep)
        self.timeline.run()
        while self.queue.redrive() + self.machine.redrive():
            self.timeline.run()
        self._look_for_sleepers()
        for _ in range(ROUNDS):
            due = [task.deadline for task in self.tasks.stored.values() if not task.finished]
            if not due:
                break
            now = SimulatedClock(self.outside).now()
            self.timeline.skip(max(0.0, (min(due) - now).total_seconds()) + SKEW_S)
            self.sweep()
            self.timeline.run()
            self.machine.redrive()
            self.timeline.run()

    def sweep(self) -> None:
        """The schedule calls SWEEP."""
        self.outside.invoke("sweep", None, LIMITS["sweep"], lambda: sweep.sweep(self.ports))

    def _build_ports(self) -> Ports:
        outside = self.outside
        guarded: dict[str, Any] = {
            name: Guarded(port, name, outside)
            for name, port in {
                "tasks": self.tasks,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "workflows": self.machine,
                "events": self.witness,
                "dead_letters": self.dead_letters,
                "gate": self.gate,
            }.items()
        }
        return Ports(**guarded, providers=self.providers, clock=SimulatedClock(outside))

    def _door(self, verb: str, event: Mapping[str, Any]) -> Step | Broken:
        """Call a door of the workflow."""
        ports = self._hasty if self.timeline.depth else self.ports
        left_s = self.outside.time_left_s
        act = _DOORS[verb]
        return self.outside.invoke(
            verb, event["task_id"], LIMITS[verb], lambda: act(ports, event, left_s)
        )

    def _take(self, message: Message) -> Broken | None:
        """Call INTAKE with a message; None when it was taken."""
        said = self.outside.invoke(
            "intake",
            None,
            LIMITS["intake"],
            lambda: intake.receive(self.ports, message, read_message),
        )
        return said if isinstance(said, Broken) else None

    def _deploy(self, routes: Sequence[Route]) -> None:
        if len(routes) < len(ROUTES):
            # A task on its way may find its route gone; its door may say so.
            self.outside.expected = (*self.outside.expected, LookupError)
        self.providers.offered = tuple(routes)

    def _look_for_sleepers(self) -> None:
        for task in self.tasks.stored.values():
            if task.state == "waiting" and task.ending is None:
                keys = [key for keys in task.asked.keys.values() for key in keys]
                if all(self.inputs.find(key) for key in keys):
                    self.witness.say(f"{task.task_id} waits though everything is there")


def build_world(seed: int, tasks: int, *, focus: Sequence[str] = (), trace: bool = False) -> World:
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
    dice = Dice(seed, rate, kinds, likelier=4.0 if focus else 1.0)
    world = World(dice, calm=calm, trace=trace)
    world.people.come(tasks)
    return world
