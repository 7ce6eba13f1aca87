"""Reads a provider's credentials: typed without echo, or from standard input; never an argument."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from darkroom.providers.adapter import Adapter

MAX_LENGTH: Final = 16_384
"""A secret of Secrets Manager has at most 65,536 bytes (its guide, "Quotas")."""
PEM: Final = "-----BEGIN "


class KeyRefusedError(click.ClickException):
    """It cannot be a key; the message contains nothing of it."""


def type_credentials(adapter: "Adapter", ask: Callable[[str], str]) -> dict[str, str]:
    """Ask for each credential of a provider; `ask` gets the prompt.

    Raises:
        KeyRefusedError: one cannot be right.
    """
    return {
        name: check_value(adapter, name, ask(f"{name} of {adapter.label}"))
        for name in adapter.credential_names
    }


def parse_credentials(adapter: "Adapter", text: str) -> dict[str, str]:
    """The credentials in what was piped in: one on each line, or a JSON object of them.

    The last one may have several lines, as a PEM file has.

    Raises:
        KeyRefusedError: they are not complete, or one cannot be right.
    """
    names = adapter.credential_names
    given = _parse_object(names, text) if text.lstrip().startswith("{") else _split(names, text)
    if missing := [name for name in names if name not in given]:
        raise KeyRefusedError(
            f"{' and '.join(missing)} of {adapter.label} is missing: give {' and '.join(names)},"
            " one on each line, or as a JSON object"
        )
    return {name: check_value(adapter, name, given[name]) for name in names}


def check_value(adapter: "Adapter", name: str, value: str) -> str:
    """The value, if it can be this credential by what the vendor's documents say.

    Raises:
        KeyRefusedError: it cannot.
    """
    if not value.strip():
        raise KeyRefusedError(f"{name} is empty; nothing was changed")
    if len(value) > MAX_LENGTH:
        raise KeyRefusedError(f"{name} is longer than {MAX_LENGTH:,} characters")
    if value != value.strip():
        raise KeyRefusedError(f"{name} begins or ends with a space or a line break")
    # The text of a PEM file has line breaks; the adapter takes it on one line, too.
    words = value.split() if value.startswith(PEM) else [value]
    if not all(word.isascii() and word.isprintable() for word in words):
        raise KeyRefusedError(f"{name} contains a line break, or a character that no key has")
    if len(words) == 1 and any(sign.isspace() for sign in value):
        raise KeyRefusedError(f"{name} contains a space, which no key has")
    if fault := adapter.key_fault(name, value):
        raise KeyRefusedError(f"{fault}; nothing was changed")
    return value


def _parse_object(names: Sequence[str], text: str) -> Mapping[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # The parser's own message may quote the text.
        raise KeyRefusedError("what was given looks like JSON and is not valid") from None
    if unknown := sorted(found.keys() - set(names)):
        raise KeyRefusedError(
            f"there is no credential {', '.join(unknown)}; there are {', '.join(names)}"
        )
    if not all(isinstance(value, str) for value in found.values()):
        raise KeyRefusedError("each credential must be a text")
    return {str(name): str(value) for name, value in found.items()}


def _split(names: Sequence[str], text: str) -> Mapping[str, str]:
    """One line for each name; one line break at the end is of the pipe, and not of the key."""
    whole = text.removesuffix("\n").removesuffix("\r")
    if not whole:
        return {}
    lines = whole.split("\n", len(names) - 1)
    return {name: line.removesuffix("\r") for name, line in zip(names, lines, strict=False)}
