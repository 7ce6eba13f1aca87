"""Final invariants: what must hold when a simulation has nothing left to do."""

from collections.abc import Iterator, Mapping
from typing import Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.limits import Limits
from darkroom.domain.object_keys import manifest_key, results_stem
from darkroom.domain.output_names import numbered
from darkroom.domain.task import Task
from darkroom.pipeline.deliver import POLL_AGAIN_LIMIT
from darkroom.pipeline.endings.move_aside import aside_names
from darkroom.pipeline.paid_call.failed_job import UNKNOWN_JOB_LIMIT
from tests.fakes.clock import START
from tests.fakes.routes import ROUTES
from tests.simulation.batch_ends import find_batch_violations
from tests.simulation.budget_invariants import find_budget_violations
from tests.simulation.final_money_invariants import find_money_violations
from tests.simulation.folders import find_folder_violations
from tests.simulation.ledger import Job
from tests.simulation.near_misses import find_near_miss_violations
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.price_invariants import find_price_violations
from tests.simulation.rate_invariants import RULES
from tests.simulation.results import PNG, read_title
from tests.simulation.reuse_invariants import find_copy_violations
from tests.simulation.stores import sha256
from tests.simulation.system import LIMITS, SimulatedSystem
from tests.simulation.wait_invariants import MAX_PAUSE_S, find_account_blame
from tests.simulation.workload import SUCCEEDED

MAX_S: Final = max(route.call_s + route.job_s for route in ROUTES) + Limits().margin_s + SKEW_S
"""No lease is longer."""
MAX_DELAY_S: Final = 10
"""A job takes at most 12 s without faults, and is polled again after a quarter of its age."""


def check(system: SimulatedSystem) -> list[str]:
    """A sentence for each violated invariant, those checked at every step included."""
    return [
        *system.step_monitor.violations,
        *system.injector.unexpected_errors,
        *_requested_tasks(system),
        *find_folder_violations(
            system.users.folders,
            system.tasks.all,
            # A deployment without a route may have refused what is right by now.
            None
            if system.fault_policy.fired["route-gone"]
            else system.step_monitor.default_manifests,
            system.inputs,
        ),
        *_batches(system),
        *(what for task in system.tasks.stored.values() for what in _task(system, task)),
        *find_near_miss_violations(system),
        *find_money_violations(system),
        *find_budget_violations(system),
        *_files(system),
        *_foreign_results(system),
        *find_copy_violations(system),
        *find_price_violations(system),
        *system.holds.find_violations(system.tasks.all, heard=not system.queue.dead),
        *_leftovers(system),
        *_leases(system),
        *_delays(system),
        *system.pictures.find_violations(),
        *system.measured.find_violations(system.tasks.all),
    ]


def _batches(system: SimulatedSystem) -> Iterator[str]:
    """Every batch that has ended was announced as it is; a lost message may have said when."""
    if system.queue.dead or not all(task.finished for task in system.tasks.all):
        return
    yield from find_batch_violations(
        system.batch_monitor,
        system.users.folders,
        system.tasks.all,
        system.inputs,
        system.batches,
        system.providers.ledger,
    )


def _delays(system: SimulatedSystem) -> Iterator[str]:
    """Without faults, what a job made is delivered soon after its end."""
    if not system.fault_free:
        return
    for task in system.tasks.stored.values():
        job = (
            system.providers.ledger.jobs.get(task.last_attempt.job_id or "")
            if task.state == SUCCEEDED and task.attempts
            else None
        )
        if job is None or RULES[job.work.route.provider].rate:  # there, polls wait for their turn
            continue
        late_s = (task.updated_at - START).total_seconds() - job.done_at
        if late_s > MAX_DELAY_S:
            yield f"{task.task_id} was delivered {late_s:.0f} s after the end of {job.job_id}"


def _requested_tasks(system: SimulatedSystem) -> Iterator[str]:
    """Every spec became a task, and there are no other tasks."""
    newest: dict[str, Task] = {}
    for expected in system.users.expected_tasks:
        task = system.tasks.stored.get(expected.trigger.task_id)
        if task is None:
            yield f"{expected.trigger.key} in version {expected.trigger.version} has no task"
            continue
        if expected.trigger.kind == "upload":
            newest[expected.trigger.key] = task
        if system.fault_free and expected.end:
            came = task.ending.failure.code if task.ending else task.state
            if came != expected.end:
                yield f"{task.task_id} ended {came} without faults, not {expected.end}"
    requested = {expected.trigger.task_id for expected in system.users.expected_tasks}
    for key in system.users.without_id:
        mine = [
            task.task_id
            for task in system.tasks.stored.values()
            if (task.trigger.kind, task.trigger.key) == ("message", key)
        ]
        requested |= set(mine)
        if len(mine) != 1:
            yield f"one message without an id asked for {key}: {len(mine)} tasks"
    for task_id, task in system.tasks.stored.items():
        if task_id not in requested and task.trigger.kind != "photo":
            yield f"{task_id} was not requested"
    yield from _newest(system, newest)


def _newest(system: SimulatedSystem, newest: Mapping[str, Task]) -> Iterator[str]:
    """The newest version's task of a spec owns its names and is not cancelled."""
    for key, task in newest.items():
        there = system.inputs.find(key)
        code = task.ending.failure.code if task.ending else ""
        if there is not None and code in ("superseded", "spec-deleted"):
            yield f"{task.task_id} is the newest version of {key} and ended as {code}"
        owned = system.tasks.owners.get(task.output) == task.task_id
        if there is not None and not owned and code != "name-taken":
            yield f"{task.task_id} is the newest version of {key} and lost its name"
        if there is not None and system.tasks.latest(key) != task.task_id:
            yield f"{task.task_id} is the newest version of {key}, and another one is recorded"


def _task(system: SimulatedSystem, task: Task) -> Iterator[str]:
    name = task.task_id
    if not task.finished:
        yield f"{name} is stuck: {task.state}, {task.wait_reason}"
        return
    announced = system.step_monitor.announced[name, task.run]
    if set(announced) != {task.state}:
        yield f"{name} is {task.state} in run {task.run}, and events said {dict(announced)}"
    elif system.step_monitor.last_event[name]["manifest"] != task.manifest_key:
        yield f"the event of {name} has another manifest key"
    yield from _manifest(system, task)
    # A bad end reports what was copied before a later result proved to be unreachable.
    if task.state == SUCCEEDED and not task.results:
        yield f"{name} has succeeded without a result"
    yield from _results(system, task)
    yield from _endings(system, task)
    yield from find_account_blame(task)
    yield from _attempt_outcomes(system, task)


def _manifest(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """The object under its manifest's key describes its end, or belongs to a newer task."""
    manifest = system.step_monitor.manifests_by_key.get(task.manifest_key)
    if manifest is None:
        yield f"{task.task_id} is {task.state} and has no manifest"
        return
    if manifest["task_id"] != task.task_id:
        aside = task.manifest_key != manifest_key(task.output)
        if aside or manifest["task_id"] != system.tasks.owners[task.output]:
            yield f"{task.manifest_key} of {task.task_id} is a manifest of {manifest['task_id']}"
        return
    if (manifest["status"], manifest["run"]) != (task.state, task.run):
        yield (
            f"{task.task_id} is {task.state} in run {task.run}, and its manifest says "
            f"{manifest['status']} in run {manifest['run']}"
        )
        return
    listed = [(a["number"], a["outcome"], a["charged"]) for a in manifest["attempts"]]
    done = [(a.number, a.outcome, a.charged) for a in task.attempts]
    if listed != done:
        yield f"{task.task_id} made the attempts {done}, and its manifest says {listed}"
    if [result["key"] for result in manifest["results"]] != [r.key for r in task.results]:
        yield f"{task.task_id} has other results than its manifest"


def _results(system: SimulatedSystem, task: Task) -> Iterator[str]:
    keys = [result.key for result in task.results]
    if len(set(keys)) != len(keys):
        yield f"{task.task_id} has several results of one name"
    for result in task.results:
        there = (*task.results_name[:1], results_stem(task.manifest_key), *aside_names(task))
        if not result.key.startswith(there):
            yield f"{task.task_id} names {result.key}, and its manifest is {task.manifest_key}"
        body = system.outputs.objects.get(result.key)
        if body is None:
            yield f"{task.task_id} names {result.key}, which does not exist"
            continue
        writer = system.step_monitor.writers[result.key]
        if writer != task.task_id:
            if not _newer(system, task, writer):
                yield f"{result.key} of {task.task_id} was overwritten by {writer}"
        elif (len(body), sha256(body)) != (result.size, result.sha256):
            yield f"{result.key} is not what {task.task_id} says"
        elif result.kind == "image" and not body.startswith(PNG):
            yield f"{result.key} is no image"
        if result.kind == "image" and result.quality is None:
            yield f"{result.key} has no figures, and nothing says why"


def _foreign_results(system: SimulatedSystem) -> Iterator[str]:
    """What a job made is delivered only to the task that the job belongs to, or copied from it."""
    ledger, owners = system.providers.ledger, dict[str, str]()
    for task in system.tasks.stored.values():
        for result in task.results:
            body = system.outputs.objects.get(result.key, b"")
            named = read_title(body) if sha256(body) == result.sha256 else None
            if named is None:
                continue
            job_id = named.rpartition("-")[0]
            source = task.reused_from or task.task_id
            first = owners.setdefault(job_id, source)
            if first != source:
                yield f"{job_id} was delivered to {first} and to {task.task_id}"
            job = ledger.jobs[job_id]
            heard = system.step_monitor.payment_monitor.answered_by.get(
                (job.work.task_id, job.work.attempt)
            )
            # A process that could not write down which job was its own cannot claim it.
            misinformed = (job.work.task_id, job.work.attempt) in ledger.misnamed
            known = heard is not None and not heard.harmed and not misinformed
            if job.work.task_id != source and known and not _claimed_first(system, task, job):
                yield f"{job_id} of {job.work.task_id} was delivered to {task.task_id}"


def _claimed_first(system: SimulatedSystem, task: Task, job: Job) -> bool:
    """Whether the task was given the job's name while its owner was about to claim it.

    Of two tasks that are given the same name at once, the first to claim it gets it: neither can
    know better. The other one's call is unclear then, and it says so.
    """
    ledger, owner = system.providers.ledger, system.tasks.stored[job.work.task_id]
    failures = [a.failure for a in owner.attempts if a.number == job.work.attempt and a.failure]
    own = [
        one for a in task.attempts for one in ledger.by_attempt.get((task.task_id, a.number), ())
    ]
    # An owner that learned the job's name later, by repeating an unclear call, came second.
    answered_at = system.step_monitor.payment_monitor.answered_at
    until = max(job.accepted_at + LIMITS["submit"], answered_at[job.work.task_id, job.work.attempt])
    near = any(job.accepted_at <= one.accepted_at < until for one in own)
    return near and [why.code for why in failures] == ["job-claimed"]


def _newer(system: SimulatedSystem, task: Task, other: str | None) -> bool:
    """Whether another task claimed the task's name after it, and the task has not moved aside."""
    name = numbered(task.results_name, 1) if task.results_name else task.output
    claims = system.tasks.claims.get(name, [])
    later = (
        other in claims
        and task.task_id in claims
        and claims.index(other) > claims.index(task.task_id)
    )
    return later and (bool(task.results_name) or task.manifest_key == manifest_key(task.output))


def _endings(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """The reason of a bad end is true."""
    name = task.task_id
    code = task.ending.failure.code if task.ending else ""
    last = task.attempts[-1] if task.attempts else None
    job = system.providers.ledger.jobs.get(last.job_id or "") if last else None
    if code == "job-lost" and job and not job.neglected and job.denials < UNKNOWN_JOB_LIMIT:
        yield f"{task.task_id} gave up {job.job_id}, which its provider knows"
    mine = system.providers.ledger.by_attempt.get((name, last.number), ()) if last else ()
    late = [one for one in mine[:1] if one.available_at > one.done_at and not one.neglected]
    if code == "result-gone" and any(
        not one.results_gone and one.denials < UNKNOWN_JOB_LIMIT for one in late
    ):
        yield f"{name} gave up a result that was only late"
    if code == "result-gone" and job and job.end_reports < 2 and last and not last.asked_since:
        yield f"{task.task_id} did not poll {job.job_id} again for its result"
    if code == "job-too-slow" and job and job.done_at - job.accepted_at < job.work.route.job_s - 30:
        yield f"{task.task_id} gave up {job.job_id}, which was done in time"
    if code == "wrong-result" and last and task.manifest_key == manifest_key(task.output):
        whole = system.providers.ledger.by_attempt[task.task_id, last.number][0].results - 1
        if len(task.results) != whole:
            yield f"{task.task_id} copied {whole} results and lists {len(task.results)}"
    if code == "inputs-missing" and task.order:
        keys = [key for keys in task.resolved_order.keys.values() for key in keys]
        if all(found is not None and found.size for found in map(system.inputs.find, keys)):
            yield f"{task.task_id} was given up for missing inputs that exist"


def _attempt_outcomes(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """The recorded outcome of each paid call is what could be known of it."""
    payment_monitor = system.step_monitor.payment_monitor
    for attempt in task.attempts:
        key = (task.task_id, attempt.number)
        if attempt.outcome == "given-up" and not attempt.accepted_at:
            yield f"{task.task_id} gave up attempt {attempt.number}, which is unclear"
        if (
            attempt.outcome == "failed"
            and key in payment_monitor.doubtful
            and not attempt.accepted_at
        ):
            yield f"{task.task_id} records attempt {attempt.number} as failed, which is unclear"
        job = next(iter(system.providers.ledger.by_attempt.get(key, ())), None)
        # An attempt with another job's name can fetch nothing by that name.
        ledger = system.providers.ledger
        named = key not in ledger.misnamed and attempt.job_id not in ledger.names_given_away
        done = job is not None and named and not _is_beyond_recovery(attempt, job)
        if attempt.outcome == "failed" and done:
            yield f"{task.task_id} records attempt {attempt.number} as failed, and its job is done"
        if attempt.outcome != "unknown" or key in payment_monitor.doubtful:
            continue
        heard = (
            None
            if key in system.providers.ledger.misnamed
            else payment_monitor.answered_by.get(key)
        )
        excused = heard is None or heard.excused
        if not excused:
            yield f"{task.task_id} lost the answer of attempt {attempt.number}"
        told_no = payment_monitor.refused_by.get(key)
        if told_no is not None and not (told_no.excused or told_no.table_unavailable):
            yield f"{task.task_id} records attempt {attempt.number} as unclear, which was refused"


def _is_beyond_recovery(attempt: Attempt, job: Job) -> bool:
    """Whether a job has no result left to fetch: it failed, or its results are gone."""
    if job.outcome != "done" or job.wrong_kind:
        return True
    max_polls = POLL_AGAIN_LIMIT if job.work.route.asynchronous else 0
    gone = attempt.failure is not None and attempt.failure.code == "result-gone"
    return gone and (job.results_gone > max_polls or job.denials >= UNKNOWN_JOB_LIMIT)


def _files(system: SimulatedSystem) -> Iterator[str]:
    """Each task has one manifest that counts, and each result has the manifest of its task."""
    for key, manifest in system.step_monitor.manifests_by_key.items():
        task = system.tasks.stored.get(manifest["task_id"])
        if task is None or task.manifest_key != key:
            yield f"{key} is a manifest of {manifest['task_id']}, and not the one that counts"
        for result in manifest["results"]:
            writer = system.step_monitor.writers.get(result["key"])
            if task and writer != task.task_id and _newer(system, task, writer):
                continue  # a name elsewhere than beside the manifest may get another owner
            if sha256(system.outputs.objects.get(result["key"], b"")) != result["sha256"]:
                yield f"{result['key']} is not what {key} says"
    for key, writer in system.step_monitor.writers.items():
        if writer not in system.step_monitor.manifest_keys:
            yield f"{key} was written by {writer}, which has no manifest"
    if system.tasks.wanted:
        yield f"{', '.join(system.tasks.wanted)} still has waiting tasks recorded"


def _leftovers(system: SimulatedSystem) -> Iterator[str]:
    """No work is left."""
    for task_id in system.tasks.due_times:
        yield f"{task_id} is still due for a sweep"
    for (task_id, run), execution in system.interpreter.runs.items():
        if execution.status == "TIMED_OUT":
            yield f"run {run} of {task_id} outlived its time limit"
    if not all(system.queue.reasons):
        yield "a message was given up without a reason"
    yield from system.providers.rate_monitor.find_violations()
    yield from _accounts(system)
    yield from system.durations.violations
    yield from system.durations.find_untrue(system.providers.ledger.jobs.values())
    if system.fault_free:
        for job in system.providers.ledger.jobs.values():
            if job.neglected:
                yield f"{job.job_id} of {job.work.task_id} was neglected without faults"


def _accounts(system: SimulatedSystem) -> Iterator[str]:
    """A blocked account is tried seldom, by one task at a time, but regularly."""
    yield from system.providers.accounts.find_violations()
    yield from system.providers.credit_monitor.find_violations()
    for provider, paused_s in system.limiter.max_pause_s.items():
        if paused_s > MAX_PAUSE_S:
            yield f"{provider} was paused for {paused_s:.0f} s because its account was blocked"


def _leases(system: SimulatedSystem) -> Iterator[str]:
    """No job of a finished task counts as open, none for longer than a job, and nobody waits."""
    if system.lines.max_open_s > MAX_S:
        yield f"a job was to count as open for {system.lines.max_open_s:.0f} s"
    for provider, turns in system.lines.given.items():
        for task_id in turns.open_jobs:
            # A process that was delayed may open a job after the end; it expires.
            ended_at = (system.tasks.stored[task_id].updated_at - START).total_seconds()
            if system.fault_free or system.lines.opened_at[task_id] < ended_at - SKEW_S:
                yield f"{task_id} has ended and its job counts as open at {provider}"
    yield from system.lines.violations
    for provider, line in system.tasks.lines.items():
        for task_id in line:
            yield f"{task_id} is still in line at {provider}"
