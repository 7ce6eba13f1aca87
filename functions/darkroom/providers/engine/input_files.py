"""The input files of a request: opened once, and checked before anything is sent.

This module knows no provider; the route's roles say what a file may be.
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
from darkroom.ports import Inputs, NoPictures, Pictures
from darkroom.providers.adapter import FilePart
from darkroom.providers.engine.image_alpha import has_alpha
from darkroom.providers.engine.image_size import displayed_size
from darkroom.providers.engine.picture_checks import (
    UPLOAD_AGAIN,
    check_complete,
    check_mask,
    check_pixels,
)

FormPart = tuple[str, tuple[str, BinaryIO, str] | tuple[None, bytes]]
"""A part of a multipart body: its field, and a file's name, content and type, or a text."""

_MASK = "mask"
"""The role of a picture that is white where to edit."""


@dataclass(frozen=True)
class _OpenFile:
    body: BinaryIO
    media: Media | None


class InputFileSet:
    """The input files of one attempt; leaving the `with` block closes them.

    Args:
        inputs: the input bucket.
        can_link: whether the provider can read the bucket by presigned URLs.
        pictures: looks at masks that are no PNG; by default nobody does.
    """

    def __init__(
        self, inputs: Inputs, *, can_link: bool = False, pictures: Pictures | None = None
    ) -> None:
        self._inputs = inputs
        self._can_link = can_link
        self._pictures = pictures or NoPictures()
        self._open_files: dict[tuple[str, str], _OpenFile] = {}
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

    def check(self, job_request: JobRequest) -> None:
        """Refuse files that the route cannot take; sizes were checked when the files were pinned.

        Raises:
            InputRefused: `not-an-image`, `wrong-format`, `picture-cut-off`, `picture-damaged`,
                `picture-too-large`, `picture-too-small`, `sizes-differ`, `mask-empty` or
                `mask-in-alpha`.
        """
        for role, files in job_request.inputs.items():
            if (wanted := job_request.route.roles.get(role)) is None:
                continue
            for file in files:
                self._check_format(file, wanted, job_request.route.provider)
                self._check_picture(file)
                self._check_sides(file, wanted.sides, job_request.route.provider)
                for other in job_request.inputs.get(wanted.same_size_as or "", ()):
                    self._check_same_size(file, other, job_request.route.provider)
                if role == _MASK:
                    self._check_mask(file)

    def media(self, file: Input) -> Media | None:
        """See `adapter.InputFiles.media`."""
        return self._open_file(file).media

    def has_alpha(self, file: Input) -> bool:
        """See `adapter.InputFiles.has_alpha`."""
        return has_alpha(self.body(file), self.media(file))

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """See `adapter.InputFiles.link`."""
        if not self._can_link:
            return None
        return self._inputs.link(file.key, file.version_id, lifetime_s)

    def digests(self) -> dict[str, str]:
        """Key -> SHA-256 of every opened file."""
        found: dict[str, str] = {}
        for (key, _version), opened in self._open_files.items():
            opened.body.seek(0)
            found[key] = _sha256(opened.body)
        return found

    def body(self, file: Input) -> BinaryIO:
        """The file, at its first byte."""
        body = self._open_file(file).body
        body.seek(0)
        return body

    def base64(self, file: Input) -> str:
        """The whole file in memory, as base64; for providers that take files in no other way."""
        return base64.b64encode(self.body(file).read()).decode()

    def part(self, part: FilePart) -> FormPart:
        """The file as a part of a multipart body, named after its field and format."""
        opened = self._open_file(part.input)
        extension, content_type = (
            (opened.media.extension, opened.media.content_type)
            if opened.media
            else ("bin", "application/octet-stream")
        )
        return part.field, (f"{part.field}.{extension}", self.body(part.input), content_type)

    def _check_format(self, file: Input, wanted: Role, provider: str) -> None:
        media = self._open_file(file).media
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
            f"Save the file as one of {allowed}, {UPLOAD_AGAIN}",
        )

    def _check_picture(self, file: Input) -> None:
        media = self.media(file)
        if media is None or media.kind != "image":
            return
        check_complete(file.key, self.body(file), media)
        size = self._size(file)
        if size is not None:
            check_pixels(file.key, self.body(file), media, size)

    def _check_mask(self, file: Input) -> None:
        media = self.media(file)
        if media is not None and media.kind == "image":
            check_mask(file.key, self.body(file), media, self._pictures)

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
                    f"Make the image smaller, {UPLOAD_AGAIN}",
                )
        if wanted.min_shorter is not None and shorter < wanted.min_shorter:
            raise InputRefused(
                "picture-too-small",
                f"{shown} a shorter side of at least {wanted.min_shorter} here.",
                f"Use a larger image, {UPLOAD_AGAIN}",
            )

    def _check_same_size(self, file: Input, other: Input, provider: str) -> None:
        size, other_size = self._size(file), self._size(other)
        if size is None or other_size is None or size == other_size:
            return
        shown = (
            f"{file.key} is {size[0]} x {size[1]} pixels as displayed, "
            f"and {other.key} is {other_size[0]} x {other_size[1]}"
        )
        if size == other_size[::-1]:
            raise InputRefused(
                "sizes-differ",
                f"{shown}: one is rotated against the other. {provider} needs the same size.",
                f"Rotate {file.key} like {other.key}, {UPLOAD_AGAIN}",
            )
        raise InputRefused(
            "sizes-differ",
            f"{shown}; {provider} needs the same size.",
            f"Make them the same size, {UPLOAD_AGAIN}",
        )

    def _size(self, file: Input) -> tuple[int, int] | None:
        """Width and height as displayed; None if the header does not say."""
        media = self.media(file)
        if media is None or media.kind != "image":
            return None
        return displayed_size(self.body(file), media)

    def _open_file(self, file: Input) -> _OpenFile:
        place = (file.key, file.version_id)
        if place not in self._open_files:
            body = self._stack.enter_context(self._inputs.open(file.key, file.version_id))
            body.seek(0)
            self._open_files[place] = _OpenFile(body, sniff(body.read(HEAD_BYTES)))
        return self._open_files[place]


def form_parts(form: Mapping[str, str], files: list[FormPart]) -> list[FormPart]:
    """All parts of a multipart body, text first."""
    return [*((name, (None, value.encode())) for name, value in form.items()), *files]


def _sha256(body: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := body.read(1 << 18):
        digest.update(chunk)
    return digest.hexdigest()
