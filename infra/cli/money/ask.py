"""Asks before much is paid."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import click

ASK_ABOVE: Final = 50


@dataclass(frozen=True)
class Limits:
    """From when on a person is asked.

    Attributes:
        tasks: above so many new tasks.
        usd: above so many dollars, or if it is not known how many; None for any.
    """

    tasks: int = ASK_ABOVE
    usd: float | None = None

    def reason(self, tasks: int, usd: float | None) -> str:
        """Why a person is asked about so much; "" if nobody is."""
        if not tasks:
            return ""
        if tasks > self.tasks:
            return f"more than {self.tasks:,} tasks"
        if self.usd is None or (usd is not None and usd <= self.usd):
            return ""
        return (
            f"an unknown amount, perhaps more than ${self.usd:,.2f}"
            if usd is None
            else (f"more than ${self.usd:,.2f}")
        )


def ask_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that pays: above which amounts it asks."""
    tasks = click.option(
        "--ask-above",
        default=ASK_ABOVE,
        show_default=True,
        type=click.IntRange(0),
        envvar="DARKROOM_ASK_ABOVE",
        metavar="TASKS",
        help="Ask before more tasks than this are paid; also set by DARKROOM_ASK_ABOVE.",
    )
    usd = click.option(
        "--ask-above-usd",
        type=click.FloatRange(0),
        envvar="DARKROOM_ASK_ABOVE_USD",
        metavar="USD",
        help="Ask before more dollars, or an unknown amount; also set by DARKROOM_ASK_ABOVE_USD.",
    )
    return tasks(usd(command))


def confirm_payment(
    tasks: int, usd: float | None, limits: Limits, *, yes: bool, verb: str = "upload"
) -> bool:
    """Ask if it is much; whether somebody has said yes. `verb` is what is done with the photos.

    Raises:
        click.Abort: the user said no.
        click.UsageError: there is nobody to ask; it says what to do.
    """
    if yes:
        return True
    reason = limits.reason(tasks, usd)
    if not reason:
        return False
    noun = "1 task" if tasks == 1 else f"{tasks:,} tasks"
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"this would pay for {noun}, which is {reason}: look at it with --estimate, and {verb} "
            "with --yes (or raise --ask-above)"
        )
    click.confirm(f"{verb}, and pay for {noun}?", abort=True, err=True)
    return True
