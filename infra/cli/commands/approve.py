"""`darkroom approve`: let tasks go on that are held until a person approves them."""

from typing import TYPE_CHECKING

import click

from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import names_argument
from infra.cli.tasks.batch import report, run_on_all
from infra.cli.tasks.filters import Filters, filter_options
from infra.cli.tasks.select import confirm, select_held

if TYPE_CHECKING:
    from darkroom.ports import Ports


@click.command(name="approve")
@names_argument(required=True)
@filter_options
@click.option("--yes", is_flag=True, help="Do not ask, however many tasks are meant.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
@env_option
def command(
    what: tuple[str, ...], environment: str, *, filters: Filters, yes: bool, as_json: bool
) -> None:
    """Let held tasks go on; until then nothing is paid for them.

    Tasks are held when very many new ones come at once, or when their uploader wants it, as for a
    proof sheet. A FOLDER means all held tasks in and below it. More than five tasks are approved
    only after a question, or with --yes. Tasks that wait for room in a budget go on by themselves.
    """
    target = find_target(environment)
    selected = select_held(target.tasks, what, filters)
    confirm(selected, "approve", yes=yes)

    def approve_one(ports: "Ports", task_id: str) -> str:
        from darkroom.pipeline.money.held import approve  # noqa: PLC0415 - brings pydantic along

        approve(ports, task_id)
        return "goes on"

    outcomes = run_on_all(target, selected, approve_one)
    report(outcomes, "approved", "nothing to approve", as_json=as_json)
