"""Pydantic's validation errors as plain sentences, with the nearest known name."""

import difflib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MAX_SHOWN = 80
"""Characters of a value that a message shows."""


def explain(
    error: "ValidationError",
    name: str,
    known: Iterable[str],
    inside: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> tuple[str, str]:
    """The first error, as (sentence, next step), with the nearest known name.

    Args:
        error: what pydantic found.
        name: what the messages call the document.
        known: the fields of the document.
        inside: field -> the fields inside it, where these are others.
    """
    detail = _most_specific(error.errors(include_url=False))
    field = _short(".".join(str(part) for part in detail["loc"] if not _is_branch(part)))
    if detail["type"] == "extra_forbidden":
        around = [str(part) for part in detail["loc"][:-1] if not isinstance(part, int)]
        known = sorted(inside.get(around[-1], known) if around else known)
        last = str(detail["loc"][-1])
        hint = nearest(last, known) or ("" if around else _nearest_place(detail, known))
        return (
            f"{name} has the field '{field}', which is not known.{hint}",
            f"Known are: {', '.join(known)}." if known else "No fields are allowed there.",
        )
    if detail["type"] == "missing":
        return f"{name}: '{field}' is missing.", f"Add '{field}'."
    if not field:
        return f"{name}: {_plain_message(detail)}.", "Correct it and upload the spec again."
    found = _short(json.dumps(detail["input"], default=str, ensure_ascii=False))
    return (
        f"{name} has {found} for '{field}': {_plain_message(detail)}.",
        f"Correct '{field}' and upload the spec again.",
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the known word closest to `word`, or ""."""
    found = nearest_word(word, known)
    return f" Did you mean '{found}'?" if found else ""


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to `word`, or that it abbreviates; None if none is close."""
    names = {_plain(name): name for name in known}
    plain = _plain(word)
    if plain in names:
        return names[plain]
    longer = [name for name in names if len(plain) > 1 and name.startswith(plain)]
    if len(longer) == 1:
        return names[longer[0]]
    close = difflib.get_close_matches(plain, list(names), n=1, cutoff=0.6)
    meant = close[0] if close else _SYNONYMS.get(plain)
    return names.get(meant) if meant else None


_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("action", "effect", "do", "command"), "operation"),
    **dict.fromkeys(("vendor", "engine", "service", "api"), "provider"),
    **dict.fromkeys(("settings", "options", "arguments", "args"), "params"),
}
"""What users call fields of the spec, without its punctuation -> the field."""
_ROLES = frozenset({"image", "images", "mask", "photo", "video", "audio", "source", "reference"})
"""Names that are roles of `inputs` rather than parameters."""


def _plain(word: str) -> str:
    return "".join(sign for sign in word.lower() if sign.isalnum())


def _nearest_place(detail: "ErrorDetails", known: Iterable[str]) -> str:
    """Where an unknown field at the top of a spec probably belongs, as ` Did you mean ...?`."""
    word = str(detail["loc"][-1])
    place = "inputs" if word.lower() in _ROLES else "params"
    if place not in known:
        return ""
    value = json.dumps({word: detail["input"]}, default=str, ensure_ascii=False)
    return f' Did you mean "{place}": {value if len(value) <= MAX_SHOWN else "{...}"}?'


def _most_specific(details: list["ErrorDetails"]) -> "ErrorDetails":
    """The error to report: of a union's branches, the one that matched most of the value."""
    first = [part for part in details[0]["loc"] if not _is_branch(part)]
    same_field = [
        d for d in details if [p for p in d["loc"] if not _is_branch(p)][: len(first)] == first
    ]
    fitting = [d for d in same_field if not d["type"].endswith("_type")]
    lists = [d for d in same_field if d["type"] == "list_type"]
    return (fitting or lists or same_field)[0]


_PLAIN = {
    "string_type": "a text is expected",
    "list_type": "a text or a list of texts is expected",
    "dict_type": "an object in braces is expected",
    "model_type": "an object in braces is expected",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens are expected",
    "bool_type": "true or false is expected",
    "int_type": "a whole number is expected",
    "float_type": "a number is expected",
    "too_short": "at least one entry is expected",
    "string_too_short": "at least one character is expected",
}
"""Pydantic's error types as plain messages; others keep pydantic's message."""


def _plain_message(detail: "ErrorDetails") -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message != detail["msg"] and detail["type"] not in _PLAIN:
        return f"{message} is expected" if detail["type"] != "value_error" else message.rstrip(".")
    return _PLAIN.get(detail["type"], message[0].lower() + message[1:].rstrip("."))


def _is_branch(part: int | str) -> bool:
    """Pydantic names a union's branch in the path; users do not know those names."""
    return isinstance(part, str) and ("[" in part or part in {"str", "constrained-str", "literal"})


def _short(text: str, limit: int = MAX_SHOWN) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
