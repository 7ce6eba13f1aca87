"""`darkroom get`: save the results that are done, and only what is not on this disk yet."""

from collections import Counter
from pathlib import Path

import click

from infra.cli.printing import note, say, say_json
from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.filters import Filters, filter_options


@click.command(name="get")
@click.argument("what", metavar="FOLDER | KEY | TASK_ID", shell_complete=complete_keys)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Save below this folder.",
)
@click.option(
    "--name",
    "template",
    metavar="TEMPLATE",
    help="Names instead of those in the bucket, as in {stem} or {folder}/{stem}-{label}; also "
    "{ext}, {n}, {metadata.FIELD}. The extension is added; manifests are left out.",
)
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Print the files as JSON.")
@env_option
def command(
    what: str,
    environment: str,
    *,
    out: Path,
    template: str | None,
    filters: Filters,
    as_json: bool,
) -> None:
    """Save the results and manifests of the tasks that have ended.

    Files that are there already are not fetched again: their size and their SHA-256 are those that
    the task has noted. Run it again whenever you like, also after Ctrl-C.
    """
    from infra.cli.batch.find import find_summaries  # noqa: PLC0415 - brings pydantic along
    from infra.cli.batch.results import ResultFiles  # noqa: PLC0415 - the same
    from infra.cli.files.fetch import Fetched, Fetcher  # noqa: PLC0415 - only here
    from infra.cli.files.result_names import check_template  # noqa: PLC0415 - only here

    if template:
        check_template(template)
    target = find_target(environment)
    found = find_summaries(target.tasks, what)
    if not found:
        raise click.ClickException(f"no task found for '{what}'")
    meant = list(filters.select(found))
    ended = target.tasks.get_many(each.task_id for each in meant if each.finished)
    wanted = list(ResultFiles(out, template).of(ended))
    counts: Counter[str] = Counter()
    rows: list[dict[str, str]] = []

    def report(fetched: Fetched) -> None:
        counts[fetched.outcome] += 1
        if as_json:
            path, outcome = str(fetched.wanted.path), fetched.outcome
            rows.append({"key": fetched.wanted.key, "file": path, "outcome": outcome})
        elif fetched.outcome == "saved":
            say(fetched.wanted.path)
        if fetched.error:
            note(fetched.error)

    with Fetcher(target, report) as fetcher:
        fetcher.fetch(wanted)
    if as_json:
        say_json(rows)
    totals = [f"{counts[word]:,} {word}" for word in ("saved", "there already", "failed")]
    running = sum(not each.finished for each in meant)
    rest = f"; {running:,} tasks have not ended yet" if running else ""
    note(f"{', '.join(totals)}{rest}")
    if counts["failed"]:
        raise click.exceptions.Exit(1)
