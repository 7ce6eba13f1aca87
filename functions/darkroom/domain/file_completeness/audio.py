"""Where audio files end: Ogg, MP3, AAC. They consist of frames, and few state how many."""

from darkroom.domain.file_completeness.reader import MalformedError, Reader, TruncatedError

_FIRST, _LAST = 2, 4
"""Flags of an Ogg page: first and last page of its stream."""
_PAGE_HEAD = 27

_KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""MPEG version (2.5 as 2) and layer -> kbit/s (ISO/IEC 11172-3, 13818-3)."""
_RATES = (44100, 48000, 32000)
_SLOWER = {3: 1, 2: 2, 0: 4}
"""The version's two bits -> the divisor of its sample rates, compared with MPEG 1."""
_COUNTED = (b"Xing", b"Info")
"""What the first frame contains if its encoder added the number of frames at the end."""
_HAS_FRAMES, _HAS_BYTES = 1, 2
_FRAME_HEAD, _ADTS_HEAD = 4, 7


def ogg(file: Reader) -> bool | None:
    """Pages up to the last one of every stream (RFC 3533, 6)."""
    unfinished: set[bytes] = set()
    begun = False
    while file.left:
        over = begun and not unfinished
        if over and file.left < _PAGE_HEAD:
            return True
        head = file.take(_PAGE_HEAD)
        if head[:4] != b"OggS":
            if over:
                return True
            raise MalformedError
        file.skip(sum(file.take(head[26])))
        begun = True
        if head[5] & _FIRST:
            unfinished.add(head[14:18])
        if head[5] & _LAST:
            unfinished.discard(head[14:18])
    # A live stream does not always mark its last page.
    return None if unfinished else True


def mp3(file: Reader) -> bool | None:
    """Frames one after another; the first may state the number of bytes of all."""
    start = skip_tags(file)
    frame = _mpeg_frame(file)
    counted = _counted(frame)
    if counted is not None:
        file.need(start + counted)
        return True
    while file.left:
        try:
            _mpeg_frame(file)
        except MalformedError:
            return None  # tags, or other data after the audio
    return None


def aac(file: Reader) -> bool | None:
    """Frames one after another (ISO/IEC 13818-7, 6.2); their number is not stated."""
    skip_tags(file)
    begun = False
    while file.left:
        start = file.at
        head = file.some(_ADTS_HEAD)
        if head[:1] != b"\xff":
            return None
        if len(head) < _ADTS_HEAD:
            raise TruncatedError
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if head[1] & 0xF6 != 0xF0 or length < _ADTS_HEAD:  # noqa: PLR2004 - sync, layer
            raise MalformedError
        file.go(start + length)
        begun = True
    if not begun:
        raise TruncatedError
    return None


def skip_tags(file: Reader) -> int:
    """Skip the ID3v2 tags at the beginning; returns where the audio begins."""
    while True:
        start = file.at
        if file.some(3) != b"ID3":
            file.go(start)
            return start
        file.skip(2)
        footed = file.number(1) & 16
        size = sum(byte << shift for byte, shift in zip(file.take(4), (21, 14, 7, 0), strict=True))
        file.skip(size + (10 if footed else 0))


def _mpeg_frame(file: Reader) -> bytes:
    """The next frame of MPEG audio, whole."""
    start = file.at
    head = file.some(_FRAME_HEAD)
    if not head:
        raise TruncatedError
    if head[:1] != b"\xff" or (len(head) > 1 and head[1] & 0xE0 != 0xE0):  # noqa: PLR2004 - sync
        raise MalformedError
    if len(head) < _FRAME_HEAD:
        raise TruncatedError
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)
    bits, rate, padding = head[2] >> 4, (head[2] >> 2) & 3, (head[2] >> 1) & 1
    if version not in _SLOWER or layer not in (1, 2, 3) or bits in (0, 15) or rate == 3:  # noqa: PLR2004
        raise MalformedError  # reserved, or of free length
    family = 1 if version == 3 else 2  # noqa: PLR2004 - MPEG 1
    bits_s = _KBITS[family, layer][bits] * 1000
    samples_s = _RATES[rate] // _SLOWER[version]
    if layer == 1:
        length = (12 * bits_s // samples_s + padding) * 4
    else:
        length = (72 if layer == 3 and family == 2 else 144) * bits_s // samples_s + padding  # noqa: PLR2004
    file.go(start)
    return file.take(length)


def _counted(frame: bytes) -> int | None:
    """The number of bytes of all frames, if the first one states it (the Xing header)."""
    for word in _COUNTED:
        place = frame.find(word, _FRAME_HEAD, 64)
        if place < 0:
            continue
        flags = int.from_bytes(frame[place + 4 : place + 8])
        if not flags & _HAS_BYTES:
            return None
        at = place + (12 if flags & _HAS_FRAMES else 8)
        return int.from_bytes(frame[at : at + 4])
    return None
