"""`darkroom providers`: who does what, from the adapters' own declarations."""

import json
from typing import Final

import click

from infra.cli.declared import find_labels, find_routes, operations_by_provider

BEGIN: Final = "<!-- providers:begin -->"
END: Final = "<!-- providers:end -->"
WIDE: Final = 10_000


@click.command(name="providers")
@click.option("--json", "as_json", is_flag=True, help="Print provider -> operations as JSON.")
@click.option("--markdown", is_flag=True, help="Print the README's table.")
def command(*, as_json: bool, markdown: bool) -> None:
    """Show the operations, and which provider does each with which models."""
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    if as_json:
        click.echo(json.dumps(operations_by_provider(), indent=2))
    elif markdown:
        click.echo(build_markdown())
    else:
        _show()


def build_markdown() -> str:
    """The table as the README holds it between its two markers; no newline at the end."""
    labels = find_labels()
    lines = [
        f"| operation | {' | '.join(labels.values())} |",
        "| --- |" + " --- |" * len(labels),
    ]
    for operation, cells in _cells().items():
        models = (", ".join(f"`{model}`" for model in cells.get(name, [])) for name in labels)
        lines.append(f"| `{operation}` | {' | '.join(models)} |")
    return "\n".join(lines)


def _show() -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415 - the same

    labels = find_labels()
    table = Table()
    for heading in ("operation", *labels.values()):
        table.add_column(heading, overflow="fold")
    for operation, cells in _cells().items():
        table.add_row(operation, *("\n".join(cells.get(name, [])) for name in labels))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width; a name that is cut there cannot be copied into a spec.
        console.width = WIDE
    console.print(table)


def _cells() -> dict[str, dict[str, list[str]]]:
    """Operation (sorted) -> provider -> its models, the preferred one first."""
    found: dict[str, dict[str, list[str]]] = {}
    for route in find_routes():
        found.setdefault(route.operation, {}).setdefault(route.provider, []).append(route.model)
    return {operation: found[operation] for operation in sorted(found)}
