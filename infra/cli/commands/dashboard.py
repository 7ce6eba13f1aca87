"""`darkroom dashboard`: the environment's dashboard as a picture."""

from pathlib import Path

import click

from infra.cli.printing import say
from infra.cli.target import env_option, find_target


@click.command(name="dashboard")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("dashboard.png"),
    show_default=True,
    help="The picture to write.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0.1, 24 * 15),
    help="How far it looks back; by default twelve, and locally to the start.",
)
@env_option
def command(out: Path, hours: float | None, environment: str) -> None:
    """Draw the environment's dashboard: is it working, what does it cost, who is ill, what waits.

    For a deployed environment CloudWatch shows the same, live, in its console.
    """
    import time  # noqa: PLC0415 - with what follows

    from infra.aws.environments import find_environment  # noqa: PLC0415 - brings pydantic along
    from infra.cli.clients import build_client_maker  # noqa: PLC0415 - only here
    from infra.cli.dashboard.picture import draw  # noqa: PLC0415 - brings Pillow along
    from infra.cli.target import open_session  # noqa: PLC0415 - the same

    target = find_target(environment)
    client = build_client_maker(open_session(target.endpoint_url), target.endpoint_url)
    name = find_environment(environment).stack_name
    draw(name, client("cloudwatch"), target.logs, time.time(), hours).save(out)
    say(str(out))
