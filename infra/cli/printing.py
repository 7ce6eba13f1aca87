r"""All that the command prints goes through here, as text and nothing else.

Keys, job ids, file names and providers' sentences are written by strangers. What a terminal would
obey in them (escape sequences, line feeds, marks that turn the direction of writing), what nobody
can see and what is no text at all is shown as a program would write it, `\x1b`; and rich, which
reads markup, gets texts that have none.
"""

import json
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LONE_BYTES: Final = range(0xDC80, 0xDD00)
"""Where Python keeps the bytes of a file's name that are no UTF-8 (PEP 383)."""


class Several(click.ClickException):
    """An error of more than one line; each is shown as a line of its own."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__("\n".join(map(shown, lines)))


def shown(text: object) -> str:
    """The text on one line, with everything that is not for reading escaped.

    What was shown already stays as it is.
    """
    plain = str(text)
    return plain if plain.isprintable() else "".join(map(_shown, plain))


def say(line: object = "", *, err: bool = False) -> None:
    """Print one line."""
    click.echo(shown(line), err=err)


def note(line: object) -> None:
    """Print one line of progress, which is no data: on stderr."""
    say(line, err=True)


def say_lines(text: str) -> None:
    """Print a text of ours, which may have several lines."""
    for line in text.removesuffix("\n").split("\n"):
        say(line)


def say_json(document: object, *, indent: int | None = 2) -> None:
    """Print JSON that people can read, too."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # Outside of its texts JSON has printable characters and line feeds only.
    click.echo("".join(c if c == "\n" else _in_json(c) for c in text))


def open_console(*, err: bool = False) -> "Console":
    """Where rich prints; give it what `cell` makes, never a plain text."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    return Console(stderr=err)


def cell(text: object, style: str = "") -> "Text":
    """The text for rich."""
    from rich.text import Text  # noqa: PLC0415 - slow to import

    return Text(shown(text), style=style)


def _shown(char: str) -> str:
    if _is_plain(char):
        return char
    if ord(char) in LONE_BYTES:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def _in_json(char: str) -> str:
    return char if _is_plain(char) else json.dumps(char)[1:-1]


def _is_plain(char: str) -> bool:
    # Spaces of other scripts count as not printable, and are harmless.
    return char.isprintable() or unicodedata.category(char) == "Zs"
