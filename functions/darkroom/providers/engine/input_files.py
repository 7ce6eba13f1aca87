"""Input files on their way to a provider: opened once, looked at before anything is sent.

Knows nothing of any provider; what a file may be comes from the route's roles.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from darkroom.domain.errors import InputRefused
from darkroom.domain.media import HEAD_BYTES, Media, sniff
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Role, Sides
from darkroom.ports import Inputs
from darkroom.providers.adapter import FilePart
from darkroom.providers.engine.picture_size import seen_size

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
        linked: whether the provider can read the bucket by signed addresses.
    """

    def __init__(self, inputs: Inputs, *, linked: bool = False) -> None:
        self._inputs = inputs
        self._linked = linked
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

    def check(self, work: JobRequest) -> None:
        """Refuse what the route cannot take; sizes were checked when the files were pinned.

        Raises:
            InputRefused: `not-an-image`, `wrong-format`, `picture-too-large`,
                `picture-too-small` or `sizes-differ`.
        """
        for role, files in work.inputs.items():
            if (wanted := work.route.roles.get(role)) is None:
                continue
            for file in files:
                self._check_format(file, wanted, work.route.provider)
                self._check_sides(file, wanted.sides, work.route.provider)
                for other in work.inputs.get(wanted.same_size_as or "", ()):
                    self._check_alike(file, other, work.route.provider)

    def media(self, file: Input) -> Media | None:
        """See `protocol.InputFiles.media`."""
        return self._opened(file).media

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """See `protocol.InputFiles.link`."""
        if not self._linked:
            return None
        return self._inputs.link(file.key, file.version_id, lifetime_s)

    def digests(self) -> dict[str, str]:
        """Key -> SHA-256 of every file that was opened."""
        found: dict[str, str] = {}
        for (key, _version), opened in self._open.items():
            opened.body.seek(0)
            found[key] = _sha256(opened.body)
        return found

    def body(self, file: Input) -> BinaryIO:
        """The file's bytes from the first one on."""
        body = self._opened(file).body
        body.seek(0)
        return body

    def base64(self, file: Input) -> str:
        """The whole file as one text; only for what a provider takes no other way."""
        return base64.b64encode(self.body(file).read()).decode()

    def part(self, part: FilePart) -> Part:
        """The file as a part of a multipart body, named by what it is."""
        opened = self._opened(part.input)
        extension, content_type = (
            (opened.media.extension, opened.media.content_type)
            if opened.media
            else ("bin", "application/octet-stream")
        )
        return part.field, (f"{part.field}.{extension}", self.body(part.input), content_type)

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

    def _check_sides(self, file: Input, wanted: Sides, provider: str) -> None:
        size = self._size(file)
        if size is None:
            return
        longer, shorter = max(size), min(size)
        shown = f"{file.key} is {size[0]} x {size[1]} pixels; {provider} takes"
        for limit, side, name in (
            (wanted.max_longer, longer, "longer"),
            (wanted.max_shorter, shorter, "shorter"),
        ):
            if limit is not None and side > limit:
                raise InputRefused(
                    "picture-too-large",
                    f"{shown} a {name} side of at most {limit} here.",
                    f"Make the picture smaller, {_AGAIN}",
                )
        if wanted.min_shorter is not None and shorter < wanted.min_shorter:
            raise InputRefused(
                "picture-too-small",
                f"{shown} a shorter side of at least {wanted.min_shorter} here.",
                f"Use a larger picture, {_AGAIN}",
            )

    def _check_alike(self, file: Input, other: Input, provider: str) -> None:
        mine, its = self._size(file), self._size(other)
        if mine is None or its is None or mine == its:
            return
        shown = (
            f"{file.key} is {mine[0]} x {mine[1]} pixels and {other.key} {its[0]} x {its[1]}, "
            "as they are seen"
        )
        if mine == its[::-1]:
            raise InputRefused(
                "sizes-differ",
                f"{shown}: one is turned against the other. {provider} wants both alike.",
                f"Turn {file.key} as {other.key} is seen, {_AGAIN}",
            )
        raise InputRefused(
            "sizes-differ",
            f"{shown}; {provider} wants both alike.",
            f"Make them the same size, {_AGAIN}",
        )

    def _size(self, file: Input) -> tuple[int, int] | None:
        """Width and height as the picture is seen; None where its header does not say."""
        media = self.media(file)
        if media is None or media.kind != "image":
            return None
        return seen_size(self.body(file), media)

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
