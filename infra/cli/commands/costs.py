"""`darkroom costs`: what tasks have cost, by provider, operation, day or a metadata field."""

import click

from infra.cli.printing import note, print_table, say_json, say_lines
from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.filters import Filters, filter_options


def _check_by(_context: click.Context, _option: click.Parameter, text: str) -> str:
    metadata, _, name = text.partition(".")
    if text in ("provider", "operation", "day") or (metadata == "metadata" and name):
        return text
    raise click.BadParameter(f"'{text}' is none of provider, operation, day and metadata.FIELD")


@click.command(name="costs")
@click.argument("prefix", metavar="[FOLDER | KEY]", default="/", shell_complete=complete_keys)
@click.option(
    "--by",
    default="provider",
    show_default=True,
    metavar="WHAT",
    callback=_check_by,
    help="provider, operation, day or metadata.FIELD, as in metadata.sku.",
)
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Print the sums as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the sums as CSV.")
@env_option
def command(
    prefix: str, environment: str, *, by: str, filters: Filters, as_json: bool, as_csv: bool
) -> None:
    """Sum up what all tasks have cost, or those below a FOLDER.

    In each provider's credits, and in dollars as far as a price is known (`darkroom prices`). What
    failed but was charged is named, and apart what was perhaps charged: tasks that are `unknown`. A
    day is one in UTC: when a task ended, or else came.
    """
    from infra.cli.batch.find import find_summaries  # noqa: PLC0415 - brings pydantic along
    from infra.cli.money.costs import sum_costs, table_of  # noqa: PLC0415 - the same

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    target = find_target(environment)
    found = find_summaries(target.tasks, prefix)
    if not found:
        raise click.ClickException(f"no task found for '{prefix}'")
    costs = sum_costs(filters.select(found), by, environment)
    if as_json:
        say_json(costs.as_dict())
    elif as_csv:
        say_lines(costs.as_csv().replace("\r\n", "\n"))
    else:
        headings, rows = table_of(costs)
        print_table(headings, rows)
    note(costs.text)
