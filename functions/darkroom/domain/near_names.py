"""Names that are almost right: what a file or a spec was probably meant to be called.

A name is compared with the one that a task waits for. Only a difference in upper and lower case may
be ignored by Darkroom; every other one is reported, and the user renames the file.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from darkroom.domain.errors import SpecRefused
from darkroom.domain.media import BY_EXTENSION, extension_of
from darkroom.domain.object_keys import (
    DEFAULT_NAME,
    SpecName,
    classify_key,
    folder_of,
    is_source,
    normalize_key,
    parse_spec_name,
)
from darkroom.domain.validation_messages import nearest

OTHER_CASE: Final = "in other upper or lower case"
"""The difference that may be ignored."""
OTHER_FOLDER: Final = "in a folder in other upper or lower case"
OTHER_SLASHES: Final = "with other slashes"
OTHER_EXTENSION: Final = "with another extension"
_COPY: Final = "with the mark of a copy"
_EXTENSION_TOO_MANY: Final = "with an extension too many"
_OTHER_SPACES: Final = "with other spaces"
_ENCODED: Final = "with encoded characters"

_COPY_MARK: Final = re.compile(r"(?: ?\([0-9]{1,3}\)| - copy| copy)\Z", re.IGNORECASE)
"""What Windows, macOS and browsers add to the name of a second file: `cat (1).jpg`."""
_FOREIGN: Final = frozenset(
    {
        *("3fr", "arw", "cr2", "cr3", "dng", "gpr", "nef", "orf", "raf", "raw", "rw2", "srw"),
        *("ai", "eps", "ico", "indd", "jfif", "jp2", "jpe", "jxl", "pdf", "psd", "svg", "xcf"),
        *("avi", "flv", "mkv", "mpeg", "mpg", "wmv", "zip"),
    }
)
"""Extensions of formats that no provider takes, which tell an extension from a label."""


def difference(wanted: str, other: str) -> str | None:
    """How a key differs from a wanted one for which it was probably meant; None if it was not."""
    if _nfc(wanted) == _nfc(other):
        return None
    if normalize_key(wanted) == normalize_key(other):
        if _slashes(wanted) != _slashes(other):
            return OTHER_SLASHES
        return OTHER_CASE if _nfc(folder_of(wanted)) == _nfc(folder_of(other)) else OTHER_FOLDER
    for meant, what in intended_keys(other).items():
        if normalize_key(meant) == normalize_key(wanted):
            return what
    same_stem = normalize_key(_stem(wanted)) == normalize_key(_stem(other))
    return OTHER_EXTENSION if same_stem and is_source(wanted) and is_source(other) else None


def intended_keys(key: str) -> Mapping[str, str]:
    """Key -> how the given one differs from it, for each that was probably meant.

    It is empty for an ordinary name. Differences in case and slashes are not listed: both names
    have the same `normalize_key`.
    """
    folder = folder_of(key.replace("\\", "/"))
    name = key[len(folder) :]
    stem, dot, extension = name.rpartition(".")
    meant = {
        _without_copy_mark(name): _COPY,
        _without_copy_mark(stem) + dot + extension: _COPY,
        " ".join(f"{' '.join(stem.split())}{dot}{extension.strip()}".split()): _OTHER_SPACES,
        unquote_plus(name, errors="replace"): _ENCODED,
    }
    if extension.lower() != "json" and _is_known(stem):
        meant[stem] = _EXTENSION_TOO_MANY
    return {folder + one: what for one, what in meant.items() if one and one != name}


def exact_variants(key: str) -> tuple[str, ...]:
    """The keys in other folders under which a file was probably uploaded: other slashes."""
    slashes = key.replace("\\", "/").lstrip("/")
    variants = dict.fromkeys((slashes, slashes.replace("/", "\\"), f"/{slashes}"))
    return tuple(variant for variant in variants if variant != key)


def intended_spec(key: str) -> str | None:
    """The key of the spec or folder default that a file was probably meant to be, by its name.

    None if it is one, or was not meant to be one: `cat.jpg.json.txt` was meant as `cat.jpg.json`.
    """
    kind = classify_key(key)
    name = key[len(folder_of(key)) :]
    if kind in ("default", "ignored"):
        return None
    if name.lower() == DEFAULT_NAME:
        return folder_of(key) + DEFAULT_NAME
    for meant in intended_keys(key):
        if meant[len(folder_of(meant)) :].lower() == DEFAULT_NAME:
            return folder_of(meant) + DEFAULT_NAME
        if kind == "file" and classify_key(meant) == "spec" and _names_a_photo(meant):
            return meant
    return None


def read_spec_name(key: str) -> SpecName:
    """Parse a spec's key, as `parse_spec_name` does.

    Raises:
        SpecRefused: `bad-label`, or the name is almost that of a spec (`misnamed-spec`).
    """
    meant = intended_spec(key)
    if meant is None:
        return parse_spec_name(key)
    name, right = (one[len(folder_of(one)) :] for one in (key, meant))
    what = "folder default" if right == DEFAULT_NAME else "spec"
    raise SpecRefused(
        "misnamed-spec",
        f"'{name}' is not read as a {what}, because of its name. Did you mean '{right}'?",
        f"Upload it as '{right}'.",
    )


def why_no_source(key: str) -> tuple[str, str] | None:
    """Why a spec's name names no photo though it seems meant to, as (reason, next step).

    None where nothing looks like a photo's name.
    """
    name = key[len(folder_of(key)) :]
    for meant in intended_keys(key):
        if classify_key(meant) == "spec" and _names_a_photo(meant):
            right = meant[len(folder_of(meant)) :]
            return f"Its name is '{name}'. Did you mean '{right}'?", f"Upload it as '{right}'."
    stem = name[: -len(".json")]
    extension = extension_of(stem)
    rest, _, _ = stem.rpartition(".")
    if extension not in _FOREIGN and extension_of(rest) in _FOREIGN:
        extension, stem = extension_of(rest), rest
    if not extension:
        return None
    photo = f"{_stem(stem)}.jpg"
    next_step = (
        "Save the photo as JPEG or PNG, and name the spec after it, as in "
        f"'{photo[:200]}.json', or name the photo in \"inputs\". "
        f"Known are: {', '.join(sorted(BY_EXTENSION))}."
    )
    return why_not_a_photo(stem), next_step


def why_not_a_photo(name: str) -> str:
    """Why a file whose extension is unknown cannot be a source, one sentence or two."""
    extension = extension_of(name)
    what = f"'.{extension[:40]}' is not among" if extension else "it has none of"
    return (
        f"'{name[:200]}' does not count as a photo: {what} the extensions that Darkroom knows."
        f"{nearest(extension, BY_EXTENSION) if extension else ''}"
    )


def _names_a_photo(key: str) -> bool:
    try:
        return parse_spec_name(key).source is not None
    except SpecRefused:
        return True


def _is_known(name: str) -> bool:
    return extension_of(name) in BY_EXTENSION or extension_of(name) == "json"


def _without_copy_mark(text: str) -> str:
    return _COPY_MARK.sub("", text)


def _stem(key: str) -> str:
    stem, dot, _ = key.rpartition(".")
    return stem if dot else key


def _slashes(key: str) -> tuple[int, int]:
    return key.count("/"), key.count("\\")


def _nfc(key: str) -> str:
    return unicodedata.normalize("NFC", key)
