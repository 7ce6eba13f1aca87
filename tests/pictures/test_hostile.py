"""Whatever the bytes are: bounded time and memory, an answer or `NotMeasured`, no other error."""

import io
import struct
import time
import zlib
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from darkroom.pictures.measure import DecodedPictures
from darkroom.ports import NotMeasured

FORMS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_S = 3.0


@cache
def whole(form: str) -> bytes:
    """A picture that can be decoded."""
    out = io.BytesIO()
    Image.effect_noise((60, 40), 60).convert("RGB").save(out, form)
    return out.getvalue()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A picture that is cut off, or some of whose bytes are others."""
    body = bytearray(whole(draw(st.sampled_from(FORMS))))
    for at, value in draw(
        st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=8)
    ):
        body[at] = value
    return bytes(body[: draw(st.integers(0, len(body)))])


@st.composite
def bombs(draw: st.DrawFn) -> bytes:
    """A PNG that claims any size, with as much data as deflate can promise for few bytes."""
    sides = st.sampled_from([1, 7, 1000, 20_000, 65_535, 2**31 - 1])
    depth, colour = draw(st.sampled_from([(1, 0), (8, 0), (8, 2), (8, 3), (8, 6), (16, 6)]))
    head = struct.pack(
        ">IIBBBBB", draw(sides), draw(sides), depth, colour, 0, 0, draw(st.sampled_from([0, 1]))
    )
    data = zlib.compress(bytes(draw(st.sampled_from([0, 1000, 10_000_000]))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in ((b"IHDR", head), (b"PLTE", bytes(6)), (b"IDAT", data), (b"IEND", b""))
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.one_of(damaged(), bombs(), st.binary(max_size=200)))
def test_no_picture_harms_the_one_who_looks(body: bytes) -> None:
    """The time is the limit and the start of the decoder."""
    begun = time.monotonic()
    try:
        seen = DecodedPictures().measure(io.BytesIO(body), io.BytesIO(whole("PNG")), MAX_S)
    except NotMeasured as error:
        assert str(error).endswith(".")  # noqa: PT017 - either is right
    else:
        assert seen.result.width > 0
    assert time.monotonic() - begun < MAX_S + 5
