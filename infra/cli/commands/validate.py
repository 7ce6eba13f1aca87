"""`darkroom validate`: say what is wrong with specs before they are uploaded."""

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
    help="Check as if each spec lay beside this photo, whatever it is called.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of what was found as JSON.")
def command(files: tuple[Path, ...], source: str | None, *, as_json: bool) -> None:
    """Check specs offline; exit with 1 when one is bad.

    A spec that lies beside its photo as `cat.jpg.json` is about that photo; one with another
    name, such as `sunset.json`, is about no photo unless it names one, or --source does.
    """
    key = f"{Path(source).name}.json" if source else None
    found = [check_spec(path.read_bytes(), str(path), key) for path in files]
    if as_json:
        say_json([one.as_dict() for one in found])
    else:
        for one in found:
            say(one.told)
    if any(one.order is None for one in found):
        raise click.exceptions.Exit(1)
