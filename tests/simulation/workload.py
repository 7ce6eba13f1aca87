"""What people do to the input bucket and to tasks, and what is deployed meanwhile.

Every uploaded spec version, and every request that carries one, is one `ExpectedTask`: one task
must come of it.
"""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from darkroom.domain.order import Trigger
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from tests.fakes.routes import (
    JOB_ALONE,
    JOB_KEY,
    JOB_LOOKED_UP,
    JOB_NONE,
    ROUTES,
    SYNC_KEY,
    SYNC_NONE,
)
from tests.simulation.fault_kinds import FaultPolicy
from tests.simulation.intake_queue import MALFORMED
from tests.simulation.ledger import NEW_PRICE
from tests.simulation.results import PNG
from tests.simulation.scheduler import Scheduler
from tests.simulation.stores import PlainInputs

OPERATIONS: Final = (SYNC_NONE, SYNC_KEY, JOB_KEY, JOB_NONE, JOB_LOOKED_UP, JOB_ALONE)
MIDNIGHT_S: Final = 12 * 3600.0
"""The world begins at noon."""
PHOTO: Final = PNG + b"a photo"
GOOD: Final = "succeeded"


@dataclass(frozen=True)
class ExpectedTask:
    """A task that was asked for.

    Attributes:
        expect: its state, or its failure's code, where no fault strikes; None where it depends.
    """

    trigger: Trigger
    expect: str | None


class Commands(Protocol):
    """The command, as people use it: each in a process of its own, which may die."""

    def cancel(self, task_id: str) -> None:
        """`darkroom cancel`."""

    def retry(self, task_id: str, *, pay_again: bool) -> None:
        """`darkroom retry`."""


@dataclass
class Users:
    """Uploads, overwrites, deletes, sends and second thoughts.

    Attributes:
        asks: what they asked for so far.
        unnamed: the keys of what they asked for in messages without an id.
        came: told of every file that is there now.
    """

    scheduler: Scheduler
    inputs: PlainInputs
    fault_policy: FaultPolicy
    desk: Commands
    send: Callable[[str], None]
    deploy: Callable[[Sequence[Route]], None]
    asks: list[ExpectedTask] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    came: Callable[[str], None] = lambda _key: None

    def come(self, tasks: int) -> None:
        """Let about so many specs be dropped, one every three seconds or so."""
        for number in range(tasks):
            at = self.fault_policy.between(0, 3 * tasks)
            self.scheduler.after(at, functools.partial(self._work, f"p{number}/cat.jpg"))
        if self.fault_policy.chance("route-gone"):
            self._deploy_for_a_while(ROUTES[:6])
        if self.fault_policy.chance("price-changed"):
            dearer = [replace(route, credits=lambda _params: NEW_PRICE) for route in ROUTES]
            self._deploy_for_a_while(dearer)
        if self.fault_policy.chance("message-malformed"):
            self.send(MALFORMED)

    def drop(self, key: str, body: bytes = PHOTO) -> None:
        """Upload a file; its event is on its way."""
        self._tell("Created", key, self.inputs.put(key, body).version_id)
        self.came(key)

    def ask(self, key: str, operation: str, expect: str | None = GOOD, **more: Any) -> None:
        """Upload a spec."""
        body = json.dumps({"operation": operation, **more}).encode()
        version = self.inputs.put(key, body).version_id
        self.asks.append(ExpectedTask(Trigger("upload", self.inputs.bucket, key, version), expect))
        self._tell("Created", key, version)

    def remove(self, key: str) -> None:
        """Delete a file."""
        self.inputs.delete(key)
        self._tell("Deleted", key, "marker")

    def bring_back(self, key: str) -> None:
        """Remove the delete marker of a file: it is there again, and nobody uploaded it."""
        self.inputs.bring_back(key)
        self._tell("Deleted", key, "marker")
        self.came(key)

    def request(self, name: str, photo: str, operation: str) -> None:
        """Send a message that carries a spec."""
        spec = {"operation": operation}
        key = f"{photo}.{operation}.json"
        if self.fault_policy.chance("message-without-id"):
            self.unnamed.append(key)
            self._repeat(json.dumps({"source": photo, "spec": spec}))
            return
        self.asks.append(ExpectedTask(Trigger("message", self.inputs.bucket, key, name), GOOD))
        self.send(json.dumps({"request_id": name, "source": photo, "spec": spec}))

    def _repeat(self, body: str) -> None:
        """Send a message, and perhaps the same once more: nobody says so, and it has a new id."""
        at, again = 0.0, self.fault_policy.between(1, 10_000)
        if self.fault_policy.chance("message-at-midnight"):
            at = MIDNIGHT_S - self.scheduler.now - self.fault_policy.between(0, 60)
            again = self.fault_policy.between(1, 240)
        self.scheduler.after(at, lambda: self.send(body))
        if self.fault_policy.chance("message-repeated"):
            self.scheduler.after(at + again, lambda: self.send(body))

    def reconsider(self, tasks: Iterable[Task]) -> bool:
        """Try some of the tasks that ended badly once more; whether any."""
        bad = [task for task in tasks if task.state != GOOD]
        tried = [task for task in bad if self.fault_policy.chance("retried-at-rest")]
        for task in tried:
            self._try_once_more(task)
        return bool(tried)

    def _try_once_more(self, task: Task) -> None:
        pay_again = self.fault_policy.chance("paid-again-at-rest")
        self._retry(self.fault_policy.between(0, 20), lambda: task.task_id, pay_again=pay_again)
        if task.trigger.kind == "upload" and self.fault_policy.chance("spec-overwritten"):
            operation = task.order.operation if task.order else SYNC_KEY
            more = {"metadata": {"version": 3}}
            self._later(30, lambda: self.ask(task.trigger.key, operation, None, **more))

    def _work(self, photo: str) -> None:
        """One photo and its spec, in one of the ways in which that goes."""
        draw = self.fault_policy.between(0, 1)
        operation = OPERATIONS[int(self.fault_policy.between(0, len(OPERATIONS)))]
        spec = f"{photo}.json"
        unknown = {0: "fail", 1: "retry"}.get(int(self.fault_policy.between(0, 10)), "hold")
        if draw < 0.55:
            self.drop(photo)
            self.ask(spec, operation, on_unknown=unknown)
        elif draw < 0.6:
            self.drop(photo)
            self._ask_twice_for_one_name(photo, operation)
        elif draw < 0.75:
            self._work_without_photo(photo, operation, unknown, draw)
        elif draw < 0.83:
            self.drop(photo)
            self.request(f"request-{photo[:-8]}", photo, operation)
        elif draw < 0.88:
            self.drop(photo)
            self.ask(f"{photo}.thumb.json", operation)
            self.ask(spec, SYNC_NONE, provider=["alpha", "beta"])
        elif draw < 0.92:
            self._later(3, lambda: self.drop(photo))
            self.ask(spec, "remove-objects", inputs={"mask": "m.png"})
            self._later(20, lambda: self.drop(photo.replace("cat.jpg", "m.png")))
        elif draw < 0.95:
            self.ask(spec, operation, "inputs-missing")
        elif draw < 0.97:
            self.drop(photo)
            self.ask(spec, "no-such-thing", "unknown-operation")
        else:
            self.ask(spec, operation, "input-empty")
            self._later(5, lambda: self.drop(photo, b""))
        self._meddle(photo, spec, operation)

    def _work_without_photo(self, photo: str, operation: str, unknown: str, draw: float) -> None:
        """Specs that wait for their photo, which is uploaded later or comes back."""
        spec = f"{photo}.json"
        if self.fault_policy.chance("photo-undeleted"):
            self.drop(photo)
            self.remove(photo)
            self._later(5, lambda: self.ask(spec, operation, on_unknown=unknown))
            self._later(600, lambda: self.bring_back(photo))
            return
        if draw < 0.63:
            self.ask(f"{photo}.again.json", operation)
            self.ask(f"{photo}.thumb.json", operation)
        self.ask(spec, operation, on_unknown=unknown)
        self._later(60 if draw < 0.68 else 1, lambda: self.drop(photo))

    def _ask_twice_for_one_name(self, photo: str, operation: str) -> None:
        """Two specs whose results would have one name; one of them is refused."""
        specs = [f"{photo}.json", f"{photo}.{operation}.json"]
        for key in specs:
            self._later(0.2, functools.partial(self.ask, key, operation, None))

    def _meddle(self, photo: str, spec: str, operation: str) -> None:
        """Users change their minds."""
        if self.fault_policy.chance("spec-overwritten"):
            more = {"metadata": {"version": 2}}
            draw = self.fault_policy.between(0, 1)
            other = operation if draw < 0.5 else SYNC_KEY
            self._later(
                30 if draw * 2 % 1 < 0.25 else 1, lambda: self.ask(spec, other, None, **more)
            )
        if self.fault_policy.chance("spec-deleted"):
            self._later(30, lambda: self.remove(spec))
        if self.fault_policy.chance("photo-overwritten"):
            self._later(30, lambda: self.drop(photo, PHOTO + b" again"))
        if self.fault_policy.chance("photo-deleted"):
            self._later(20, lambda: self.remove(photo))
            self._later(60, lambda: self.drop(photo))
        if self.fault_policy.chance("cancelled"):
            self._later(40, lambda: self.desk.cancel(self._newest(photo)))
        if self.fault_policy.chance("retried"):
            at = self.fault_policy.between(5, 900)
            self._retry(at, lambda: self._newest(photo), pay_again=False)
        if self.fault_policy.chance("paid-again"):
            at = self.fault_policy.between(5, 900)
            self._retry(at, lambda: self._newest(photo), pay_again=True)

    def _retry(self, at: float, task_id: Callable[[], str], *, pay_again: bool) -> None:
        """Retry a task, and perhaps once more at the same moment."""
        for _ in range(2 if self.fault_policy.chance("retried-twice") else 1):
            after_s = at + self.fault_policy.between(0, 0.1)
            self.scheduler.after(after_s, lambda: self.desk.retry(task_id(), pay_again=pay_again))

    def _newest(self, photo: str) -> str:
        """The task that was asked for last about a photo."""
        triggers = (ask.trigger for ask in reversed(self.asks))
        return next((t.task_id for t in triggers if t.key.startswith(photo)), "no task")

    def _deploy_for_a_while(self, routes: Sequence[Route]) -> None:
        self._later(30, lambda: self.deploy(routes))
        self.scheduler.after(60, lambda: self.deploy(ROUTES))

    def _later(self, most_s: float, act: Callable[[], None]) -> None:
        self.scheduler.after(self.fault_policy.between(0, most_s), act)

    def _tell(self, what: str, key: str, version: str) -> None:
        bucket = self.inputs.bucket
        self.send(
            f'{{"source":"aws.s3","detail-type":"Object {what}","detail":{{"bucket":'
            f'{{"name":"{bucket}"}},"object":{{"key":"{key}","version-id":"{version}"}}}}}}'
        )
