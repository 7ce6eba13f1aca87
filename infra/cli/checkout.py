"""Where the checkout is, which the command needs: the photos, the stack, the functions."""

import sys
from pathlib import Path
from typing import Final

import click

ROOT: Final = Path(__file__).resolve().parents[2]
EVENTS: Final = ROOT / "events"
PHOTOS: Final = EVENTS / "photos"
SPECS: Final = EVENTS / "specs"


def need_checkout() -> None:
    """Say so clearly when this is an installed copy without the files beside it."""
    if not EVENTS.is_dir() or not (ROOT / "functions").is_dir():
        raise click.ClickException(
            f"This needs a checkout of Darkroom, and {ROOT} is none: 'events' or 'functions' is "
            "missing. Clone the repository and run `make demo` in it."
        )


def called_as() -> str:
    """The command as it can be typed in the checkout, where it was called by its name."""
    called = Path(sys.argv[0]).absolute()
    if called.name != "darkroom":
        return "darkroom"
    return str(called.relative_to(ROOT)) if called.is_relative_to(ROOT) else str(called)
