"""`darkroom providers`: the providers' operations and models, as the adapters declare them."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from infra.cli.offline_specs import find_labels, find_routes, operations_by_provider
from infra.cli.printing import print_table, say, say_json, say_lines
from infra.cli.route_details import describe_inputs, describe_params, describe_prices
from infra.cli.tasks.cost import find_tariffs

if TYPE_CHECKING:
    from darkroom.domain.routes import Route, Tariff

BEGIN: Final = "<!-- providers:begin -->"
END: Final = "<!-- providers:end -->"


@click.command(name="providers")
@click.argument("operation", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print provider -> operations as JSON.")
@click.option("--markdown", is_flag=True, help="Print the table of events/README.md.")
def command(operation: str | None, *, as_json: bool, markdown: bool) -> None:
    """Show the operations, and each provider's models for them.

    With an OPERATION: its models, with the files, values and prices of each.
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
    """The table of `events/README.md`, without a newline at the end."""
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
    print_table(
        ("operation", *labels.values()),
        (
            (operation, *("\n".join(models.get(name, [])) for name in labels))
            for operation, models in cells.items()
        ),
    )


def _show_operation(operation: str) -> None:
    routes = [route for route in find_routes() if route.operation == operation]
    if not routes:
        known = ", ".join(sorted({route.operation for route in find_routes()}))
        raise click.UsageError(f"unknown operation '{operation}'; use one of: {known}")
    tariffs = find_tariffs()
    print_table(
        ("provider", "model", "inputs", "params", "price"),
        (_describe(route, tariffs[route.provider]) for route in routes),
    )
    for sentence in dict.fromkeys(route.refusal for route in routes if route.refusal):
        say(sentence)


def _describe(route: "Route", tariff: "Tariff") -> tuple[str, str, str, str, str]:
    """The columns of a route; inputs and parameters that are optional are in brackets."""
    model, _, kind = route.model.partition(TASK_TYPE_SEPARATOR)
    named = f"{model}  task_type {kind}" if kind else model
    inputs, params = describe_inputs(route), describe_params(route)
    return route.provider, named, inputs, params, describe_prices(route, tariff)


def _cells(template: str) -> dict[str, dict[str, list[str]]]:
    """Operation (sorted) -> provider -> its models in the template, the preferred one first."""
    cells: dict[str, dict[str, list[str]]] = {}
    typed: Counter[tuple[str, str]] = Counter()
    for route in find_routes():
        models = cells.setdefault(route.operation, {}).setdefault(route.provider, [])
        if TASK_TYPE_SEPARATOR in route.model:
            typed[route.operation, route.provider] += 1
        elif route.refusal is not None:
            models.append("known, not documented")
        else:
            models.append(template.format(route.model))
    for (operation, provider), count in typed.items():
        cells[operation][provider].append(f"{count} models and task types")
    return {operation: cells[operation] for operation in sorted(cells)}
