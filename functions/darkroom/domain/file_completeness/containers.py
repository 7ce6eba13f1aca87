"""Where files end that are made of boxes: ISO media, RIFF, GLB, Matroska."""

from darkroom.domain.file_completeness.reader import CutError, Reader, StrangeError

_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"meta", b"free", b"skip", b"wide"}
    | {b"sidx", b"ssix", b"emsg", b"prft", b"pdin", b"uuid", b"udta", b"pnot", b"PICT", b"junk"}
    | {b"mpvd", b"imda", b"idat", b"meco"}
)
"""What lies at the top of ISO media; anything else behind the whole is trailing bytes."""

_PLACEHOLDER = 0x7FFF_0000
"""Whoever writes as it goes puts such a size, or 0, and cannot come back to it."""

_HEADER, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def film(file: Reader) -> bool | None:
    """ISO media that move or sound: what plays, and what says how (ISO/IEC 14496-12, 4.2)."""
    return _boxes(file, ({b"moov"}, {b"mdat", b"imda"}))


def heif(file: Reader) -> bool | None:
    """Pictures in ISO media: what they are, and their data, beside it or within."""
    return _boxes(file, ({b"meta", b"moov"}, {b"mdat", b"idat", b"imda"}))


def _boxes(file: Reader, needed: tuple[set[bytes], ...]) -> bool | None:
    """Walk the boxes at the top. Of each set one is needed."""
    seen: set[bytes] = set()

    def there() -> bool:
        return all(any(kind in seen for kind in kinds) for kinds in needed)

    while file.left >= 8:  # noqa: PLR2004 - size and kind
        start = file.at
        size, kind = file.number(4), file.take(4)
        if kind not in _BOXES and there():
            return True
        if size == 1:
            size = file.number(8)
        if size == 0:  # to the end of the file, wherever that should be
            seen.add(kind)
            if there():
                return None
            raise CutError
        if size < file.at - start:
            raise StrangeError
        if kind == b"meta":
            _look_inside(file, start + size, seen)
        file.go(start + size)
        seen.add(kind)
    if not there():
        raise CutError
    # A film in pieces may go on for as long as it likes, unless it says where they lie.
    return None if b"moof" in seen and b"mfra" not in seen else True


def _look_inside(file: Reader, end: int, seen: set[bytes]) -> None:
    """Whether the data of small pictures lie in the box that describes them."""
    file.need(end)
    file.skip(4)
    while end - file.at >= 8:  # noqa: PLR2004 - size and kind
        start = file.at
        size, kind = file.number(4), file.take(4)
        if size < 8:  # noqa: PLR2004 - none that holds anything
            return
        if kind == b"idat":
            seen.add(kind)
        file.go(min(start + size, end))


def riff(file: Reader) -> bool | None:
    """Chunks up to the length that the head declares; the last one's padding may be lacking."""
    tag = file.take(4)
    declared = file.number(4, "little")
    if tag != b"RIFF":  # RF64 keeps its sizes elsewhere
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
    """The length in the head (glTF 2.0, 4.4.2)."""
    file.skip(8)
    length = file.number(4, "little")
    if length < 12:  # noqa: PLR2004 - the head itself
        raise StrangeError
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
            raise StrangeError
    if not within:
        raise CutError  # nothing but a head
    return None


def _name(file: Reader) -> bytes:
    first = file.take(1)
    length = 9 - first[0].bit_length()
    if length > 4:  # noqa: PLR2004 - the longest name
        raise StrangeError
    return first + file.take(length - 1)


def _size(file: Reader) -> int | None:
    """The size of an element; None where it is not known."""
    first = file.number(1)
    length = 9 - first.bit_length()
    if length > 8:  # noqa: PLR2004 - the longest size
        raise StrangeError
    size = (first & (0xFF >> length)) << 8 * (length - 1) | int.from_bytes(file.take(length - 1))
    return None if size == (1 << 7 * length) - 1 else size
