"""What a spec calls its results: `output.name` and `output.folder`, templates with placeholders.

    {"name": "{stem}", "folder": "/done"}      photos/cat.jpg -> done/cat.png

The extension of a result is its own, and is always appended.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import SpecName, folder_of, is_usable_output
from darkroom.domain.validation_messages import nearest

PLACEHOLDERS: Final = ("stem", "ext", "label", "folder", "n", "metadata.FIELD")
_METADATA: Final = "metadata."
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")

ResultsName = tuple[str, ...]
"""A name that is split where the number of the result goes; one part where no number is asked for.
Empty: the results lie beside their manifest."""


@dataclass(frozen=True)
class NameValues:
    """What the placeholders stand for.

    Attributes:
        stem: the source's file name without its extension; without a source, the spec's.
        ext: the source's extension as it is written; None without a source.
        label: the label, or else the operation.
        folder: the source's folder without its last slash; "" at the bucket's root.
    """

    stem: str
    ext: str | None
    label: str
    folder: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def values_of(name: SpecName, operation: str, metadata: Mapping[str, Any]) -> NameValues:
    """The values for the results of a spec."""
    about = name.source or name.key.removesuffix(".json")
    folder = folder_of(about)
    file_name = about[len(folder) :]
    stem, _, ext = file_name.rpartition(".") if name.source else (file_name, "", None)
    return NameValues(stem, ext, name.label or operation, folder.removesuffix("/"), metadata)


def check_template(template: str) -> None:
    """Check that a template has known placeholders only, and no characters that a key cannot have.

    Raises:
        ValueError: the message says what is wrong.
    """
    for word in _PLACEHOLDER.findall(template):
        if word not in PLACEHOLDERS[:-1] and not _is_metadata(word):
            hint = nearest(word, PLACEHOLDERS)
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"there is no '{{{word}}}'.{hint} Known are {known}")
    rest = _PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise ValueError("a brace belongs to a placeholder such as {stem}")
    if "\\" in rest or not rest.isprintable():
        raise ValueError("a backslash or a control character cannot be used; folders end in '/'")
    if any(segment in (".", "..") for segment in template.split("/")):
        raise ValueError("'.' and '..' cannot be used")


def build_results_name(name: str | None, folder: str | None, values: NameValues) -> ResultsName:
    """The results' key without extension; () where neither name nor folder is given.

    Without a folder it is the source's; without a name the results are called as by default, such
    as `cat.jpg/upscale`.

    Raises:
        SpecRefused: `bad-output`: a value is missing or cannot be part of a key, or the key is too
            long.
    """
    if name is None and folder is None:
        return ()
    pieces = _folder_pieces(folder, values)
    if name is not None:
        pieces += _fill(_without_empty_folder(name.strip("/"), values), values, "name")
    elif values.ext is None:
        pieces.append(values.stem)
    else:
        pieces.append(f"{values.stem}.{values.ext}/{values.label}")
    parts = [""]
    for piece in pieces:
        if piece is None:
            parts.append("")
        else:
            parts[-1] += piece
    result = tuple(parts)
    probe = numbered(result, 1)
    if not is_usable_output(probe) or not probe.isprintable():
        raise _bad_output(
            f"The results would be called '{probe[:200]}', and a key cannot be called so: it is "
            "too long, has an empty, '.' or '..' part or a control character, or is reserved."
        )
    return result


def numbered(name: ResultsName, number: int, *, several: bool = False) -> str:
    """The name of the result with this number, counted from 1.

    `several`: whether there are more of its kind, so that it needs a number.
    """
    if len(name) > 1:
        return str(number).join(name)
    return f"{name[0]}-{number}" if several else name[0]


def _folder_pieces(folder: str | None, values: NameValues) -> list[str | None]:
    """The folder with a slash at its end; nothing for the bucket's root."""
    above = f"{values.folder}/" if values.folder else ""
    if folder is None:
        return [above]
    inner = _without_empty_folder(folder.strip("/"), values)
    filled = _fill(inner, values, "folder") if inner else []
    pieces: list[str | None] = [] if folder.startswith("/") else [above]
    return [*pieces, *filled, "/"] if filled else pieces


def _without_empty_folder(template: str, values: NameValues) -> str:
    """At the bucket's root `{folder}` is nothing, and takes its slash with it."""
    if values.folder:
        return template
    kept = [segment for segment in template.split("/") if segment != "{folder}"]
    return "/".join(kept)


def _fill(template: str, values: NameValues, where: str) -> list[str | None]:
    """The template's pieces, filled; None where the number of the result goes."""
    pieces: list[str | None] = []
    for place, text in enumerate(_PLACEHOLDER.split(template)):
        if place % 2 == 0:
            pieces.append(text)
        else:
            pieces.append(None if text == "n" else _value(text, values, where))
    return pieces


def _value(word: str, values: NameValues, where: str) -> str:
    if word == "ext" and values.ext is None:
        raise _bad_output(f"'output.{where}' has {{ext}}, and the spec has no source.")
    if not _is_metadata(word):
        return str(getattr(values, word))
    wanted = word.removeprefix(_METADATA)
    found = values.metadata.get(wanted)
    if found is None:
        hint = nearest(wanted, values.metadata)
        raise _bad_output(
            f"'output.{where}' has {{{word}}}, and 'metadata' has no '{wanted}'.{hint}"
        )
    text = str(found)
    if isinstance(found, (bool, float, Mapping, Sequence)) and not isinstance(found, str):
        raise _bad_output(
            f"'output.{where}' has {{{word}}}, and '{wanted}' is neither a text nor a whole number."
        )
    if not text.strip(". ") or "/" in text or "\\" in text or not text.isprintable():
        raise _bad_output(
            f"'output.{where}' has {{{word}}}, and '{text[:80]}' cannot be part of a file's name."
        )
    return text


def _is_metadata(word: str) -> bool:
    return word.startswith(_METADATA) and len(word) > len(_METADATA)


def _bad_output(sentence: str) -> SpecRefused:
    return SpecRefused("bad-output", sentence, "Correct 'output' and upload the file again.")
