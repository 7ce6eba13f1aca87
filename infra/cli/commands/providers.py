"""`darkroom providers`: who does what, from the adapters' own declarations."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from infra.cli.offline_specs import find_labels, find_routes, operations_by_provider
from infra.cli.printing import open_console, say, say_json, say_lines

if TYPE_CHECKING:
    from darkroom.domain.routes import Route

BEGIN: Final = "<!-- providers:begin -->"
END: Final = "<!-- providers:end -->"
WIDE: Final = 10_000


@click.command(name="providers")
@click.argument("operation", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print provider -> operations as JSON.")
@click.option("--markdown", is_flag=True, help="Print the README's table.")
def command(operation: str | None, *, as_json: bool, markdown: bool) -> None:
    """Show the operations, and which provider does each with which models.

    With an OPERATION, show each way to do it: what it takes.
    """
    if as_json + markdown + bool(operation) > 1:
        raise click.UsageError("--json, --markdown and an operation exclude each other")
    if as_json:
        say_json(operations_by_provider())
    elif markdown:
        say_lines(build_markdown())
    elif operation:
        _show_operation(operation)
    else:
        _show()


def build_markdown() -> str:
    """The table as the README holds it between its two markers; no newline at the end."""
    labels = find_labels()
    lines = [
        f"| operation | {' | '.join(labels.values())} |",
        "| --- |" + " --- |" * len(labels),
    ]
    for operation, cells in _cells("`{}`").items():
        row = (", ".join(cells.get(name, [])) for name in labels)
        lines.append(f"| `{operation}` | {' | '.join(row)} |")
    return "\n".join(lines)


def _show() -> None:
    labels = find_labels()
    cells = _cells("{}")
    _print(
        ("operation", *labels.values()),
        (
            (operation, *("\n".join(mine.get(name, [])) for name in labels))
            for operation, mine in cells.items()
        ),
    )


def _show_operation(operation: str) -> None:
    own = [route for route in find_routes() if route.operation == operation]
    if not own:
        known = ", ".join(sorted({route.operation for route in find_routes()}))
        raise click.UsageError(f"there is no operation '{operation}'; known are: {known}")
    _print(("provider", "model", "inputs", "params"), (_describe(route) for route in own))
    for sentence in dict.fromkeys(route.refusal for route in own if route.refusal):
        say(sentence)


def _describe(route: "Route") -> tuple[str, str, str, str]:
    """What a spec has to say; what it may say besides is in brackets."""
    model, _, kind = route.model.partition(TASK_TYPE_SEPARATOR)
    inputs = (role if rule.required else f"[{role}]" for role, rule in route.roles.items())
    params = (
        field.alias or name if field.is_required() else f"[{field.alias or name}]"
        for name, field in route.params.model_fields.items()
    )
    named = f"{model}  task_type {kind}" if kind else model
    return route.provider, named, " ".join(inputs), " ".join(params)


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415 - the same

    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # Texts of ours: a model each line.
        table.add_row(*map(Text, row))
    console = open_console()
    if not console.is_terminal:
        # A pipe has no width; a name that is cut there cannot be copied into a spec.
        console.width = WIDE
    console.print(table)


def _cells(shape: str) -> dict[str, dict[str, list[str]]]:
    """Operation (sorted) -> provider -> its models, the preferred one first."""
    found: dict[str, dict[str, list[str]]] = {}
    typed: Counter[tuple[str, str]] = Counter()
    for route in find_routes():
        mine = found.setdefault(route.operation, {}).setdefault(route.provider, [])
        if TASK_TYPE_SEPARATOR in route.model:
            typed[route.operation, route.provider] += 1
        elif route.refusal is not None:
            mine.append("known, not documented")
        else:
            mine.append(shape.format(route.model))
    for (operation, provider), count in typed.items():
        found[operation][provider].append(f"{count} models and task types")
    return {operation: found[operation] for operation in sorted(found)}
