"""`darkroom batch`: everything below a folder on one screen, until all of it has ended."""

from dataclasses import replace

import click

from infra.cli.printing import note, open_console
from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.filters import Filters, filter_options


@click.command(name="batch")
@click.argument("prefix", metavar="FOLDER | PHOTO", shell_complete=complete_keys)
@filter_options
@click.option("--timeout", type=float, metavar="SECONDS", help="Follow it no longer than this.")
@env_option
def command(prefix: str, environment: str, *, filters: Filters, timeout: float | None) -> None:
    """Follow all tasks below a folder until they have ended.

    Shows how many are done, running, waiting, failed, or held for your decision, the rate and the
    time left, and the failures by reason with the command that goes on with them. Without a
    terminal: a line every ten seconds and one for each failure. Exits with 1 if something failed.
    """
    from infra.cli.batch.budget_lines import BudgetLines  # noqa: PLC0415 - brings boto3 along
    from infra.cli.batch.find import find_summaries  # noqa: PLC0415 - brings pydantic along
    from infra.cli.batch.follow_command import how_to_follow  # noqa: PLC0415 - only here
    from infra.cli.batch.screen import BatchScreen, Reading  # noqa: PLC0415 - brings rich along
    from infra.cli.batch.unread import Unread, UnreadFinder  # noqa: PLC0415 - the same
    from infra.cli.batch.watch import watch  # noqa: PLC0415 - the same
    from infra.cli.tasks.batch_ends import report_batch  # noqa: PLC0415 - the same

    target = find_target(environment)

    finder = UnreadFinder(target, prefix)
    budgets = BudgetLines(lambda: target.ports)

    def read() -> Reading:
        below = find_summaries(target.tasks, prefix)
        # An upload that has no task yet has nothing to filter by.
        unread = Unread() if filters.given else finder.find(below)
        summaries = list(filters.select(below))
        late, settling = len(unread.late), len(unread.settling)
        reading = Reading(summaries, late, settling, environment)
        lines = budgets.of(summaries, fresh=reading.ended)
        return replace(reading, budgets=lines)

    try:
        with BatchScreen(open_console(), prefix, environment) as screen:
            reading = watch(read, screen.show, timeout_s=timeout)
    except KeyboardInterrupt:
        note(how_to_follow(prefix, environment))
        raise click.exceptions.Exit(130) from None
    totals = reading.totals
    if not totals.total:
        raise click.ClickException(f"no task found for '{prefix}'")
    note(f"cost: {totals.cost.text}")
    for line in reading.budgets:
        note(line)
    report_batch(target, prefix, reading.summaries)
    if not reading.ended:
        note(how_to_follow(prefix, environment))
    if totals.phases.get("failed") or totals.phases.get("held") or not reading.ended:
        raise click.exceptions.Exit(1)
