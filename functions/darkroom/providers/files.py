"""Input files on their way to a provider: opened once, looked at before anything is sent.

Knows nothing of any provider; what a file may be comes from the route's roles.
"""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from darkroom.errors import InputRefused
from darkroom.media import HEAD_BYTES, Media, sniff
from darkroom.ports import Inputs, Work
from darkroom.providers.protocol import FilePart
from darkroom.routes import Role
from darkroom.task import Input

Part = tuple[str, tuple[str, BinaryIO, str] | tuple[None, bytes]]
"""A part of a multipart body: field, then file name, content and its type, or a text."""

_AGAIN = "then upload it and the spec again."


@dataclass(frozen=True)
class _Opened:
    body: BinaryIO
    media: Media | None


class Files:
    """The input files of one attempt; closing it closes them.

    Args:
        inputs: the input bucket.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._open: dict[tuple[str, str], _Opened] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def check(self, work: Work) -> None:
        """Refuse what the route cannot take; sizes were checked when the files were pinned.

        Raises:
            InputRefused: `not-an-image` or `wrong-format`.
        """
        for role, files in work.inputs.items():
            if (wanted := work.route.roles.get(role)) is None:
                continue
            for file in files:
                self._check_format(file, wanted, work.route.provider)

    def digests(self) -> dict[str, str]:
        """Key -> SHA-256 of every file that was opened."""
        found: dict[str, str] = {}
        for (key, _version), opened in self._open.items():
            opened.body.seek(0)
            found[key] = _sha256(opened.body)
        return found

    def part(self, part: FilePart) -> Part:
        """The file as a part of a multipart body, named by what it is."""
        opened = self._opened(part.input)
        extension, content_type = (
            (opened.media.extension, opened.media.content_type)
            if opened.media
            else ("bin", "application/octet-stream")
        )
        opened.body.seek(0)
        return part.field, (f"{part.field}.{extension}", opened.body, content_type)

    def _check_format(self, file: Input, wanted: Role, provider: str) -> None:
        media = self._opened(file).media
        if media in wanted.formats:
            return
        allowed = ", ".join(sorted(one.extension for one in wanted.formats))
        images_only = all(one.kind == "image" for one in wanted.formats)
        found = f"{media.extension} ({media.kind})" if media else "of no known format"
        if images_only and (media is None or media.kind != "image"):
            code, sentence = "not-an-image", f"{file.key} is not an image: it is {found}."
        else:
            code, sentence = "wrong-format", f"{file.key} is {found}."
        raise InputRefused(
            code,
            f"{sentence} {provider} takes {allowed} here.",
            f"Save the file as one of {allowed}, {_AGAIN}",
        )

    def _opened(self, file: Input) -> _Opened:
        place = (file.key, file.version_id)
        if place not in self._open:
            body = self._stack.enter_context(self._inputs.open(file.key, file.version_id))
            body.seek(0)
            self._open[place] = _Opened(body, sniff(body.read(HEAD_BYTES)))
        return self._open[place]


def form_parts(form: Mapping[str, str], files: list[Part]) -> list[Part]:
    """All parts of a multipart body, text first."""
    return [*((name, (None, value.encode())) for name, value in form.items()), *files]


def _sha256(body: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := body.read(1 << 18):
        digest.update(chunk)
    return digest.hexdigest()
