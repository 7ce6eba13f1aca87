"""`darkroom validate`: check specs before they are uploaded."""

from pathlib import Path

import click

from infra.cli.offline_specs import check_spec
from infra.cli.printing import say, say_json


@click.command(name="validate")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--source",
    metavar="PHOTO",
    help="Check each spec as if it were beside this photo, whatever its name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(files: tuple[Path, ...], source: str | None, *, as_json: bool) -> None:
    """Check specs offline; exit with 1 if one is wrong.

    A spec called `cat.jpg.json` is for the photo `cat.jpg`. One with another name, such as
    `sunset.json`, has no photo unless it names one or --source does.
    """
    key = f"{Path(source).name}.json" if source else None
    specs = [check_spec(path.read_bytes(), str(path), key) for path in files]
    if as_json:
        say_json([spec.as_dict() for spec in specs])
    else:
        for spec in specs:
            say(spec.message)
    if any(spec.order is None for spec in specs):
        raise click.exceptions.Exit(1)
