r"""Prints everything that the command prints, escaped.

Keys, job ids, file names and providers' sentences come from outside. Whatever a terminal would act
on (escape sequences, line feeds, marks that change the direction of text), whatever is invisible
and whatever is not valid text is printed as an escape such as `\x1b`. Rich, which interprets
markup, gets `Text` values, which have none.
"""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPE_WIDTH: Final = 10_000
UNDECODED_BYTES: Final = range(0xDC80, 0xDD00)
"""The characters that stand for bytes of a file's name that are not UTF-8 (PEP 383)."""


class MultilineError(click.ClickException):
    """An error of several lines; each is escaped alone."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__("\n".join(map(escape, lines)))


def escape(text: object) -> str:
    """The text on one line, everything unprintable escaped.

    Text that is escaped already stays as it is.
    """
    plain = str(text)
    return plain if plain.isprintable() else "".join(map(_escape, plain))


def say(line: object = "", *, err: bool = False) -> None:
    """Print one line."""
    click.echo(escape(line), err=err)


def note(line: object) -> None:
    """Print one line of progress, on stderr."""
    say(line, err=True)


def say_lines(text: str) -> None:
    """Print our own text, which may have several lines."""
    for line in text.removesuffix("\n").split("\n"):
        say(line)


def say_json(document: object, *, indent: int | None = 2) -> None:
    """Print JSON, readable for users too."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # Outside of its strings JSON has printable characters and line feeds only.
    click.echo("".join(c if c == "\n" else _escape_in_json(c) for c in text))


def open_console(*, err: bool = False) -> "Console":
    """A console for rich; print what `cell` makes, never a plain string."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    return Console(stderr=err)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print our own text as a table; names are not cut where there is no terminal."""
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415 - the same

    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # Our own text, with one model on each line.
        table.add_row(*map(Text, row))
    console = open_console()
    if not console.is_terminal:
        # Without a terminal names must not be cut: they are copied into specs.
        console.width = PIPE_WIDTH
    console.print(table)


def cell(text: object, style: str = "") -> "Text":
    """The escaped text for rich, without markup."""
    from rich.text import Text  # noqa: PLC0415 - slow to import

    return Text(escape(text), style=style)


def _escape(char: str) -> str:
    if _is_plain(char):
        return char
    if ord(char) in UNDECODED_BYTES:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def _escape_in_json(char: str) -> str:
    return char if _is_plain(char) else json.dumps(char)[1:-1]


def _is_plain(char: str) -> bool:
    # Python counts the spaces of other scripts as unprintable; they are harmless.
    return char.isprintable() or unicodedata.category(char) == "Zs"
