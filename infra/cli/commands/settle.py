"""`darkroom settle`: end tasks of which nobody knows whether they were done."""

from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import report, run_on_all
from infra.cli.tasks.filters import Filters, filter_options
from infra.cli.tasks.select import confirm, select_unknown

if TYPE_CHECKING:
    from darkroom.ports import Ports


@click.command(name="settle")
@names_argument(required=True)
@click.option(
    "--written-off",
    is_flag=True,
    required=True,
    help="It may have been done; nobody looks for it any more, and it counts as charged.",
)
@filter_options
@click.option("--yes", is_flag=True, help="Do not ask, however many tasks are meant.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
@env_option
def command(
    what: tuple[str, ...],
    environment: str,
    *,
    written_off: bool,
    filters: Filters,
    yes: bool,
    as_json: bool,
) -> None:
    """End unknown tasks for good, so that they no longer ask for a person.

    Such a task ends as cancelled, with the code written-off; its price counts as charged. A FOLDER
    means all unknown tasks in and below it. More than five are ended only after a question, or
    with --yes. `darkroom reconcile` finds out first what providers know of them.
    """
    if not written_off:
        raise click.UsageError("say how the tasks end: --written-off")
    target = find_target(environment)
    selected = select_unknown(target.tasks, what, filters)
    confirm(selected, "write off", yes=yes)

    def settle(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.write_off import write_off  # noqa: PLC0415 - brings pydantic along

        charge = write_off(ports, task_id).last_attempt
        known = "" if charge.credits is None else f" {charge.credits:,.10g} credits"
        return f"written off, counted as charged{known} at {charge.provider}"

    report(
        run_on_all(target, selected, settle),
        "written off",
        "nothing to write off",
        as_json=as_json,
    )
