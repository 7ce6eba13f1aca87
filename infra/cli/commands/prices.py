"""`darkroom prices`: what each call costs, how sure that is, and where the figure is from."""

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from infra.cli.errors import as_click_errors
from infra.cli.offline_specs import find_labels, find_offered
from infra.cli.price_rows import KnownPrices, PriceRow, build_rows, declared_prices
from infra.cli.printing import note, print_table, say, say_json
from infra.cli.target import env_option, find_target

if TYPE_CHECKING:
    from darkroom.domain.prices import Price, ProviderCharges
    from darkroom.domain.routes import Route
    from infra.aws.environments import Environment

HEADINGS: Final = ("operation", "provider", "model", "parameters", "credits", "USD", "basis")
OWN_NAMES: Final = "task"
"""The operation that has a provider's models under its own names; there are many."""


@click.command(name="prices")
@click.argument("operation", required=False)
@click.option("--provider", help="Only this provider's.")
@click.option("--json", "as_json", is_flag=True, help="Print the prices as JSON.")
@env_option
def command(
    operation: str | None, provider: str | None, environment: str, *, as_json: bool
) -> None:
    """Show what one call costs, for every route or those of an OPERATION.

    The basis is "setting" (of the environment), "charged" (what the provider has charged lately),
    "documented" or "unknown", with its date and source.
    """
    from infra.aws.environments import find_environment  # noqa: PLC0415 - only where it is needed

    _check(operation, provider)
    try:
        known_environment = find_environment(environment)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    known, why_not = _read_prices(known_environment)
    routes = [
        route
        for route in known.routes
        if operation in (None, route.operation) and provider in (None, route.provider)
    ]
    rows = build_rows(known, routes, datetime.now(UTC))
    if as_json:
        say_json(
            {
                "environment": environment,
                "learned": why_not is None,
                "prices": [row.as_dict() for row in rows],
            }
        )
    else:
        _show(rows, every_task=operation == OWN_NAMES)
    if why_not is not None:
        note(f"Without what was charged lately, which only an environment knows: {why_not}")


def _check(operation: str | None, provider: str | None) -> None:
    operations = {route.operation for route in find_offered()}
    if operation is not None and operation not in operations:
        known = ", ".join(sorted(operations))
        raise click.UsageError(f"unknown operation '{operation}'; use one of: {known}")
    if provider is not None and provider not in find_labels():
        known = ", ".join(find_labels())
        raise click.UsageError(f"unknown provider '{provider}'; use one of: {known}")


def _read_prices(environment: "Environment") -> tuple[KnownPrices, str | None]:
    """The prices, and why what was charged is not among them; None if it is."""
    declared = declared_prices(environment)
    try:
        with as_click_errors():
            store = find_target(environment.name).charges
            charges: dict[str, ProviderCharges] = {
                provider: store.known(provider) for provider in declared.tariffs
            }
    except click.ClickException as error:
        return declared, error.message
    return KnownPrices(declared.routes, declared.tariffs, charges), None


def _show(rows: list[PriceRow], *, every_task: bool) -> None:
    left_out: Counter[str] = Counter()
    shown = []
    for row in rows:
        unknown_task = row.route.operation == OWN_NAMES and row.price.basis == "unknown"
        if unknown_task and not every_task:
            left_out[row.route.provider] += 1
        else:
            shown.append(_cells(row))
    print_table(HEADINGS, shown)
    for provider, count in left_out.items():
        say(
            f"{count} more models and task types of {provider} have no known price: "
            f"`darkroom prices {OWN_NAMES}` lists them"
        )


def _cells(row: PriceRow) -> tuple[str, ...]:
    model = _model_of(row.route)
    return (
        row.route.operation,
        row.route.provider,
        model,
        row.condition,
        _figure(row.price.credits),
        "unknown" if row.price.usd is None else f"${_figure(row.price.usd)}",
        _describe_basis(row.price),
    )


def _model_of(route: "Route") -> str:
    model, _, kind = route.model.partition(TASK_TYPE_SEPARATOR)
    return f"{model}  task_type {kind}" if kind else model


def _figure(amount: Any) -> str:  # noqa: ANN401 - a number or None
    return "unknown" if amount is None else f"{amount:,.6g}"


def _describe_basis(price: "Price") -> str:
    return " ".join(filter(None, (price.basis, price.as_of, f"({price.source})")))
