"""`darkroom report`: what became of many tasks, as HTML with thumbnails and as CSV."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import click

from infra.cli.printing import note, say
from infra.cli.target import Target, env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.filters import Filters, filter_options

THREADS: Final = 8


@click.command(name="report")
@click.argument("what", metavar="FOLDER | KEY", shell_complete=complete_keys)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html and report.csv into this folder.",
)
@click.option(
    "--thumbnails",
    default=300,
    show_default=True,
    type=click.IntRange(0),
    help="Of how many tasks the pictures are shown; suspicious and failed ones come first.",
)
@filter_options
@env_option
def command(what: str, environment: str, *, out: Path, thumbnails: int, filters: Filters) -> None:
    """Report on all tasks below a folder.

    Cost, time, provider, failures with their reasons, sums by provider and by each field of the
    specs' metadata, what failed but was charged, and small pictures of each source and
    result. The HTML is one file that loads nothing from elsewhere.
    """
    from infra.cli.batch.budget_lines import BudgetLines  # noqa: PLC0415 - brings boto3 along
    from infra.cli.batch.find import find_summaries  # noqa: PLC0415 - brings pydantic along
    from infra.cli.batch.report_csv import build_csv  # noqa: PLC0415 - the same
    from infra.cli.batch.report_data import build_report, build_row  # noqa: PLC0415 - the same
    from infra.cli.batch.report_html import build_html  # noqa: PLC0415 - the same

    target = find_target(environment)
    found = find_summaries(target.tasks, what)
    if not found:
        raise click.ClickException(f"no task found for '{what}'")
    tasks = {
        task.task_id: task
        for task in target.tasks.get_many(each.task_id for each in filters.select(found))
    }
    rows = [build_row(task, environment) for task in tasks.values()]
    report = build_report(what, rows, BudgetLines(lambda: target.ports).of(found))
    with ThreadPoolExecutor(THREADS) as pool:
        shown = [tasks[row.task_id] for row in report.rows[:thumbnails]]
        pictures = dict(
            zip(
                [task.task_id for task in shown], pool.map(_pictures_of(target), shown), strict=True
            )
        )
    out.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "report.html": build_html(report, pictures),
        "report.csv": build_csv(report),
    }.items():
        path = out / name
        path.write_text(text, encoding="utf-8", newline="")
        say(path)
    note(f"{len(report.rows):,} tasks, {report.total.succeeded:,} succeeded")


def _pictures_of(target: Target) -> Any:  # noqa: ANN401 - a function for `map`
    from infra.cli.batch.thumbnails import result_thumbnail, source_thumbnail  # noqa: PLC0415 - brings Pillow along

    return lambda task: (source_thumbnail(target, task), result_thumbnail(target, task))
