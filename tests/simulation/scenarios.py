"""Scenarios: one task, or two with one output name, for every class of provider.

Each runs in a system of its own, in which nothing fails but the one call that `SingleFault` picks.
What users do is part of a scenario; their commands may fail like every call.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.limits import Limits
from darkroom.pipeline.orders.near_misses import LOOK_AFTER
from darkroom.pipeline.paid_call.failed_job import UNKNOWN_JOB_LIMIT
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.simulation.accounts import AccountProblem
from tests.simulation.folders import BROKEN, BUDGET, LISTED
from tests.simulation.single_fault import FRACTION, SingleFault
from tests.simulation.system import SimulatedSystem

PHOTO: Final = "photos/cat.jpg"
SPEC: Final = "photos/cat.jpg.json"
OTHER_CASE: Final = "photos/Cat.jpg"

MIDDLE_S: Final = 3.0
"""When the job of a scenario is running: it takes about five seconds. A paid call without a
response is in progress then, too: it takes a minute or two."""
QUEUED_AT_S: Final = 0.38
"""When the run of a scenario's task has started, and not yet called SUBMIT."""
SUBMIT_AT_S: Final = 0.43
"""When SUBMIT has begun, and not yet made the paid call."""
CALL_AT_S: Final = 0.6
"""When the paid call of a scenario is in progress, which takes a moment."""
LATER_S: Final = 4000.0
"""When everything has long ended, sweeps included."""


@dataclass(frozen=True)
class Scenario:
    """What happens, apart from the single fault.

    Attributes:
        operation: of the task.
        provider: that the spec names; None for the default order.
        uploads: what is uploaded, if not a photo and its spec.
        events: what happens apart from the upload; nothing in most scenarios.
        first_faults: call -> the faults of its first calls.
        allowed_ends: the states in which its tasks may end, whatever fails.
        max_charges: how many paid calls it may cost.
        max_runs: how many runs may be begun.
        fraction: where every random figure lies between its bounds, 0 to 1.
        always: kinds of events that happen whenever they may.
        lingers: whether a function waits for a job that is done soon; otherwise the workflow does.
    """

    operation: str
    provider: str | None
    uploads: Callable[[SimulatedSystem], None] | None = None
    events: Callable[[SimulatedSystem], None] = lambda _world: None
    first_faults: Mapping[str, Sequence[str]] | None = None
    allowed_ends: frozenset[str] = frozenset({"succeeded", "unknown"})
    max_charges: int = 1
    max_runs: int = Limits().runs
    fraction: float = FRACTION
    always: frozenset[str] = frozenset()
    lingers: bool = True

    def build_fault(self, at: int = 0, way: str = "") -> SingleFault:
        """The scenario's own faults, and one call that fails."""
        return SingleFault(at, way, self.first_faults, self.fraction, self.always)

    def play(
        self, fault: SingleFault, *, spec_first: bool = False, twice: bool = False
    ) -> SimulatedSystem:
        """Run it from the upload until nothing is left to do."""
        linger_s = Limits().linger_s if self.lingers else 0
        system = SimulatedSystem(fault, limits=Limits(runs=self.max_runs, linger_s=linger_s))
        users = system.users
        if twice:
            users.send = _sent_twice(users.send)
        named = {"provider": self.provider} if self.provider else {}
        if self.uploads:
            self.uploads(system)
        elif spec_first:
            users.upload_spec(SPEC, self.operation, **named)
            system.scheduler.after(5, lambda: users.upload(PHOTO))
        else:
            users.upload(PHOTO)
            users.upload_spec(SPEC, self.operation, **named)
        system.scheduler.after(5 if spec_first else 0, lambda: self.events(system))
        system.run_until_idle()
        return system


# --- events --------------------------------------------------------------------------------------


def _cancelled(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: system.cancel(_task(system)))


def _cancelled_while_queued(system: SimulatedSystem) -> None:
    system.scheduler.after(QUEUED_AT_S, lambda: system.cancel(_task(system)))


def _cancelled_at_its_call(system: SimulatedSystem) -> None:
    system.scheduler.after(CALL_AT_S, lambda: system.cancel(_task(system)))


def _retried(system: SimulatedSystem) -> None:
    system.scheduler.after(LATER_S, lambda: system.retry(_task(system), pay_again=False))


def _paid_again(system: SimulatedSystem) -> None:
    system.scheduler.after(LATER_S, lambda: system.retry(_task(system), pay_again=True))


def _cancelled_and_aborted(system: SimulatedSystem) -> None:
    _cancelled(system)
    system.scheduler.after(MIDDLE_S + 1, lambda: _run(system, "end", "ABORTED"))


def _aborted_and_retried(system: SimulatedSystem) -> None:
    _aborted(system)
    _retried(system)


def _aborted(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: _run(system, "end", "ABORTED"))


def _lost(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: _run(system, "lose"))


def _lost_with_its_call(system: SimulatedSystem) -> None:
    system.scheduler.after(SUBMIT_AT_S, lambda: _run(system, "lose"))


def _spec_overwritten(system: SimulatedSystem) -> None:
    def upload_again() -> None:
        system.users.upload_spec(SPEC, JOB_NONE, None, metadata={"version": 2}, provider="gamma")

    system.scheduler.after(MIDDLE_S, upload_again)


def _outage(
    kind: str, lasts_s: float, at_s: float = CALL_AT_S
) -> Callable[[SimulatedSystem], None]:
    """An outage that begins while the paid call is in progress."""

    def events(system: SimulatedSystem) -> None:
        system.scheduler.after(at_s, lambda: system.outages.begin(kind, lasts_s))

    return events


def _account_problem(
    provider: str, problem: AccountProblem, lasts_s: float, at_s: float = 0.0
) -> Callable[[SimulatedSystem], None]:
    """A problem with the provider's account."""

    def events(system: SimulatedSystem) -> None:
        accounts = system.providers.accounts
        system.scheduler.after(at_s, lambda: accounts.begin(provider, problem, lasts_s))

    return events


def _second_task(operation: str, provider: str) -> Callable[[SimulatedSystem], None]:
    """A second task for the same provider, while the first one's job is running."""

    def ask(system: SimulatedSystem) -> None:
        system.users.upload(f"another/{PHOTO}")
        system.users.upload_spec(f"another/{SPEC}", operation, provider=provider)

    return lambda system: system.scheduler.after(MIDDLE_S, lambda: ask(system))


def _task(system: SimulatedSystem) -> str:
    return system.users.expected_tasks[0].trigger.task_id


def _run(system: SimulatedSystem, act: str, *given: str) -> None:
    """Something happens to the first run, if it exists yet."""
    run = system.interpreter.runs.get((_task(system), 1))
    if run is not None:
        getattr(run, act)(*given)


def _sent_twice(send: Callable[[str], None]) -> Callable[[str], None]:
    def send_twice(body: str) -> None:
        send(body)
        send(body)

    return send_twice


# --- uploads -------------------------------------------------------------------------------------


def _not_a_spec(system: SimulatedSystem) -> None:
    system.users.upload_spec_text(SPEC, b"{}", "not-a-spec")


def _empty_photo(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, JOB_KEY, "input-empty")
    system.scheduler.after(5, lambda: system.users.upload(PHOTO, b""))


def _photo_in_other_case(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, JOB_KEY, provider="beta")
    system.scheduler.after(5, lambda: system.users.upload(OTHER_CASE))


def _right_photo_follows(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, JOB_KEY, provider="beta")
    system.scheduler.after(200, lambda: system.users.upload(OTHER_CASE))
    system.scheduler.after(220, lambda: system.users.upload(PHOTO))


def _right_photo_before_the_look(system: SimulatedSystem) -> None:
    """SWEEP looks between the two uploads, before the event of the first one has come."""
    send = system.users.send
    system.users.upload_spec(SPEC, JOB_KEY, provider="beta")
    system.users.send = lambda body: system.scheduler.after(600, lambda: send(body))
    at_s = LOOK_AFTER.total_seconds()
    system.scheduler.after(at_s + 45, lambda: system.users.upload(OTHER_CASE))
    system.scheduler.after(at_s + 85, lambda: system.users.upload(PHOTO))


def _two_photos_in_other_case(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, SYNC_NONE, "inputs-missing")
    system.users.upload(OTHER_CASE)
    system.users.upload(OTHER_CASE.replace("jpg", "JPG"))


def _no_photo(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, SYNC_NONE, "inputs-missing")


def _deleted_spec(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, SYNC_NONE, "spec-deleted")
    system.scheduler.after(5, lambda: system.users.delete(SPEC))


def _photo_during_creation(system: SimulatedSystem) -> None:
    system.users.upload_spec(SPEC, SYNC_NONE, provider="alpha")
    system.scheduler.after(5, lambda: system.users.upload(PHOTO))


def _two_versions(system: SimulatedSystem) -> None:
    system.users.upload(PHOTO)
    system.users.upload_spec(SPEC, JOB_KEY, "superseded")
    users, params = system.users, {"scale": 4}
    system.scheduler.after(MIDDLE_S, lambda: users.upload_spec(SPEC, JOB_KEY, params=params))


def _two_versions_out_of_order(system: SimulatedSystem) -> None:
    users = system.users
    send, late = users.send, list[str]()
    users.upload(PHOTO)
    users.send = late.append
    users.upload_spec(SPEC, JOB_KEY, "superseded")
    users.send = send
    users.upload_spec(SPEC, JOB_KEY, params={"scale": 4})
    system.scheduler.after(1, lambda: send(late[0]))


# --- folder defaults -----------------------------------------------------------------------------

FOLDER: Final = "photos/"
PHOTO_AT_S: Final = 2.0
"""When the photo is uploaded; it has ten seconds to get a spec of its own."""
AFTER_ITS_TIME_S: Final = 20.0
LAST_MOMENT_S: Final = PHOTO_AT_S + 10.53
"""While INTAKE creates the photo's task, after it has looked for a spec of its own."""
DONE: Final = {"name": "{stem}", "folder": "/done"}


def _default(system: SimulatedSystem, document: Any, at_s: float = 0.0) -> None:
    """Upload a folder default: JSON, or the bytes of a broken one."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    system.scheduler.after(at_s, lambda: system.users.upload_default(FOLDER, body))


def _photo(
    system: SimulatedSystem, asked: Sequence[str | None] = (None,), at_s: float = PHOTO_AT_S
) -> None:
    system.scheduler.after(at_s, lambda: system.users.upload_photo(PHOTO, asked=asked))


def _under_default(operation: str, **fields: Any) -> Callable[[SimulatedSystem], None]:
    def uploads(system: SimulatedSystem) -> None:
        _default(system, {"operation": operation, **fields})
        _photo(system)

    return uploads


def _under_list(system: SimulatedSystem) -> None:
    _default(system, LISTED)
    _photo(system, ("one", "two"))


def _corrected(system: SimulatedSystem) -> None:
    _default(system, BROKEN[2])
    _photo(system)
    _default(system, {"operation": JOB_KEY, "output": DONE}, AFTER_ITS_TIME_S)


def _corrected_to_list(system: SimulatedSystem) -> None:
    _default(system, BROKEN[0])
    # An event that comes late finds the corrected file.
    _photo(system, ("one", "two"))
    _default(system, LISTED, AFTER_ITS_TIME_S)


def _broken_and_deleted(system: SimulatedSystem) -> None:
    _default(system, BROKEN[1])
    _photo(system, ())
    system.scheduler.after(AFTER_ITS_TIME_S, lambda: system.users.delete_default(FOLDER))


def _changed_at_once(system: SimulatedSystem) -> None:
    _default(system, {"operation": SYNC_KEY})
    _photo(system)
    _default(system, {"operation": JOB_KEY}, LAST_MOMENT_S)


def _own_spec(at_s: float) -> Callable[[SimulatedSystem], None]:
    """A photo under a folder default gets a spec of its own."""

    def uploads(system: SimulatedSystem) -> None:
        users = system.users
        _default(system, {"operation": JOB_KEY})
        _photo(system, ())
        system.scheduler.after(at_s, lambda: users.upload_own_spec(PHOTO, SYNC_KEY))

    return uploads


def _own_spec_in_other_case(system: SimulatedSystem) -> None:
    """The photo's own spec, whose name differs in case alone, is there before the photo."""
    _default(system, {"operation": JOB_KEY})
    users = system.users
    own = f"{PHOTO.rpartition('/')[0]}/{PHOTO.rpartition('/')[2].upper()}.json"

    # If INTAKE reads it too late, because a process dies, the folder's spec is carried out, too.
    users.folders.own_since[PHOTO] = float("inf")
    system.scheduler.after(1, lambda: users.upload_spec(own, SYNC_KEY, None))
    _photo(system, (), PHOTO_AT_S + 90)


def _two_photos_and_a_budget(system: SimulatedSystem) -> None:
    _default(system, {"operation": JOB_KEY, **BUDGET})
    _photo(system)
    other = f"{PHOTO.rpartition('/')[0]}/other.jpg"
    system.scheduler.after(PHOTO_AT_S + 1, lambda: system.users.upload_photo(other, asked=(None,)))


def _same_photo_again(system: SimulatedSystem) -> None:
    """Under another name, after the first is done: its results are copied."""
    _default(system, {"operation": JOB_KEY, "reuse": True})
    _photo(system)
    other = f"{PHOTO.rpartition('/')[0]}/other.jpg"
    system.scheduler.after(600, lambda: system.users.upload_photo(other, asked=(None,)))


def _photo_replaced(system: SimulatedSystem) -> None:
    _default(system, {"operation": JOB_KEY, "output": DONE})
    _photo(system, ())
    _photo(system, at_s=PHOTO_AT_S + 13)


def _photo_replaced_at_once(system: SimulatedSystem) -> None:
    _default(system, {"operation": JOB_KEY, "output": DONE, "settle_s": 0})
    _photo(system, ())
    _photo(system, at_s=PHOTO_AT_S + 0.4)


def _photo_deleted(system: SimulatedSystem) -> None:
    _default(system, {"operation": JOB_KEY})
    _photo(system, ())
    system.scheduler.after(PHOTO_AT_S + 12, lambda: system.users.delete_photo(PHOTO))


def _two_photos_one_name(system: SimulatedSystem) -> None:
    users = system.users
    _default(system, {"operation": JOB_KEY, "output": DONE})
    _photo(system)
    other = f"{FOLDER}cat.png"
    system.scheduler.after(PHOTO_AT_S + 0.1, lambda: users.upload_photo(other, asked=(None,)))


def _elsewhere_twice(system: SimulatedSystem) -> None:
    """Two versions of a spec whose results go elsewhere, both submitted."""
    users = system.users
    users.upload(PHOTO)
    users.upload_spec(SPEC, JOB_NONE, None, output=DONE, provider="gamma")
    more = {"output": DONE, "metadata": {"version": 2}, "provider": "gamma"}
    system.scheduler.after(MIDDLE_S, lambda: users.upload_spec(SPEC, JOB_NONE, None, **more))


def _batch(system: SimulatedSystem) -> None:
    """A photo and its spec in a folder that expects one photo."""
    system.users.upload_default("photos/", b'{"expect": 1, "exclude": ["*"]}')
    system.users.upload(PHOTO)
    system.users.upload_spec(SPEC, SYNC_KEY)


def _batch_of_orders(system: SimulatedSystem) -> None:
    """A request that names its batch."""
    system.users.upload(PHOTO)
    system.users.send_request("order-1", PHOTO, SYNC_KEY, {"name": "orders", "expect": 1})


def _spec_changed_later(system: SimulatedSystem) -> None:
    """The batch has ended, and gets one more task."""
    system.scheduler.after(LATER_S, lambda: system.users.upload_spec(SPEC, JOB_KEY))


# --- the scenarios -------------------------------------------------------------------------------

BIG_FILE: Final = 0.3635
_MANY: Final = 0.3565
"""Fractions with which a result is too large, or results are too many, to be delivered in place."""

BASIC: Final[Mapping[str, Scenario]] = {
    "key, synchronous": Scenario(SYNC_KEY, "delta"),
    "key, a job": Scenario(JOB_KEY, "beta"),
    "key, a job, polled in place": Scenario(JOB_ALONE, "zeta"),
    "look-up, a job": Scenario(JOB_LOOKED_UP, "epsilon"),
    "none, synchronous": Scenario(SYNC_NONE, "alpha"),
    "none, a job": Scenario(JOB_NONE, "gamma"),
    "key, a job, the workflow waits": Scenario(JOB_KEY, "beta", lingers=False),
    "none, a job, a large result": Scenario(JOB_NONE, "gamma", fraction=BIG_FILE),
    "none, synchronous, many results": Scenario(SYNC_NONE, "alpha", fraction=_MANY),
}
"""One task from its upload to its end, by how its provider identifies a paid call, by who waits for
its job, and by who delivers: small results are delivered by the function that hears of them."""

_ANY: Final = frozenset({"succeeded", "unknown", "failed", "cancelled"})
_FAILED: Final = frozenset({"failed"})
_DOUBT: Final = {"providers.pay": ("accepted-but-unanswered",)}
_THROTTLED: Final = {"providers.pay": ("throttled",)}
_REFUSED: Final = {"providers.pay": ("refused",)}
_HALF_A_MINUTE: Final = 0.122
"""A fraction with which a slow call takes half a minute."""
_CREATED_SLOWLY: Final = {"tasks.create": ("slow-call",)}
_REFUSED_FOR_LONG: Final = {**_DOUBT, "providers.repeat": ("refused",) * 13}
_DENIED: Final = {"providers.poll": ("job-not-found-yet",) * UNKNOWN_JOB_LIMIT}
_STUCK: Final = {"outputs.put_over": ("bucket-error",) * 4}
_DATA: Final = 0.3752
"""A fraction with which a synchronous result is data."""
_CANCELLED: Final = frozenset({"succeeded", "unknown", "cancelled"})
_REPLACED: Final = frozenset({"succeeded", "cancelled"})
_ABORTED: Final = frozenset({"succeeded", "unknown", "failed"})
"""Failed where the run is aborted before anything was paid."""

_LARGE: Final = 0.37501
"""A fraction with which a synchronous result is large data."""

OTHER_UPLOADS: Final[Mapping[str, Scenario]] = {
    "not a spec": Scenario("", None, _not_a_spec, allowed_ends=_FAILED),
    "empty photo": Scenario(JOB_KEY, None, _empty_photo, allowed_ends=_FAILED),
    "photo in other case": Scenario(JOB_KEY, "beta", _photo_in_other_case),
    "right photo after one in other case": Scenario(JOB_KEY, "beta", _right_photo_follows),
    "right photo just before the look": Scenario(JOB_KEY, "beta", _right_photo_before_the_look),
    "two photos in other case": Scenario(
        SYNC_NONE, None, _two_photos_in_other_case, allowed_ends=_FAILED
    ),
    "no photo": Scenario(SYNC_NONE, None, _no_photo, allowed_ends=_FAILED),
    "deleted spec": Scenario(SYNC_NONE, None, _deleted_spec, allowed_ends=frozenset({"cancelled"})),
    "two versions, key": Scenario(
        JOB_KEY,
        None,
        _two_versions,
        first_faults=_THROTTLED,
        allowed_ends=_REPLACED,
        max_charges=2,
    ),
    "two versions out of order, key": Scenario(
        JOB_KEY, None, _two_versions_out_of_order, allowed_ends=_REPLACED
    ),
    "a folder ends, key": Scenario(SYNC_KEY, None, _batch),
    "a folder ends twice, key": Scenario(
        SYNC_KEY, None, _batch, events=_spec_changed_later, max_charges=2
    ),
    "a batch of orders ends, key": Scenario(SYNC_KEY, None, _batch_of_orders),
    "large answer, none": Scenario(SYNC_NONE, "alpha", fraction=_LARGE),
    "fallback, none": Scenario(SYNC_NONE, None, first_faults=_REFUSED),
    "photo arrives while its task is created, none": Scenario(
        SYNC_NONE,
        "alpha",
        _photo_during_creation,
        first_faults=_CREATED_SLOWLY,
        fraction=_HALF_A_MINUTE,
    ),
}
"""Other uploads than a photo and a spec for one provider, and other answers."""

WITH_USER_EVENTS: Final[Mapping[str, Scenario]] = {
    "cancelled, key, a job": Scenario(JOB_KEY, "beta", events=_cancelled, allowed_ends=_CANCELLED),
    "cancelled, none, a job": Scenario(
        JOB_NONE, "gamma", events=_cancelled, allowed_ends=_CANCELLED
    ),
    "cancelled early, none": Scenario(
        SYNC_NONE, "alpha", events=_cancelled_while_queued, allowed_ends=_CANCELLED
    ),
    "cancelled in doubt, key": Scenario(
        JOB_KEY, "beta", events=_cancelled, first_faults=_DOUBT, allowed_ends=_CANCELLED
    ),
    "cancelled in doubt, key, sync": Scenario(
        SYNC_KEY, "delta", events=_cancelled, first_faults=_DOUBT, allowed_ends=_CANCELLED
    ),
    "cancelled in doubt, look-up": Scenario(
        JOB_LOOKED_UP, "epsilon", events=_cancelled, first_faults=_DOUBT, allowed_ends=_CANCELLED
    ),
    "cancelled in doubt, none": Scenario(
        JOB_NONE, "gamma", events=_cancelled, first_faults=_DOUBT, allowed_ends=_CANCELLED
    ),
    "cancelled, refused, none": Scenario(
        JOB_NONE, "gamma", events=_cancelled_at_its_call, first_faults=_REFUSED, allowed_ends=_ANY
    ),
    "aborted in doubt, key": Scenario(
        JOB_KEY, "beta", events=_aborted, first_faults=_DOUBT, allowed_ends=_ABORTED
    ),
    "aborted in doubt, look-up": Scenario(
        JOB_LOOKED_UP, "epsilon", events=_aborted, first_faults=_DOUBT, allowed_ends=_ABORTED
    ),
    "aborted in doubt, none": Scenario(
        JOB_NONE, "gamma", events=_aborted, first_faults=_DOUBT, allowed_ends=_ABORTED
    ),
    "refused for an hour, key": Scenario(JOB_KEY, "beta", first_faults=_REFUSED_FOR_LONG),
    "cancelled in doubt, last run": Scenario(
        JOB_NONE,
        "gamma",
        events=_cancelled_and_aborted,
        first_faults=_DOUBT,
        allowed_ends=_CANCELLED | _ABORTED,
        max_runs=1,
    ),
    "cut short at its end, retried": Scenario(
        SYNC_NONE,
        "alpha",
        events=_aborted_and_retried,
        first_faults=_STUCK,
        allowed_ends=_ABORTED,
        max_runs=1,
        fraction=_DATA,
    ),
    "denied, none, retried": Scenario(
        JOB_NONE, "gamma", events=_retried, first_faults=_DENIED, allowed_ends=_ABORTED
    ),
    "unclear, none, retried": Scenario(JOB_NONE, "gamma", events=_retried, first_faults=_DOUBT),
    "unclear, none, paid again": Scenario(
        JOB_NONE, "gamma", events=_paid_again, first_faults=_DOUBT, max_charges=2
    ),
    "aborted, key, retried": Scenario(
        JOB_KEY, "beta", events=_aborted_and_retried, allowed_ends=_ANY, lingers=False
    ),
    "aborted, look-up, retried": Scenario(
        JOB_LOOKED_UP, "epsilon", events=_aborted_and_retried, allowed_ends=_ANY, lingers=False
    ),
    "aborted, none, retried": Scenario(
        JOB_NONE, "gamma", events=_aborted_and_retried, allowed_ends=_ANY
    ),
    "aborted while SUBMIT lingers, key": Scenario(
        JOB_KEY, "beta", events=_aborted, allowed_ends=_ABORTED
    ),
    "run lost, key, a job": Scenario(JOB_KEY, "beta", events=_lost, lingers=False),
    "run lost, look-up, a job": Scenario(JOB_LOOKED_UP, "epsilon", events=_lost, lingers=False),
    "run lost while SUBMIT lingers, none": Scenario(JOB_NONE, "gamma", events=_lost),
    "run lost at the call, none": Scenario(
        SYNC_NONE, "alpha", events=_lost_with_its_call, fraction=BIG_FILE
    ),
    "cancelled while the workflow waits, key": Scenario(
        JOB_KEY, "beta", events=_cancelled, allowed_ends=_CANCELLED, lingers=False
    ),
    "overwritten, none, a job": Scenario(
        JOB_NONE, "gamma", events=_spec_overwritten, allowed_ends=_CANCELLED, max_charges=2
    ),
}
"""Users and lost runs."""

_LATE: Final = frozenset({"result-late"})
_NOT_SENT_LATE: Final = {"providers.pay": ("not-sent-late",)}
_REFUSED_LATE: Final = {"providers.pay": ("refused-late",)}
_THROTTLED_LATE: Final = {"providers.pay": ("throttled-late",)}

WITH_OUTAGES: Final[Mapping[str, Scenario]] = {
    "table down for seconds, none, sync": Scenario(
        SYNC_NONE, "alpha", events=_outage("table-down-after-pay", 20)
    ),
    "table down for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", events=_outage("table-down-long-after-pay", 300)
    ),
    "bucket down for minutes, none, large": Scenario(
        SYNC_NONE, "alpha", events=_outage("bucket-down-long-after-pay", 300), fraction=_LARGE
    ),
    "outputs down for a while, none, a job": Scenario(
        JOB_NONE, "gamma", events=_outage("outputs-down", 900)
    ),
    "outputs down for hours, none, sync": Scenario(
        SYNC_NONE, "alpha", events=_outage("outputs-down", 5000)
    ),
    "late result, none, sync": Scenario(SYNC_NONE, "alpha", always=_LATE),
    "late result, none, a job": Scenario(JOB_NONE, "gamma", always=_LATE),
    "refused late, none, a job": Scenario(
        JOB_NONE, "gamma", first_faults=_REFUSED_LATE, allowed_ends=_ANY
    ),
    "not sent late, look-up, a job": Scenario(
        JOB_LOOKED_UP, "epsilon", first_faults=_NOT_SENT_LATE
    ),
    "throttled late, key, a job": Scenario(JOB_KEY, "beta", first_faults=_THROTTLED_LATE),
    "no credits for minutes, key, a job": Scenario(
        JOB_KEY, "beta", events=_account_problem("beta", "no-credits", 200)
    ),
    "credentials refused for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", events=_account_problem("gamma", "key-refused", 200, MIDDLE_S)
    ),
    "another account for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", events=_account_problem("gamma", "other-account", 200, MIDDLE_S)
    ),
    "an older job is named, none": Scenario(
        JOB_NONE,
        "gamma",
        events=_second_task(JOB_NONE, "gamma"),
        max_charges=2,
        always=frozenset({"older-job-named"}),
    ),
}
"""Outages of our own stores and problems with the providers' accounts."""

WITH_DEFAULTS: Final[Mapping[str, Scenario]] = {
    "default, key, a job": Scenario(JOB_KEY, None, _under_default(JOB_KEY)),
    "default, none, at once": Scenario(SYNC_NONE, None, _under_default(SYNC_NONE, settle_s=0)),
    "default, key, named elsewhere": Scenario(
        SYNC_KEY, None, _under_default(SYNC_KEY, output=DONE), fraction=_MANY
    ),
    "default, key, two labels": Scenario(JOB_KEY, None, _under_list, max_charges=2),
    "default, key, corrected": Scenario(JOB_KEY, None, _corrected),
    "default, key, corrected to labels": Scenario(
        JOB_KEY, None, _corrected_to_list, allowed_ends=_REPLACED, max_charges=2
    ),
    "default broken and deleted": Scenario(
        JOB_KEY, None, _broken_and_deleted, allowed_ends=frozenset({"cancelled"})
    ),
    "default, key, changed at once": Scenario(JOB_KEY, None, _changed_at_once),
    "default, key, own spec in time": Scenario(JOB_KEY, None, _own_spec(PHOTO_AT_S + 4)),
    "default, key, own spec at the last moment": Scenario(
        JOB_KEY, None, _own_spec(LAST_MOMENT_S), allowed_ends=_REPLACED, max_charges=2
    ),
    "default, key, own spec while its task is created": Scenario(
        JOB_KEY,
        None,
        _own_spec(LAST_MOMENT_S),
        first_faults={"tasks.get": ("slow-call",)},
        fraction=_HALF_A_MINUTE,
        # A second delivery of the photo's event is not slow: it makes a task, which is replaced.
        allowed_ends=_REPLACED,
    ),
    "default, key, own spec in other case": Scenario(
        JOB_KEY, None, _own_spec_in_other_case, allowed_ends=_REPLACED, max_charges=2
    ),
    "default, key, a budget for one call a day": Scenario(
        JOB_KEY, None, _two_photos_and_a_budget, max_charges=2
    ),
    "default, key, the same photo again": Scenario(JOB_KEY, None, _same_photo_again, max_charges=2),
    "default, key, own spec late": Scenario(
        JOB_KEY, None, _own_spec(300), allowed_ends=_REPLACED, max_charges=2
    ),
    "default, key, photo replaced": Scenario(
        JOB_KEY, None, _photo_replaced, allowed_ends=_REPLACED, max_charges=2
    ),
    "default, key, photo replaced at once": Scenario(
        JOB_KEY,
        None,
        _photo_replaced_at_once,
        first_faults=_THROTTLED,
        allowed_ends=_REPLACED,
        max_charges=2,
    ),
    "default, key, photo deleted": Scenario(JOB_KEY, None, _photo_deleted, allowed_ends=_REPLACED),
    "default, key, two photos with one name": Scenario(
        JOB_KEY, None, _two_photos_one_name, allowed_ends=frozenset({"succeeded", "failed"})
    ),
    "elsewhere, none, two versions": Scenario(
        JOB_NONE, None, _elsewhere_twice, allowed_ends=_CANCELLED, max_charges=2
    ),
}
"""Photos under a folder default, and results elsewhere than beside their manifest."""

SCENARIOS: Final[Mapping[str, Scenario]] = {
    **BASIC,
    **OTHER_UPLOADS,
    **WITH_USER_EVENTS,
    **WITH_OUTAGES,
    **WITH_DEFAULTS,
}
SPECIAL: Final = (*WITH_USER_EVENTS, *WITH_OUTAGES, *WITH_DEFAULTS)
