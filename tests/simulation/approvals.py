"""A person who hears that tasks are held, and approves them, cancels them, or leaves them."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from darkroom.domain.task import Task
from tests.simulation.money_world import MoneyWorld
from tests.simulation.scheduler import Scheduler

Decision = Literal["approve", "cancel", "leave"]
DECISIONS: Final[tuple[Decision, ...]] = ("approve", "approve", "approve", "cancel", "leave")
FIRST_LOOK_S: Final = 900
"""Within so many seconds after the news the person looks at the folder for the first time."""
LATER_LOOKS_S: Final = (1_500, 6_000, 90_000)
"""When it looks again; tasks that waited for their files are held later than others."""


class Approver:
    """Looks at the folders whose tasks are held, some time after it was informed."""

    def __init__(
        self,
        scheduler: Scheduler,
        world: MoneyWorld,
        all_tasks: Callable[[], Sequence[Task]],
        approve: Callable[[str], None],
        cancel: Callable[[str], None],
    ) -> None:
        self._scheduler, self._world, self._all_tasks = scheduler, world, all_tasks
        self._acts = {"approve": approve, "cancel": cancel}
        self._decided: dict[str, Decision] = {}
        self._draw = world.draw or random.Random(0)  # noqa: S311 - the same again, not a secret

    def inform(self, detail: Mapping[str, Any]) -> None:
        """An event says that tasks of a folder are held."""
        self.will_look(detail["folder"])

    def will_look(self, folder: str) -> None:
        """It looks at the folder in a while, and a few times after that."""
        if folder in self._decided:
            return
        self._decided[folder] = "approve" if self._world.patient else self._draw.choice(DECISIONS)
        for at in (0, *LATER_LOOKS_S):
            after_s = at + self._draw.random() * FIRST_LOOK_S
            self._scheduler.after(after_s, lambda: self._look_at(folder))

    def _look_at(self, folder: str) -> None:
        act = self._acts.get(self._decided[folder])
        for task in self._all_tasks() if act else ():
            below = task.trigger.key.startswith(folder)
            by_person = task.hold is not None and task.hold.kind != "budget"
            # What waits for its files is approved like what is held, and cancelled only then.
            there = task.state == "held" or self._decided[folder] == "approve"
            if act and below and by_person and there and task.ending is None:
                act(task.task_id)
