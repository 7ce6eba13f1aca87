"""`darkroom reconcile`: our books beside the vendors' own histories."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.cli.offline_specs import find_labels
from infra.cli.printing import note, say, say_json
from infra.cli.target import env_option, find_target
from infra.cli.tasks.arguments import complete_providers
from infra.cli.tasks.filters import parse_since

if TYPE_CHECKING:
    from darkroom.pipeline.money.reconcile import Reconciled
    from darkroom.pipeline.settle_charges import Settled
    from darkroom.ports import Ports


@click.command(name="reconcile")
@click.option(
    "--since",
    default="30d",
    show_default=True,
    callback=parse_since,
    metavar="30d",
    help="How far back: 8h, 30d, or a time such as 2026-05-01T12:00Z.",
)
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_providers,
    help="Only this provider.",
)
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write what stays different as CSV, to send to the provider's support.",
)
@click.option(
    "--apply",
    "applies",
    is_flag=True,
    help="Write back what the histories say of charges that are unknown to us.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@env_option
def command(
    environment: str,
    *,
    since: datetime | None,
    provider: str | None,
    csv_file: Path | None,
    applies: bool,
    as_json: bool,
) -> None:
    """Compare what we count as charged with what the providers' own histories say, job by job.

    Asking is free, and as slow as each provider's rate allows. Nothing is changed without --apply.
    With it, charges that are unknown to us get the provider's amount, failed and refunded jobs are
    no longer counted, and an unknown task whose job was done gets its result. Nothing is paid, and
    a task that is under way is left alone. Exit code 1 if a provider could not be asked.
    """
    from darkroom.pipeline.money.reconcile import NO_HISTORY, reconcile  # noqa: PLC0415 - pydantic
    from infra.cli.money.reconciliation import as_csv, settled_lines, unsettled  # noqa: PLC0415

    labels = find_labels()
    if provider is not None and provider not in labels:
        raise click.UsageError(
            f"unknown provider '{provider}'; use one of: {', '.join(sorted(labels))}"
        )
    chosen = {name: label for name, label in labels.items() if provider in (None, name)}
    ports = find_target(environment).ports
    begin = since or datetime.now(UTC) - timedelta(days=30)
    found = list(reconcile(ports, begin, chosen))
    if not as_json:
        _print(found)
    settled: list[Settled] = []
    for one in _settle(ports, found, applies=applies):
        settled.append(one)
        for line in () if as_json else settled_lines(one):
            say(line)
    if csv_file is not None:
        left = unsettled(found, settled)
        csv_file.write_text(as_csv(left), encoding="utf-8", newline="")
        note(f"{len(left):,} differences in {csv_file}")
    if as_json:
        _print_json(found, settled)
    unasked = ("not-set-up", NO_HISTORY) if provider is None else (NO_HISTORY,)
    if any(each.failure is not None and each.failure.code not in unasked for each in found):
        raise SystemExit(1)


def _print(found: "list[Reconciled]") -> None:
    from infra.cli.money.reconciliation import difference_lines, summary_lines  # noqa: PLC0415

    for one in found:
        for line in summary_lines(one):
            say(line)
        for each in one.comparison.differences if one.comparison else ():
            for line in difference_lines(each):
                say(line)


def _settle(ports: "Ports", found: "list[Reconciled]", *, applies: bool) -> "Iterator[Settled]":
    """Say what can be settled; settle it if that is wanted."""
    from darkroom.pipeline.settle_charges import may_settle, settle_charges  # noqa: PLC0415

    for each in found:
        known = may_settle(each.comparison) if each.comparison else ()
        if each.comparison is None or not known:
            continue
        number = "1 charge" if len(known) == 1 else f"{len(known):,} charges"
        if applies:
            note(f"{each.provider}: settling {number} by its history")
            yield from settle_charges(ports, each.comparison)
        else:
            note(f"{each.provider}: {number} can be settled by its history; do it with --apply")


def _print_json(found: "list[Reconciled]", settled: "list[Settled]") -> None:
    from infra.cli.money.reconciliation import as_dict, settled_as_dict  # noqa: PLC0415

    document: dict[str, Any] = {
        "providers": [as_dict(each) for each in found],
        "settled": [settled_as_dict(each) for each in settled],
    }
    say_json(document)
