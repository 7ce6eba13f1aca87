"""What must hold once a world has come to rest."""

from collections.abc import Iterator, Mapping
from typing import Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.limits import Limits
from darkroom.domain.object_keys import manifest_key, results_stem
from darkroom.domain.task import Task
from darkroom.pipeline.deliver import POLL_AGAIN_LIMIT
from darkroom.pipeline.poll import UNKNOWN_JOB_LIMIT
from tests.fakes.clock import START
from tests.fakes.routes import ROUTES
from tests.simulation.final_money_invariants import find_money_violations
from tests.simulation.ledger import Job
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.results import PNG, name_of
from tests.simulation.stores import sha256
from tests.simulation.system import LIMITS, SimulatedSystem
from tests.simulation.wait_invariants import MAX_PAUSE_S, blamed
from tests.simulation.workload import GOOD

MAX_S: Final = max(route.call_s + route.job_s for route in ROUTES) + Limits().margin_s + SKEW_S
"""No job is open for longer."""


def check(system: SimulatedSystem) -> list[str]:
    """One sentence for each promise that is broken, those of every moment included."""
    return [
        *system.step_monitor.broken,
        *system.injector.unexpected,
        *_asked_for(system),
        *(what for task in system.tasks.stored.values() for what in _task(system, task)),
        *find_money_violations(system),
        *_files(system),
        *_strangers(system),
        *_rest(system),
        *_leases(system),
    ]


def _asked_for(system: SimulatedSystem) -> Iterator[str]:
    """Every spec became a task, and nothing else did."""
    newest: dict[str, Task] = {}
    for ask in system.users.asks:
        task = system.tasks.stored.get(ask.trigger.task_id)
        if task is None:
            yield f"{ask.trigger.key} in version {ask.trigger.version} was forgotten"
            continue
        if ask.trigger.kind == "upload":
            newest[ask.trigger.key] = task
        if system.calm and ask.expect:
            came = task.ending.failure.code if task.ending else task.state
            if came != ask.expect:
                yield f"{task.task_id} came to {came} in a calm world, not to {ask.expect}"
    asked = {ask.trigger.task_id for ask in system.users.asks}
    for key in system.users.unnamed:
        mine = [
            task.task_id
            for task in system.tasks.stored.values()
            if (task.trigger.kind, task.trigger.key) == ("message", key)
        ]
        asked |= set(mine)
        if len(mine) != 1:
            yield f"{key} was asked for by one message without an id: {len(mine)} tasks"
    for task_id in system.tasks.stored.keys() - asked:
        yield f"nobody asked for {task_id}"
    yield from _newest(system, newest)


def _newest(system: SimulatedSystem, newest: Mapping[str, Task]) -> Iterator[str]:
    """Of every spec's task whose version is the newest: it has the names, and is not cancelled."""
    for key, task in newest.items():
        there = system.inputs.find(key)
        code = task.ending.failure.code if task.ending else ""
        if there is not None and code in ("superseded", "spec-deleted"):
            yield f"{task.task_id} is the newest version of {key} and was taken to be {code}"
        owned = system.tasks.owners.get(task.output) == task.task_id
        if there is not None and not owned and code != "name-taken":
            yield f"{task.task_id} is the newest version of {key} and lost its name"
        if there is not None and system.tasks.latest(key) != task.task_id:
            yield f"{task.task_id} is the newest version of {key}, and another is taken for it"


def _task(system: SimulatedSystem, task: Task) -> Iterator[str]:
    name = task.task_id
    if not task.finished:
        yield f"{name} is stuck: {task.state}, {task.wait_reason}"
        return
    told = system.step_monitor.told[name, task.run]
    if set(told) != {task.state}:
        yield f"{name} is {task.state} in run {task.run}, and told were {dict(told)}"
    elif system.step_monitor.said[name]["manifest"] != task.manifest_key:
        yield f"{name} was said to have its manifest elsewhere"
    yield from _manifest(system, task)
    # What was copied before a later result proved to be out of reach is told by a bad end.
    if task.state == GOOD and not task.results:
        yield f"{name} has succeeded without a result"
    yield from _results(system, task)
    yield from _truth(system, task)
    yield from blamed(task)
    yield from _outcomes(system, task)


def _manifest(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """What lies under its name says what the task has come to, or belongs to a newer task."""
    manifest = system.step_monitor.documents.get(task.manifest_key)
    if manifest is None:
        yield f"{task.task_id} is {task.state} and has no manifest"
        return
    if manifest["task_id"] != task.task_id:
        aside = task.manifest_key != manifest_key(task.output)
        if aside or manifest["task_id"] != system.tasks.owners[task.output]:
            yield f"{task.manifest_key} of {task.task_id} is one of {manifest['task_id']}"
        return
    if (manifest["status"], manifest["run"]) != (task.state, task.run):
        yield (
            f"{task.task_id} is {task.state} in run {task.run}, and its manifest says "
            f"{manifest['status']} in run {manifest['run']}"
        )
        return
    said = [(a["number"], a["outcome"], a["charged"]) for a in manifest["attempts"]]
    done = [(a.number, a.outcome, a.charged) for a in task.attempts]
    if said != done:
        yield f"{task.task_id} made the attempts {done}, and its manifest says {said}"
    if [result["key"] for result in manifest["results"]] != [r.key for r in task.results]:
        yield f"{task.task_id} has other results than its manifest"


def _results(system: SimulatedSystem, task: Task) -> Iterator[str]:
    keys = [result.key for result in task.results]
    if len(set(keys)) != len(keys):
        yield f"{task.task_id} has several results of one name"
    for result in task.results:
        if not result.key.startswith(results_stem(task.manifest_key)):
            yield f"{task.task_id} names {result.key}, and its manifest is {task.manifest_key}"
        body = system.outputs.objects.get(result.key)
        if body is None:
            yield f"{task.task_id} names {result.key}, which is not there"
            continue
        writer = system.step_monitor.writers[result.key]
        if writer != task.task_id:
            if not _newer(system, task, writer):
                yield f"{result.key} of {task.task_id} was written over by {writer}"
        elif (len(body), sha256(body)) != (result.size, result.sha256):
            yield f"{result.key} is not what {task.task_id} says"
        elif result.kind == "image" and not body.startswith(PNG):
            yield f"{result.key} is no image"


def _strangers(system: SimulatedSystem) -> Iterator[str]:
    """What a job made is delivered to the one task whose job it is."""
    ledger, owners = system.providers.ledger, dict[str, str]()
    for task in system.tasks.stored.values():
        for result in task.results:
            body = system.outputs.objects.get(result.key, b"")
            named = name_of(body) if sha256(body) == result.sha256 else None
            if named is None:
                continue
            job_id = named.rpartition("-")[0]
            first = owners.setdefault(job_id, task.task_id)
            if first != task.task_id:
                yield f"{job_id} was delivered to {first} and to {task.task_id}"
            job = ledger.jobs[job_id]
            heard = system.step_monitor.payment_monitor.answers.get(
                (job.work.task_id, job.work.attempt)
            )
            # Whoever could not write down which job was his, cannot claim it.
            mistaken = (job.work.task_id, job.work.attempt) in ledger.misnamed
            known = heard is not None and not heard.harmed and not mistaken
            if job.work.task_id != task.task_id and known and not _overtaken(system, task, job):
                yield f"{job_id} of {job.work.task_id} was delivered to {task.task_id}"


def _overtaken(system: SimulatedSystem, task: Task, job: Job) -> bool:
    """Whether the task was told the job's name while its owner was about to claim it.

    Of two that are told the same name at once the first to claim it has it: nobody knows better.
    The other one's call is doubtful then, and says so.
    """
    ledger, owner = system.providers.ledger, system.tasks.stored[job.work.task_id]
    said = [a.failure for a in owner.attempts if a.number == job.work.attempt and a.failure]
    own = [one for a in task.attempts for one in ledger.of.get((task.task_id, a.number), ())]
    near = any(0 <= one.accepted_at - job.accepted_at < LIMITS["submit"] for one in own)
    return near and [why.code for why in said] == ["job-claimed"]


def _newer(system: SimulatedSystem, task: Task, other: str | None) -> bool:
    """Whether another task claimed the task's name after it, and the task has not moved aside."""
    claims = system.tasks.claims[task.output]
    later = other in claims and claims.index(other) > claims.index(task.task_id)
    return later and task.manifest_key == manifest_key(task.output)


def _truth(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """What the ending says is so."""
    name = task.task_id
    code = task.ending.failure.code if task.ending else ""
    last = task.attempts[-1] if task.attempts else None
    job = system.providers.ledger.jobs.get(last.job_id or "") if last else None
    if code == "job-lost" and job and not job.neglected and job.denied < UNKNOWN_JOB_LIMIT:
        yield f"{task.task_id} gave up {job.job_id}, which its provider knows"
    mine = system.providers.ledger.of.get((name, last.number), ()) if last else ()
    late = [one for one in mine[:1] if one.there_at > one.done_at and not one.neglected]
    if code == "result-gone" and any(
        not one.gone and one.denied < UNKNOWN_JOB_LIMIT for one in late
    ):
        yield f"{name} gave up a result that was only late"
    if code == "result-gone" and job and job.tellings < 2 and last and not last.asked_since:
        yield f"{task.task_id} did not ask {job.job_id} for its result again"
    if code == "job-too-slow" and job and job.done_at - job.accepted_at < job.work.route.job_s - 30:
        yield f"{task.task_id} gave up {job.job_id}, which was done in time"
    if code == "wrong-result" and last and task.manifest_key == manifest_key(task.output):
        whole = system.providers.ledger.of[task.task_id, last.number][0].results - 1
        if len(task.results) != whole:
            yield f"{task.task_id} copied {whole} results and tells of {len(task.results)}"
    if code == "inputs-missing":
        keys = [key for keys in task.resolved_order.keys.values() for key in keys]
        if all(system.inputs.find(key) for key in keys):
            yield f"{task.task_id} was given up for want of what is there"


def _outcomes(system: SimulatedSystem, task: Task) -> Iterator[str]:
    """What it says of its paid calls is what could be known of them."""
    payment_monitor = system.step_monitor.payment_monitor
    for attempt in task.attempts:
        key = (task.task_id, attempt.number)
        if attempt.outcome == "given-up" and not attempt.accepted_at:
            yield f"{task.task_id} gave attempt {attempt.number} up, which is doubtful"
        if (
            attempt.outcome == "failed"
            and key in payment_monitor.doubts
            and not attempt.accepted_at
        ):
            yield f"{task.task_id} takes attempt {attempt.number} for failed, which is doubtful"
        job = next(iter(system.providers.ledger.of.get(key, ())), None)
        # Of what bears another job's name, nothing is to be had by that name.
        ledger = system.providers.ledger
        named = key not in ledger.misnamed and attempt.job_id not in ledger.lent
        done = job is not None and named and not _useless(attempt, job)
        if attempt.outcome == "failed" and done:
            yield f"{task.task_id} takes attempt {attempt.number} for failed, and its job is done"
        if attempt.outcome != "unknown" or key in payment_monitor.doubts:
            continue
        heard = (
            None if key in system.providers.ledger.misnamed else payment_monitor.answers.get(key)
        )
        excused = heard is None or heard.excused
        if not excused:
            yield f"{task.task_id} threw the answer of attempt {attempt.number} away"
        told_no = payment_monitor.refusals.get(key)
        if told_no is not None and not (told_no.excused or told_no.shut_out):
            yield f"{task.task_id} doubts attempt {attempt.number}, which was clearly refused"


def _useless(attempt: Attempt, job: Job) -> bool:
    """Whether nothing more is to be had of a job: it came to nothing, or nobody can fetch it."""
    if job.fate != "done" or job.spoilt:
        return True
    asked = POLL_AGAIN_LIMIT if job.work.route.asynchronous else 0
    gone = attempt.failure is not None and attempt.failure.code == "result-gone"
    return gone and (job.gone > asked or job.denied >= UNKNOWN_JOB_LIMIT)


def _files(system: SimulatedSystem) -> Iterator[str]:
    """No manifest counts twice, and no result lies about without one of the task that wrote it."""
    for key, manifest in system.step_monitor.documents.items():
        task = system.tasks.stored.get(manifest["task_id"])
        if task is None or task.manifest_key != key:
            yield f"{key} is a manifest of {manifest['task_id']}, and not the one that counts"
        for result in manifest["results"]:
            if sha256(system.outputs.objects.get(result["key"], b"")) != result["sha256"]:
                yield f"{result['key']} is not what {key} says"
    for key, writer in system.step_monitor.writers.items():
        if writer not in system.step_monitor.manifests:
            yield f"{key} was written by {writer}, which has no manifest"
    if system.tasks.wanted:
        yield f"somebody is noted to wait for {', '.join(system.tasks.wanted)}"


def _rest(system: SimulatedSystem) -> Iterator[str]:
    """Nothing is left to be done."""
    for task_id in system.tasks.looks:
        yield f"{task_id} is still to be looked at"
    for (task_id, run), execution in system.interpreter.runs.items():
        if execution.status == "TIMED_OUT":
            yield f"run {run} of {task_id} outlived its time"
    if not all(system.queue.reasons):
        yield "a message was given up, and nobody was told why"
    yield from system.providers.pace.exceeded()
    yield from _accounts(system)
    if system.calm:
        for job in system.providers.ledger.jobs.values():
            if job.neglected:
                yield f"{job.job_id} of {job.work.task_id} was neglected in a calm world"


def _accounts(system: SimulatedSystem) -> Iterator[str]:
    """A blocked account is tried seldom, by one at a time, and not too seldom."""
    yield from system.providers.accounts.crowded()
    for provider, paused_s in system.limiter.paused.items():
        if paused_s > MAX_PAUSE_S:
            yield f"{provider} was paused for {paused_s:.0f} s for its account's sake"


def _leases(system: SimulatedSystem) -> Iterator[str]:
    """Whoever has ended holds no lease, and whoever died with one loses it in time."""
    if system.limiter.longest_s > MAX_S:
        yield f"a lease was taken for {system.limiter.longest_s:.0f} s"
    for provider, leases in system.limiter.leases.items():
        for task_id in leases:
            # A process that was held up may take one after the end; it ends by itself.
            ended_at = (system.tasks.stored[task_id].updated_at - START).total_seconds()
            if system.calm or system.limiter.taken[task_id] < ended_at - SKEW_S:
                yield f"{task_id} has ended and holds a lease of {provider}"
