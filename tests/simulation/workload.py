"""The workload: what users do to the input bucket and to tasks, and what is deployed.

Every uploaded version of a spec, and every request with a spec, is one `ExpectedTask`: exactly one
task must be created for it.
"""

import functools
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from darkroom.domain.object_keys import DEFAULT_NAME
from darkroom.domain.order import Trigger
from darkroom.domain.price_table import fixed_price
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.orders.holding import top_folder
from tests.fakes.routes import (
    JOB_ALONE,
    JOB_KEY,
    JOB_LOOKED_UP,
    JOB_NONE,
    ROUTES,
    SYNC_KEY,
    SYNC_NONE,
)
from tests.simulation.batch_ends import RULES, UNTIL
from tests.simulation.fault_kinds import FaultPolicy
from tests.simulation.folders import BROKEN, Folders, Version, documents
from tests.simulation.intake_queue import MALFORMED
from tests.simulation.ledger import NEW_PRICE
from tests.simulation.money_world import MoneyWorld
from tests.simulation.results import PNG
from tests.simulation.scheduler import Scheduler
from tests.simulation.stores import PlainInputs

OPERATIONS: Final = (SYNC_NONE, SYNC_KEY, JOB_KEY, JOB_NONE, JOB_LOOKED_UP, JOB_ALONE)
FOLDERS_APART: Final = 8
"""Every so many tasks there is a folder with a default."""
TASKS_OF_FOLDER: Final = 4
"""About how many tasks the photos of such a folder become."""
MIDNIGHT_S: Final = 12 * 3600.0
"""A simulation begins at noon."""
IN_A_BATCH: Final = 0.5
"""The share of the requests that name a batch."""
PHOTO: Final = PNG + b"a photo"
SUCCEEDED: Final = "succeeded"


@dataclass(frozen=True)
class ExpectedTask:
    """A requested task.

    Attributes:
        end: its state, or its failure's code, when no fault strikes; None if it depends.
    """

    trigger: Trigger
    end: str | None


class Commands(Protocol):
    """The users' commands: each runs in a process of its own, which may be killed."""

    def cancel(self, task_id: str) -> None:
        """`darkroom cancel`."""

    def retry(self, task_id: str, *, pay_again: bool) -> None:
        """`darkroom retry`."""


@dataclass
class Users:
    """Uploads, overwrites, deletes, requests, retries and cancellations.

    Attributes:
        expected_tasks: what they requested so far.
        without_id: the keys of what they requested in messages without an id.
        on_file: called for every file that exists from now on.
        on_folder_change: called with the folder whose default changes.
        folders: what happened in folders with a default.
        uploaded_at: key -> when a file was uploaded for the first time, seconds.
        specs: task -> what its uploaded spec says.
        money: what they want of money.
        on_hold: called with the folder of a file whose task is to be held.
    """

    scheduler: Scheduler
    inputs: PlainInputs
    fault_policy: FaultPolicy
    commands: Commands
    send: Callable[[str], None]
    deploy: Callable[[Sequence[Route]], None]
    expected_tasks: list[ExpectedTask] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)
    on_file: Callable[[str], None] = lambda _key: None
    on_folder_change: Callable[[str], None] = lambda _folder: None
    folders: Folders = field(default_factory=Folders)
    uploaded_at: dict[str, float] = field(default_factory=dict)
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    money: MoneyWorld = field(default_factory=MoneyWorld)
    on_hold: Callable[[str], None] = lambda _folder: None

    def schedule(self, tasks: int) -> None:
        """Schedule about `tasks` specs, one every three seconds on average."""
        within_s = 3 * (tasks + TASKS_OF_FOLDER * (tasks // FOLDERS_APART))
        for number in range(tasks):
            at = self.fault_policy.between(0, within_s)
            folder = f"p{number}/"
            if number % FOLDERS_APART:
                act = functools.partial(self._schedule_task, f"{folder}cat.jpg")
            else:
                act = functools.partial(self._schedule_folder, folder)
            self.scheduler.after(at, act)
        if self.fault_policy.chance("route-gone"):
            self._deploy_for_a_while(ROUTES[:6])
        if self.fault_policy.chance("price-changed"):
            dearer = [replace(route, credits=fixed_price(NEW_PRICE)) for route in ROUTES]
            self._deploy_for_a_while(dearer)
        if self.fault_policy.chance("message-malformed"):
            self.send(MALFORMED)

    def upload(self, key: str, body: bytes = PHOTO, wish: str = "") -> None:
        """Upload a file and send its event; `wish`: what its metadata says about holding."""
        if wish == "hold":
            self.on_hold(top_folder(key))
        self.uploaded_at.setdefault(key, self.scheduler.now)
        self._send_event("Created", key, self.inputs.put(key, body, wish).version_id)
        self.on_file(key)

    def upload_spec(
        self, key: str, operation: str, expected_end: str | None = SUCCEEDED, **more: Any
    ) -> None:
        """Upload a spec."""
        spec = {"operation": operation, **more}
        self.upload_spec_text(key, json.dumps(spec).encode(), expected_end)
        self.specs[self.expected_tasks[-1].trigger.task_id] = spec

    def upload_spec_text(self, key: str, body: bytes, expected_end: str | None) -> None:
        """Upload a spec as it is."""
        version = self.inputs.put(key, body).version_id
        self.expected_tasks.append(
            ExpectedTask(Trigger("upload", self.inputs.bucket, key, version), expected_end)
        )
        self._send_event("Created", key, version)

    def upload_default(self, folder: str, body: bytes) -> None:
        """Upload a folder default."""
        key = folder + DEFAULT_NAME
        self.on_folder_change(folder)
        self.upload(key, body)
        now, found = self.scheduler.now, self.inputs.find(key)
        if found is not None:
            self.folders.defaults.setdefault(folder, []).append(
                Version(now, found.version_id, body)
            )

    def end(self, folder: str) -> None:
        """Upload the object that says that no photo follows."""
        self.on_folder_change(folder)
        self.upload(folder + UNTIL)

    def delete_default(self, folder: str) -> None:
        """Delete a folder default."""
        self.folders.defaults.setdefault(folder, []).append(Version(self.scheduler.now, None))
        self.delete(folder + DEFAULT_NAME)

    def upload_photo(
        self, key: str, body: bytes = PHOTO, *, asked: Sequence[str | None] = ()
    ) -> None:
        """Upload a photo into a folder with a default.

        `asked`: the labels of the tasks that are certain to be made of it.
        """
        self.upload(key, body)
        found = self.inputs.find(key)
        if found is None:
            return
        self.folders.photos.setdefault(key, []).append(
            Version(self.scheduler.now, found.version_id)
        )
        for label in asked:
            trigger = Trigger.of_photo(self.inputs.bucket, key, found.version_id, label)
            self.expected_tasks.append(ExpectedTask(trigger, None))

    def delete_photo(self, key: str) -> None:
        """Delete a photo from a folder with a default."""
        self.folders.photos[key].append(Version(self.scheduler.now, None))
        self.delete(key)

    def upload_own_spec(self, photo: str, operation: str) -> None:
        """Upload a spec for a photo in a folder with a default."""
        self.folders.own_since.setdefault(photo, self.scheduler.now)
        self.upload_spec(f"{photo}.json", operation, None)

    def delete(self, key: str) -> None:
        """Delete a file."""
        self.inputs.delete(key)
        self._send_event("Deleted", key, "marker")

    def undelete(self, key: str) -> None:
        """Remove the delete marker of a file: it exists again without an upload."""
        self.inputs.undelete(key)
        self._send_event("Deleted", key, "marker")
        self.on_file(key)

    def send_request(
        self, name: str, photo: str, operation: str, batch: Mapping[str, Any] | None = None
    ) -> None:
        """Send a message that carries a spec."""
        spec = {"operation": operation}
        key = f"{photo}.{operation}.json"
        if self.fault_policy.chance("message-without-id"):
            self.without_id.append(key)
            self._repeat(json.dumps({"source": photo, "spec": spec}))
            return
        self.expected_tasks.append(
            ExpectedTask(Trigger("message", self.inputs.bucket, key, name), SUCCEEDED)
        )
        order: dict[str, Any] = {"request_id": name, "source": photo, "spec": spec}
        if batch is not None:
            order["batch"] = batch
        elif self.fault_policy.between(0, 1) < IN_A_BATCH:
            order["batch"] = {"name": "orders", "quiet_s": 600}
        self.send(json.dumps(order))

    def _repeat(self, body: str) -> None:
        """Send a message, and perhaps an equal one later with a new message id."""
        at, again = 0.0, self.fault_policy.between(1, 10_000)
        if self.fault_policy.chance("message-at-midnight"):
            at = MIDNIGHT_S - self.scheduler.now - self.fault_policy.between(0, 60)
            again = self.fault_policy.between(1, 240)
        self.scheduler.after(at, lambda: self.send(body))
        if self.fault_policy.chance("message-repeated"):
            self.scheduler.after(at + again, lambda: self.send(body))

    def retry_some_failed(self, tasks: Iterable[Task]) -> bool:
        """Retry some of the tasks that ended badly; whether there were any."""
        bad = [task for task in tasks if task.state != SUCCEEDED]
        tried = [task for task in bad if self.fault_policy.chance("retried-at-rest")]
        for task in tried:
            self._retry_ended(task)
        return bool(tried)

    def _retry_ended(self, task: Task) -> None:
        pay_again = self.fault_policy.chance("paid-again-at-rest")
        self._retry(self.fault_policy.between(0, 20), lambda: task.task_id, pay_again=pay_again)
        if task.trigger.kind == "upload" and self.fault_policy.chance("spec-overwritten"):
            operation = task.order.operation if task.order else SYNC_KEY
            more = {"metadata": {"version": 3}}
            self._later(30, lambda: self.upload_spec(task.trigger.key, operation, None, **more))

    def _schedule_task(self, photo: str) -> None:
        """A photo and its spec, in one of several ways."""
        draw = self.fault_policy.between(0, 1)
        operation = OPERATIONS[int(self.fault_policy.between(0, len(OPERATIONS)))]
        spec = f"{photo}.json"
        unknown = {0: "fail", 1: "retry"}.get(int(self.fault_policy.between(0, 10)), "hold")
        if draw < 0.55:
            wish = self.money.wish()
            operation = wish.operation or operation
            self.upload(photo, PHOTO + b"2" if wish.other_photo else PHOTO, wish.upload)
            agrees = {"fallback": "any"} if zlib.crc32(photo.encode()) % 3 == 0 else {}
            more = {"on_unknown": unknown, **agrees, **wish.fields}
            self.upload_spec(spec, operation, wish.end, **more)
        elif draw < 0.6:
            self.upload(photo)
            self._upload_two_specs_for_one_name(photo, operation)
        elif draw < 0.75:
            self._schedule_spec_before_photo(photo, operation, unknown, draw)
        elif draw < 0.83:
            self.upload(photo)
            self.send_request(f"request-{photo[:-8]}", photo, operation)
        elif draw < 0.88:
            self.upload(photo)
            self.upload_spec(f"{photo}.thumb.json", operation)
            self.upload_spec(spec, SYNC_NONE, provider=["alpha", "beta"])
        elif draw < 0.92:
            self._later(3, lambda: self.upload(photo))
            self.upload_spec(spec, "remove-objects", inputs={"mask": "m.png"})
            self._later(20, lambda: self.upload(photo.replace("cat.jpg", "m.png")))
        elif draw < 0.95:
            self.upload_spec(spec, operation, "inputs-missing")
        elif draw < 0.97:
            self.upload(photo)
            self.upload_spec(spec, "no-such-thing", "unknown-operation")
        else:
            self.upload_spec(spec, operation, "input-empty")
            self._later(5, lambda: self.upload(photo, b""))
        self._schedule_changes(photo, spec, operation)

    def _schedule_folder(self, folder: str) -> None:
        """A folder default and some photos; either may change, and a photo may get its own spec."""
        choices = self._with_rule(folder)

        def draw(bodies: Sequence[bytes]) -> bytes:
            return bodies[int(self.fault_policy.between(0, len(bodies)))]

        if self.fault_policy.chance("default-broken"):
            self.upload_default(folder, draw(BROKEN))
            self._later(300, lambda: self.upload_default(folder, draw(choices)))
        else:
            self.upload_default(folder, draw(choices))
        for name in ("a.jpg", "a.png", "b.jpg"):
            photo = folder + name
            self._later(90, functools.partial(self.upload_photo, photo))
            if self.fault_policy.chance("own-spec"):
                self._later(200, functools.partial(self.upload_own_spec, photo, SYNC_KEY))
            if self.fault_policy.chance("photo-overwritten"):
                self._after_it(photo, functools.partial(self.upload_photo, photo, PHOTO + b"2"))
            if self.fault_policy.chance("photo-deleted"):
                self._after_it(photo, functools.partial(self.delete_photo, photo))
        if self.fault_policy.chance("default-changed"):
            self._later(200, lambda: self.upload_default(folder, draw(choices)))
        if self.fault_policy.chance("default-broken"):
            self._later(200, lambda: self.upload_default(folder, draw(BROKEN)))
        if self.fault_policy.chance("default-deleted"):
            self._later(200, lambda: self.delete_default(folder))

    def _with_rule(self, folder: str) -> Sequence[bytes]:
        """Folder defaults, all with the same rule for the end of the batch, if any."""
        rule = RULES[int(self.fault_policy.between(0, len(RULES)))]
        if "until" in rule:
            self.scheduler.after(self.fault_policy.between(20, 200), lambda: self.end(folder))
        operation = OPERATIONS[int(self.fault_policy.between(0, len(OPERATIONS)))]
        bodies = documents(folder, operation)
        return [json.dumps(json.loads(body) | rule).encode() for body in bodies]

    def _after_it(self, photo: str, act: Callable[[], None]) -> None:
        """Do something soon after the photo was uploaded."""

        def at_last() -> None:
            if photo in self.folders.photos:
                act()

        self.scheduler.after(90 + self.fault_policy.between(0, 60), at_last)

    def _schedule_spec_before_photo(
        self, photo: str, operation: str, unknown: str, draw: float
    ) -> None:
        """Specs that wait for their photo, which is uploaded later or undeleted."""
        spec = f"{photo}.json"
        if self.fault_policy.chance("photo-undeleted"):
            self.upload(photo)
            self.delete(photo)
            self._later(5, lambda: self.upload_spec(spec, operation, on_unknown=unknown))
            self._later(600, lambda: self.undelete(photo))
            return
        if self.fault_policy.chance("photo-in-other-case"):
            other = photo.replace("cat.jpg", "CAT.jpg")
            self.upload_spec(spec, operation, on_unknown=unknown)
            self._later(90, lambda: self.upload(other))
            if self.fault_policy.chance("photo-follows"):
                self._later(180, lambda: self.upload(photo))
            return
        if draw < 0.63:
            self.upload_spec(f"{photo}.again.json", operation)
            self.upload_spec(f"{photo}.thumb.json", operation)
        self.upload_spec(spec, operation, on_unknown=unknown)
        self._later(60 if draw < 0.68 else 1, lambda: self.upload(photo))

    def _upload_two_specs_for_one_name(self, photo: str, operation: str) -> None:
        """Two specs whose results would have one name; one of them is refused."""
        specs = [f"{photo}.json", f"{photo}.{operation}.json"]
        for key in specs:
            self._later(0.2, functools.partial(self.upload_spec, key, operation, None))

    def _schedule_changes(self, photo: str, spec: str, operation: str) -> None:
        """Users overwrite, delete, cancel and retry."""
        if self.fault_policy.chance("spec-overwritten"):
            more = {"metadata": {"version": 2}}
            draw = self.fault_policy.between(0, 1)
            other = operation if draw < 0.5 else SYNC_KEY
            self._later(
                30 if draw * 2 % 1 < 0.25 else 1,
                lambda: self.upload_spec(spec, other, None, **more),
            )
        if self.fault_policy.chance("spec-deleted"):
            self._later(30, lambda: self.delete(spec))
        if self.fault_policy.chance("photo-overwritten"):
            self._later(30, lambda: self.upload(photo, PHOTO + b" again"))
        if self.fault_policy.chance("photo-deleted"):
            self._later(20, lambda: self.delete(photo))
            self._later(60, lambda: self.upload(photo))
        if self.fault_policy.chance("cancelled"):
            self._later(40, lambda: self.commands.cancel(self._newest(photo)))
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
            self.scheduler.after(
                after_s, lambda: self.commands.retry(task_id(), pay_again=pay_again)
            )

    def _newest(self, photo: str) -> str:
        """The task that was last requested for a photo."""
        triggers = (expected.trigger for expected in reversed(self.expected_tasks))
        return next((t.task_id for t in triggers if t.key.startswith(photo)), "no task")

    def _deploy_for_a_while(self, routes: Sequence[Route]) -> None:
        self._later(30, lambda: self.deploy(routes))
        self.scheduler.after(60, lambda: self.deploy(ROUTES))

    def _later(self, max_s: float, act: Callable[[], None]) -> None:
        self.scheduler.after(self.fault_policy.between(0, max_s), act)

    def _send_event(self, what: str, key: str, version: str) -> None:
        bucket = self.inputs.bucket
        self.send(
            f'{{"source":"aws.s3","detail-type":"Object {what}","detail":{{"bucket":'
            f'{{"name":"{bucket}"}},"object":{{"key":"{key}","version-id":"{version}"}}}}}}'
        )
