"""Paths of the checkout, which the command needs: photos, specs, the stack, the functions."""

import sys
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).resolve().parents[2]
EVENTS: Final = ROOT / "events"
PHOTOS: Final = EVENTS / "photos"
SPECS: Final = EVENTS / "specs"
DEFAULTS: Final = EVENTS / "defaults"


def need_checkout() -> None:
    """Raise `click.ClickException` if this copy is installed without the checkout's files."""
    if not EVENTS.is_dir() or not (ROOT / "functions").is_dir():
        raise click.ClickException(
            f"{ROOT} is not a Darkroom checkout: 'events' or 'functions' is missing. Clone the "
            "repository and run `make demo` in it."
        )


def program_name() -> str:
    """The command as users can type it in the checkout."""
    program = Path(sys.argv[0]).absolute()
    if program.name != "darkroom":
        return "darkroom"
    return str(program.relative_to(ROOT)) if program.is_relative_to(ROOT) else str(program)
