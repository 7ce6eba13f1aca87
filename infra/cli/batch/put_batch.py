"""Uploads a plan with a bar, follows its tasks, and saves their results as they end."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from infra.cli.batch.budget_lines import BudgetLines
from infra.cli.batch.newer import find_newer
from infra.cli.batch.results import ResultFiles
from infra.cli.batch.screen import BatchScreen, Reading
from infra.cli.batch.uploaded_tasks import UploadedTasks
from infra.cli.batch.watch import watch
from infra.cli.files.fetch import Fetched, Fetcher
from infra.cli.files.upload_all import PlanUpload, Uploaded
from infra.cli.printing import note, open_console

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.domain.task_summary import TaskSummary
    from infra.cli.files.upload import UploadedSpec
    from infra.cli.files.upload_all import Present
    from infra.cli.files.upload_plan import UploadPlan
    from infra.cli.target import Target

MAX_NAMED: Final = 20
"""Without a terminal each upload is a line, up to this number."""


def upload_with_bar(
    target: "Target", plan: "UploadPlan", present: "Present", *, again: bool
) -> Uploaded:
    """Upload the plan; on a terminal with a bar. Says what was in the bucket already."""
    console = open_console(err=True)
    with ExitStack() as stack:
        if console.is_terminal:
            bar = stack.enter_context(
                Progress(
                    TextColumn("uploading"),
                    BarColumn(),
                    DownloadColumn(),
                    TransferSpeedColumn(),
                    console=console,
                    transient=True,
                )
            )
            size = sum(path.stat().st_size for path in plan.files.values())
            line = bar.add_task("", total=size)
            upload = PlanUpload(target, plan, again=again, sent=lambda n: bar.advance(line, n))
        elif len(plan.files) <= MAX_NAMED:
            upload = PlanUpload(
                target,
                plan,
                again=again,
                began=lambda key, path: note(f"uploading {path} as {key}"),
            )
        else:
            note(f"uploading {len(plan.files):,} files")
            upload = PlanUpload(target, plan, again=again)
        uploaded = upload.run(present)
    for key in uploaded.defaults:
        note(f"{key} is new or changed: it acts on what is uploaded from now on")
    if len(uploaded.known) < len(uploaded.specs) and plan.photos and plan.settle_s:
        note(f"photos wait {plan.settle_s} s for specs of their own (settle_s), then they begin")
    if uploaded.known:
        note(
            f"{len(uploaded.known):,} of {len(uploaded.specs):,} are there already, with their "
            "tasks; --again uploads and pays for them anew"
        )
    return uploaded


@dataclass(frozen=True)
class Followed:
    """What became of an upload.

    Attributes:
        specs: what was followed in the end: the newest versions of replaced photos.
        tasks: task id -> the task, of those that exist.
        unsaved: how many files could not be saved.
        gone: photos that will have no task.
    """

    specs: "Sequence[UploadedSpec]"
    tasks: "Mapping[str, Task]"
    unsaved: int
    gone: "Sequence[UploadedSpec]"


def follow_and_save(
    target: "Target",
    specs: "Sequence[UploadedSpec]",
    name: str,
    settle_s: float,
    out: Path | None,
    timeout: float | None,
) -> Followed:
    """Follow the tasks until they have ended, or the timeout passes.

    Args:
        target: the environment.
        specs: what was uploaded.
        name: what users call the batch.
        settle_s: how long photos wait for specs of their own, at most.
        out: save each task's results below this folder when it ends; None saves nothing.
        timeout: seconds; None waits as long as it takes.
    """
    source = UploadedTasks(
        target.tasks, specs, settle_s, lambda spec: find_newer(target.ports, spec)
    )
    failed = 0

    def report(fetched: Fetched) -> None:
        nonlocal failed
        failed += fetched.outcome == "failed"
        if fetched.outcome == "saved" and not console.is_terminal:
            note(f"saved {fetched.wanted.path}")
        if fetched.error:
            note(fetched.error)

    console = open_console(err=True)
    with ExitStack() as stack:
        fetcher = stack.enter_context(Fetcher(target, report)) if out is not None else None
        files = ResultFiles(out) if out is not None else None

        def save(ended: "Sequence[TaskSummary]") -> None:
            if fetcher is not None and files is not None:
                fetcher.fetch(files.of(target.tasks.get_many(each.task_id for each in ended)))

        screen = stack.enter_context(BatchScreen(console, name, target.environment))
        budgets = BudgetLines(lambda: target.ports)

        def read() -> Reading:
            reading = source.read()
            lines = budgets.of(reading.summaries, fresh=reading.ended)
            return replace(reading, environment=target.environment, budgets=lines)

        reading = watch(read, screen.show, save, timeout)
    if reading.totals.cost.credits:
        note(f"cost: {reading.totals.cost.text}")
    for line in reading.budgets:
        note(line)
    tasks = target.tasks.get_many(spec.task_id for spec in source.specs)
    by_id = {task.task_id: task for task in tasks}
    return Followed(source.specs, by_id, failed, source.gone)
