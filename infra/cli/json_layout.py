"""JSON for people and for version control: short parts on one line each, long ones taken apart."""

import json
from typing import Any, Final

WIDTH: Final = 100


def lay_out(document: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """The document as a file's text, in its own order.

    What fits on a line of 100 characters stands on one. So does a list of plain values, however
    long; else each member of an object or a list begins a line.
    """
    return _lay_out(document, "", "") + "\n"


def _lay_out(value: Any, name: str, indent: str) -> str:  # noqa: ANN401 - the same
    """One or several lines; `name` is what stands before the value on its first line."""
    line = f"{indent}{name}{json.dumps(value, ensure_ascii=False)}"
    match value:
        case dict():
            members = [(f"{json.dumps(key)}: ", member) for key, member in value.items()]
            begin, end = "{}"
        case list() if any(isinstance(member, dict | list) for member in value):
            members = [("", member) for member in value]
            begin, end = "[]"
        case _:
            return line
    # One less, for the comma behind it.
    if len(line) < WIDTH:
        return line
    lines = ",\n".join(_lay_out(member, key, indent + "  ") for key, member in members)
    return f"{indent}{name}{begin}\n{lines}\n{indent}{end}"
