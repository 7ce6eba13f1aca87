"""What must hold once a world has come to rest."""

from collections import Counter
from collections.abc import Iterator, Mapping

from darkroom.attempt import Attempt
from darkroom.pipeline.manifest import describe_attempt
from darkroom.task import Task
from tests.simulation.ledger import NEW_PRICE, PRICE, Job
from tests.simulation.people import GOOD
from tests.simulation.providers import PNG
from tests.simulation.witness import Manifest
from tests.simulation.world import World


def check(world: World) -> list[str]:
    """One sentence for each promise that is broken, those of every moment included."""
    return [
        *world.witness.broken,
        *world.outside.unexpected,
        *_asked_for(world),
        *(what for task in world.tasks.stored.values() for what in _task(world, task)),
        *_money(world),
        *_files(world),
        *_runs(world),
    ]


def _asked_for(world: World) -> Iterator[str]:
    """Every spec became a task, and nothing else did."""
    newest: dict[str, Task] = {}
    for ask in world.people.asks:
        task = world.tasks.stored.get(ask.trigger.task_id)
        if task is None:
            yield f"{ask.trigger.key} in version {ask.trigger.version} was forgotten"
            continue
        if ask.trigger.kind == "upload":
            newest[ask.trigger.key] = task
        if world.calm and ask.expect:
            came = task.ending.failure.code if task.ending else task.state
            if came != ask.expect:
                yield f"{task.task_id} came to {came} in a calm world, not to {ask.expect}"
    asked = {ask.trigger.task_id for ask in world.people.asks}
    for task_id in world.tasks.stored.keys() - asked:
        yield f"nobody asked for {task_id}"
    yield from _newest(world, newest)


def _newest(world: World, newest: Mapping[str, Task]) -> Iterator[str]:
    """Of every spec's task whose version is the newest: it has the names, and is not cancelled."""
    for key, task in newest.items():
        there = world.inputs.find(key)
        if there is not None and task.state == "cancelled":
            yield f"{task.task_id} is the newest version of {key} and was cancelled"
        code = task.ending.failure.code if task.ending else ""
        owned = world.tasks.owners.get(task.output) == task.task_id
        if there is not None and not owned and code != "name-taken":
            yield f"{task.task_id} is the newest version of {key} and lost its name"
        if there is not None and world.tasks.latest(key) != task.task_id:
            yield f"{task.task_id} is the newest version of {key}, and another is taken for it"


def _task(world: World, task: Task) -> Iterator[str]:
    name = task.task_id
    if not task.finished:
        yield f"{name} is stuck: {task.state}, {task.wait_reason}"
        return
    manifest = world.witness.manifests.get(name)
    if manifest is None or manifest.key != task.manifest_key:
        yield f"{name} is {task.state} and has no manifest"
        return
    if not _still_its_own(world, task, manifest.key):
        yield f"{manifest.key} of {name} was overwritten by an older task"
    if manifest.status != task.state:
        if not _by_a_ghost(world, manifest):
            yield f"{name} is {task.state}, and its manifest says {manifest.status}"
        return
    said = [(a["number"], a["outcome"], a["charged"]) for a in manifest.document["attempts"]]
    done = [(a.number, a.outcome, a.charged) for a in task.attempts]
    if said != done:
        yield f"{name} made the attempts {done}, and its manifest says {said}"
    if set(world.witness.told[name]) != {task.state}:
        yield f"{name} is {task.state}, and told were {dict(world.witness.told[name])}"
    if [result["key"] for result in manifest.document["results"]] != [
        result.key for result in task.results
    ]:
        yield f"{name} has other results than its manifest"
    # What was copied before a later result proved to be out of reach is told by a failed task.
    if bool(task.results) != (task.state == GOOD) and task.state != "failed":
        yield f"{name} is {task.state} with {len(task.results)} results"
    yield from _results(world, task)
    yield from _truth(world, task)


def _by_a_ghost(world: World, manifest: Manifest) -> bool:
    """Whether the manifest's writer outlived its run, lost the race to the end, and died of it.

    Nobody calls that door again, so the manifest stays. It is counted, and no promise is made.
    """
    run = world.machine.runs.get((manifest.task_id, manifest.document["run"]))
    ghost = bool(manifest.writer and manifest.writer.broken and run and run.status == "ABORTED")
    world.ghosts += ghost
    return ghost


def _results(world: World, task: Task) -> Iterator[str]:
    keys = [result.key for result in task.results]
    if len(set(keys)) != len(keys):
        yield f"{task.task_id} has several results of one name"
    for result in task.results:
        body = world.outputs.objects.get(result.key)
        if body is None:
            yield f"{task.task_id} names {result.key}, which is not there"
        elif not _still_its_own(world, task, result.key):
            yield f"{result.key} of {task.task_id} was overwritten by an older task"
        elif world.witness.writers[result.key][0] != task.task_id:
            continue
        elif len(body) != result.size:
            yield f"{result.key} is not what the manifest of {task.task_id} says"
        elif result.kind == "image" and not body.startswith(PNG):
            yield f"{result.key} is no image"


def _still_its_own(world: World, task: Task, key: str) -> bool:
    """Whether an object was written last by the task, or by the newest that owns the name.

    An older task looks who owns the name before each write; a write that is held up on its way
    lands all the same. Both versions are kept, and no promise is made; it is counted.
    """
    writer, process = world.witness.writers[key]
    if writer in (task.task_id, world.tasks.owners.get(task.output)):
        return True
    held_up = process is not None and process.harmed
    world.ghosts += held_up
    return held_up


def _truth(world: World, task: Task) -> Iterator[str]:
    """What the ending says is so."""
    code = task.ending.failure.code if task.ending else ""
    last = task.attempts[-1] if task.attempts else None
    job = world.providers.ledger.jobs.get(last.job_id or "") if last else None
    if code == "job-lost" and job and not job.neglected:
        yield f"{task.task_id} gave up {job.job_id}, which its provider knows"
    if code == "result-gone" and job and job.tellings < 2:
        yield f"{task.task_id} did not ask {job.job_id} for its result again"
    if code == "job-too-slow" and job and job.done_at - job.accepted_at < job.work.route.job_s - 30:
        yield f"{task.task_id} gave up {job.job_id}, which was done in time"
    for attempt in task.attempts:
        key = (task.task_id, attempt.number)
        if attempt.outcome == "failed" and key in world.witness.doubts and not attempt.accepted_at:
            yield f"{task.task_id} takes attempt {attempt.number} for failed, which is doubtful"
        if attempt.outcome != "unknown" or key in world.witness.doubts:
            continue
        heard = world.witness.answers.get(key)
        if heard is not None and not heard.harmed:
            yield f"{task.task_id} threw the answer of attempt {attempt.number} away"
        told_no = world.witness.refusals.get(key)
        if told_no is not None and not told_no.harmed:
            yield f"{task.task_id} doubts attempt {attempt.number}, which was clearly refused"


def _money(world: World) -> Iterator[str]:
    ledger = world.providers.ledger
    owed: Counter[str] = Counter()
    for (task_id, number), jobs in ledger.of.items():
        if len(jobs) > 1:
            yield f"{task_id} was charged {len(jobs)} times for attempt {number}"
        owed[task_id] += sum(1 for job in jobs if job.owed)
        task = world.tasks.stored[task_id]
        attempt = next((a for a in task.attempts if a.number == number), None)
        if attempt is None:
            yield f"{task_id} was charged for attempt {number}, of which it knows nothing"
            continue
        yield from _attempt(task, attempt, jobs[0])
    for task in world.tasks.stored.values():
        for attempt in task.attempts:
            if attempt.charged == "yes" and not ledger.of.get((task.task_id, attempt.number)):
                yield f"{task.task_id} says that attempt {attempt.number} was charged"
            job = ledger.jobs.get(attempt.job_id or "")
            if job and (job.work.task_id, job.work.attempt) != (task.task_id, attempt.number):
                yield f"{task.task_id} took {job.job_id} for its own"
        doubtful = sum(1 for attempt in task.attempts if attempt.outcome == "unknown")
        again = doubtful if task.order and task.order.on_unknown == "retry" else 0
        if owed[task.task_id] > 1 + again:
            yield f"{task.task_id} cost {owed[task.task_id]} calls"
        if task.state == "cancelled" and owed[task.task_id] > doubtful:
            yield f"{task.task_id} was paid for and cancelled"


def _attempt(task: Task, attempt: Attempt, job: Job) -> Iterator[str]:
    told = describe_attempt(attempt)
    where = f"{task.task_id}, attempt {attempt.number}: {told['charged']}, {told['credits']};"
    if attempt.charged == "no" and job.owed:
        yield f"{where} {job.amount} were taken"
    # A run that broke asks no more, so it cannot hear of a refund.
    broke = task.ending is not None and task.ending.failure.code == "internal"
    if attempt.charged == "yes" and not job.owed and job.reported and not broke:
        yield f"{where} nothing was taken"
    if attempt.charged == "yes" and attempt.credits not in (
        (job.amount,) if job.told and job.reported else (PRICE, NEW_PRICE, job.amount)
    ):
        yield f"{where} {job.amount} were taken and told"


def _files(world: World) -> Iterator[str]:
    """No result lies about without a manifest of the task that wrote it."""
    with_manifest = world.witness.manifests
    for key, (writer, _) in world.witness.writers.items():
        if writer not in with_manifest:
            yield f"{key} was written by {writer}, which has no manifest"
    if world.tasks.wanted:
        yield f"somebody is noted to wait for {', '.join(world.tasks.wanted)}"


def _runs(world: World) -> Iterator[str]:
    for (task_id, run), execution in world.machine.runs.items():
        if execution.status == "TIMED_OUT":
            yield f"run {run} of {task_id} outlived its time"
    if world.calm:
        for job in world.providers.ledger.jobs.values():
            if job.neglected:
                yield f"{job.job_id} of {job.work.task_id} was neglected in a calm world"
        for provider, leases in world.gate.leases.items():
            if leases:
                yield f"{len(leases)} leases of {provider} were not given back in a calm world"
        yield from world.providers.pace.exceeded()
