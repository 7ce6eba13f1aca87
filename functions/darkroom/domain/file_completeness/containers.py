"""Where container files end: ISO media, RIFF, GLB, Matroska."""

from darkroom.domain.file_completeness.reader import MalformedError, Reader, TruncatedError

_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"meta", b"free", b"skip", b"wide"}
    | {b"sidx", b"ssix", b"emsg", b"prft", b"pdin", b"uuid", b"udta", b"pnot", b"PICT", b"junk"}
    | {b"mpvd", b"imda", b"idat", b"meco"}
)
"""Boxes at the top level of ISO media; anything else after the end is trailing bytes."""

_PLACEHOLDER = 0x7FFF_0000
"""A streaming encoder writes such a size, or 0, and cannot correct it later."""

_HEADER, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def iso_video(file: Reader) -> bool | None:
    """ISO video and audio: the media data and its description (ISO/IEC 14496-12, 4.2)."""
    return _boxes(file, ({b"moov"}, {b"mdat", b"imda"}))


def heif(file: Reader) -> bool | None:
    """ISO images: the description, and the data, after it or inside it."""
    return _boxes(file, ({b"meta", b"moov"}, {b"mdat", b"idat", b"imda"}))


def _boxes(file: Reader, needed: tuple[set[bytes], ...]) -> bool | None:
    """Walk the boxes at the top level. Of each set one is needed."""
    seen: set[bytes] = set()

    def found_all() -> bool:
        return all(any(kind in seen for kind in kinds) for kinds in needed)

    while file.left >= 8:  # noqa: PLR2004 - size and kind
        start = file.at
        size, kind = file.number(4), file.take(4)
        if kind not in _BOXES and found_all():
            return True
        if size == 1:
            size = file.number(8)
        if size == 0:  # up to the end of the file, wherever that is
            seen.add(kind)
            if found_all():
                return None
            raise TruncatedError
        if size < file.at - start:
            raise MalformedError
        if kind == b"meta":
            _look_inside(file, start + size, seen)
        file.go(start + size)
        seen.add(kind)
    if not found_all():
        raise TruncatedError
    # A fragmented video may have any number of fragments, unless it has an index of them.
    return None if b"moof" in seen and b"mfra" not in seen else True


def _look_inside(file: Reader, end: int, seen: set[bytes]) -> None:
    """Look for image data inside the box that describes it."""
    file.need(end)
    file.skip(4)
    while end - file.at >= 8:  # noqa: PLR2004 - size and kind
        start = file.at
        size, kind = file.number(4), file.take(4)
        if size < 8:  # noqa: PLR2004 - no valid box is smaller
            return
        if kind == b"idat":
            seen.add(kind)
        file.go(min(start + size, end))


def riff(file: Reader) -> bool | None:
    """Chunks up to the length in the header; the last one's padding may be absent."""
    tag = file.take(4)
    declared = file.number(4, "little")
    if tag != b"RIFF":  # RF64 stores its sizes elsewhere
        return None
    end = 8 + declared
    file.skip(4)
    while file.at + 8 <= min(end, file.size):
        file.skip(4)
        size = file.number(4, "little")
        if size >= _PLACEHOLDER:
            return None
        file.skip(size)
        if size % 2 and file.left:
            file.skip(1)
        elif size % 2 and file.at + 1 == end:
            return True
    if declared >= _PLACEHOLDER or declared == 0:
        return None
    file.need(end)
    return True


def glb(file: Reader) -> bool:
    """The length in the header (glTF 2.0, 4.4.2)."""
    file.skip(8)
    length = file.number(4, "little")
    if length < 12:  # noqa: PLR2004 - the header itself
        raise MalformedError
    file.need(length)
    return True


def matroska(file: Reader) -> bool | None:
    """Elements by their sizes; one of unknown size is entered (RFC 8794, 6.2)."""
    within = False
    while file.left:
        name, size = _name(file), _size(file)
        if name == _SEGMENT and size is not None:
            file.skip(size)
            return True
        if size is not None:
            file.skip(size)
        elif name in (_SEGMENT, _CLUSTER):
            within = True
        else:
            raise MalformedError
    if not within:
        raise TruncatedError  # nothing but a header
    return None


def _name(file: Reader) -> bytes:
    first = file.take(1)
    length = 9 - first[0].bit_length()
    if length > 4:  # noqa: PLR2004 - the longest name
        raise MalformedError
    return first + file.take(length - 1)


def _size(file: Reader) -> int | None:
    """The size of an element; None if it is unknown."""
    first = file.number(1)
    length = 9 - first.bit_length()
    if length > 8:  # noqa: PLR2004 - the longest size
        raise MalformedError
    size = (first & (0xFF >> length)) << 8 * (length - 1) | int.from_bytes(file.take(length - 1))
    return None if size == (1 << 7 * length) - 1 else size
