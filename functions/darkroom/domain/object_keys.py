"""What an S3 key is, decided by its name alone, and the keys of its results.

A spec lies beside its source: `photos/cat.jpg.json`, or with a label `photos/cat.jpg.thumb.json`.
Any other `.json` is a spec without a source. Results of the first go to
`photos/cat.jpg/upscale.png`, its manifest to `photos/cat.jpg/upscale.manifest.json`.
"""

import functools
import hashlib
import re
import shlex
import unicodedata
from dataclasses import dataclass
from typing import Literal

from darkroom.domain.errors import SpecRefused
from darkroom.domain.media import BY_EXTENSION, extension_of

MAX_KEY_BYTES = 1024
"""S3's limit of a key, in bytes of UTF-8."""
MAX_NAME_BYTES = 2000
"""Limit of a name that is waited for: a partition key of DynamoDB has 2,048 bytes."""
MAX_SUFFIX_LENGTH = len("@12345678-999.manifest.json")
LABEL = re.compile(r"[a-z0-9-]{1,40}")
_NUMBERED = re.compile(r".*-\d+")
DEFAULT_NAME = "_darkroom.json"
"""The file name of a folder default: the spec of the photos in and below its folder."""
MAX_LEVELS = 8
"""How many folders are looked at for folder defaults, the photo's own included."""
TASK_TYPE_SEPARATOR = ":"
"""Between a model and its task type, in the names of routes with both."""
WORK_PREFIX = "_darkroom/work/"
"""The prefix of intermediate files in the output bucket; they are deleted soon after the task."""

KeyKind = Literal["spec", "file", "default", "ignored"]


@dataclass(frozen=True)
class SpecName:
    """The parts of a spec's key.

    Attributes:
        key: the spec's key.
        source: the key of the file it is about; None for a spec without one.
        label: distinguishes several specs of one source; None without one.
    """

    key: str
    source: str | None
    label: str | None

    @property
    def folder(self) -> str:
        """The spec's folder with its trailing slash; "" at the bucket's root."""
        return folder_of(self.key)


def classify_key(key: str) -> KeyKind:
    """Whether an uploaded key is a spec, an input file, a folder default, or ignored.

    Folder markers and dotfiles are ignored.
    """
    name = key.rsplit("/", 1)[-1]
    if not name or name.startswith("."):
        return "ignored"
    if name == DEFAULT_NAME:
        return "default"
    return "spec" if extension_of(key) == "json" else "file"


def parse_spec_name(key: str) -> SpecName:
    """Parse a spec's key, one for which `classify_key` returns `spec`.

    Raises:
        SpecRefused: the label is invalid (`bad-label`).
    """
    stem = key[: -len(".json")]
    if extension_of(stem) in BY_EXTENSION:
        return SpecName(key, stem, None)
    rest, _, label = stem.rpartition(".")
    if "/" not in label and extension_of(rest) in BY_EXTENSION:
        if not is_label(label):
            raise SpecRefused(
                "bad-label",
                f"The label '{label[:60]}' in the spec's name cannot be used.",
                "Use 1 to 40 lower-case letters, digits and hyphens, not ending in a hyphen and "
                "a number, as in 'cat.jpg.thumb.json'.",
            )
        return SpecName(key, rest, label)
    return SpecName(key, None, None)


def is_label(label: str) -> bool:
    """Whether a spec may have this label."""
    return LABEL.fullmatch(label) is not None and _NUMBERED.fullmatch(label) is None


def is_source(key: str) -> bool:
    """Whether a file may be the source of a spec, by its extension."""
    return extension_of(key) in BY_EXTENSION


def spec_key(source: str, label: str | None) -> str:
    """The key that a spec of this source with this label has."""
    return f"{source}.{label}.json" if label else f"{source}.json"


def is_spec_of(key: str, source: str) -> bool:
    """Whether a key is that of a spec of this source, one with a bad label included."""
    if not key.startswith(f"{source}.") or classify_key(key) != "spec":
        return False
    label = key[len(source) : -len(".json")].removeprefix(".")
    return "." not in label and "/" not in label and not is_source(f"x.{label}")


def is_spec_of_almost(key: str, source: str) -> bool:
    """Whether a key is that of a spec whose source has this name in other upper or lower case."""
    if (
        not normalize_key(key).startswith(f"{normalize_key(source)}.")
        or classify_key(key) != "spec"
    ):
        return False
    try:
        other = parse_spec_name(key).source
    except SpecRefused:
        return False
    return (
        other is not None
        and other not in unicode_spellings(source)
        and (normalize_key(other) == normalize_key(source))
    )


def default_keys(key: str) -> tuple[str, ...]:
    """The keys at which the folder defaults of a file would lie, the nearest one first."""
    folder = folder_of(key)
    keys = [folder + DEFAULT_NAME]
    while folder and len(keys) < MAX_LEVELS:
        folder = folder_of(folder[:-1])
        keys.append(folder + DEFAULT_NAME)
    return tuple(keys)


def output_name(name: SpecName, operation: str) -> str:
    """The results' key without extension: `<source>/<label or operation>`, or the spec's own."""
    if name.source is None:
        return name.key[: -len(".json")]
    return f"{name.source}/{name.label or operation}"


def manifest_key(output: str) -> str:
    """The manifest's key beside the results."""
    return f"{output}.manifest.json"


def results_stem(manifest_key: str) -> str:
    """The results' key without extension: the inverse of `manifest_key`."""
    return manifest_key.removesuffix(".manifest.json")


def work_key(task_id: str, attempt: int) -> str:
    """The key of a paid answer that is too large for the task's item."""
    return f"{WORK_PREFIX}{task_id}/{attempt}"


def is_usable_output(output: str) -> bool:
    """Whether results may be written under this name: short enough, no unusable segments."""
    segments = output.split("/")
    return (
        len(output.encode()) + MAX_SUFFIX_LENGTH <= MAX_KEY_BYTES
        and not any(segment in ("", ".", "..") for segment in segments)
        and segments[0] != "_darkroom"
        and not segments[-1].endswith(".manifest")
    )


def input_key(folder: str, written: str) -> str:
    """The key of an entry of `inputs`: relative to the spec's folder, or from the root.

    Raises:
        SpecRefused: it leaves the bucket, is a URL, or has empty, `.` or `..` segments
            (`bad-input-path`).
    """
    absolute = written.startswith("/")
    path = written[1:] if absolute else written
    segments = path.split("/")
    if "://" in written:
        raise SpecRefused(
            "bad-input-path",
            f"The input '{written[:200]}' is a URL, and inputs are files in the input bucket.",
            "Upload the file and name it relative to the spec's folder.",
        )
    if any(segment in ("", ".", "..") for segment in segments):
        raise SpecRefused(
            "bad-input-path",
            f"The input '{written[:200]}' has an empty, '.' or '..' part.",
            "Name the file relative to the spec's folder, or from the bucket's root with a "
            "leading '/'.",
        )
    key = path if absolute else folder + path
    if len(key.encode()) > MAX_KEY_BYTES:
        raise SpecRefused(
            "bad-input-path",
            f"The input '{written[:80]}...' is longer than the {MAX_KEY_BYTES} bytes of a key.",
            "Use a shorter name.",
        )
    return key


def normalize_key(key: str) -> str:
    """The name under which a key is waited for; equal for keys that look almost the same.

    Unicode form NFC, lower case, single slashes, none at the beginning, and no backslashes.
    """
    parts = unicodedata.normalize("NFC", key).lower().replace("\\", "/").split("/")
    name = "/".join(part for part in parts if part)
    return name if _fits(name) else key


def waiting_names(key: str) -> tuple[str, ...]:
    """The names under which tasks may wait for a key.

    Older versions of the code stored the key in NFC, or as it is written.
    """
    composed = unicodedata.normalize("NFC", key)
    names = dict.fromkeys((normalize_key(key), composed, key))
    return tuple(name for name in names if _fits(name))


def _fits(name: str) -> bool:
    """Whether the name fits into a key of the table: Unicode forms may be three times as long."""
    return len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES


def unicode_spellings(key: str) -> tuple[str, ...]:
    """The keys that look like this one: itself first, then in other Unicode normal forms.

    A Mac's file system decomposes an "é", a keyboard does not; the folder may have been typed and
    the file's name not.
    """
    folder = folder_of(key)
    name = key[len(folder) :]
    composed, decomposed = (
        functools.partial(unicodedata.normalize, form) for form in ("NFC", "NFD")
    )
    return tuple(
        dict.fromkeys(
            [
                key,
                *(
                    above + spelt(name)
                    for above in (composed(folder), decomposed(folder), folder)
                    for spelt in (composed, decomposed)
                ),
            ]
        )
    )


def folder_of(key: str) -> str:
    """The key's folder with its trailing slash; "" at the bucket's root."""
    folder, slash, _ = key.rpartition("/")
    return folder + slash


def digest_of(*parts: str) -> str:
    """A digest of these texts in this order, 32 hex digits."""
    joined = "\0".join(parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def is_unicode(name: str) -> bool:
    """Whether a name is valid Unicode: a file's may be any bytes, a key's may not."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shell_quote(word: str) -> str:
    """The word quoted for a shell: one word, without special characters."""
    if word.isprintable():
        return shlex.quote(word)
    # Invisible characters are escaped as bash, zsh and ksh read them.
    try:
        raw = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = word.encode("utf-8", "replace")
    return f"$'{''.join(_in_quotes(byte) for byte in raw)}'"


def _in_quotes(byte: int) -> str:
    char = chr(byte)
    return char if char.isascii() and char.isprintable() and char not in "'\\" else f"\\x{byte:02x}"
