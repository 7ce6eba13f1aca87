"""A PNG mask that selects nothing is found, whatever its format, and no other."""

import io
import itertools
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darkroom.providers.engine.png_mask import mask_fault

FILTERS = range(5)


def fault_of(image: Image.Image) -> str | None:
    """The fault of a picture that is saved as a PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return mask_fault(out)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def filtered(
    rows: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]", step: int, method: int
) -> bytes:
    """Rows of bytes as this filter makes them (W3C PNG, 9.2), computed byte by byte."""
    above = np.zeros(rows.shape[1], np.int64)
    out = bytearray()
    for row in rows.astype(np.int64):
        out.append(method)
        for at, value in enumerate(row):
            left = row[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            up = above[at]
            distances = [abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)]
            paeth = (left, up, corner)[distances.index(min(distances))]
            guess = (0, left, up, (left + up) // 2, paeth)[method]
            out.append((value - guess) % 256)
        above = row
    return bytes(out)


def png_of(
    pixels: "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]", method: int
) -> io.BytesIO:
    """A PNG of 8 bits a channel, all of whose rows have this filter."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, colour, 0, 0, 0])
    data = zlib.compress(filtered(pixels.reshape(height, -1), channels, method))
    # In two chunks: the data goes on from one to the next.
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", data[:3])
        + chunk(b"IDAT", data[3:])
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_black_mask_is_found_in_every_format(mode: str) -> None:
    """Black everywhere, opaque."""
    image = Image.fromarray(np.zeros((40, 61), np.uint16)) if mode == "I;16" else None
    image = image or Image.new("RGBA", (61, 40), (0, 0, 0, 255)).convert(mode)
    assert fault_of(image) == "black"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("place", [(0, 0), (60, 0), (30, 20), (60, 39)])
def test_one_white_pixel_is_a_selection(mode: str, place: tuple[int, int]) -> None:
    """Wherever it is."""
    image = Image.new("RGBA", (61, 40), (0, 0, 0, 255))
    image.putpixel(place, (255, 255, 255, 255))
    assert fault_of(image.convert(mode)) is None


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_white_mask_selects_everything(mode: str) -> None:
    """That may be meant."""
    assert fault_of(Image.new("RGBA", (61, 40), "white").convert(mode)) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0)])
def test_selection_in_the_alpha_channel_is_found(colour: tuple[int, int, int]) -> None:
    """One colour everywhere, and an alpha channel that is not."""
    image = Image.new("RGBA", (61, 40), (*colour, 0))
    image.paste((*colour, 255), (10, 10, 30, 30))
    assert fault_of(image) == "in-alpha"


def test_painted_strokes_on_transparency_are_a_selection() -> None:
    """White where selected, and transparent black elsewhere: the colours tell it, too."""
    image = Image.new("RGBA", (61, 40), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (10, 10, 30, 30))
    assert fault_of(image) is None


def test_palette_is_read() -> None:
    """Black may be any of its colours, and its transparency may be the selection."""
    pixels = Image.new("P", (61, 40), 3)
    pixels.putpalette([9, 9, 9, 50, 50, 50, 255, 255, 255, 0, 0, 0])
    assert fault_of(pixels) == "black"
    pixels.putpixel((60, 39), 2)
    assert fault_of(pixels) is None
    black = Image.new("P", (61, 40), 0)
    black.putpalette([0, 0, 0, 0, 0, 0])
    black.putpixel((7, 7), 1)
    assert fault_of(black) == "black"
    out = io.BytesIO()
    black.save(out, "PNG", transparency=bytes([0, 255]))
    assert mask_fault(out) == "in-alpha"


def _interlaced(rows: bytes, depth: int, colour: int, width: int, height: int) -> io.BytesIO:
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 1])
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_interlaced_mask_is_read() -> None:
    """Seven passes of a grey picture of 8 x 8; the white pixel is in the last one."""
    sizes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = b"".join(b"\0" + bytes(width) for width, height in sizes for _ in range(height))
    assert mask_fault(_interlaced(rows, 8, 0, 8, 8)) == "black"
    assert mask_fault(_interlaced(rows[:-1] + b"\xff", 8, 0, 8, 8)) is None


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(FILTERS),
    st.integers(0, 255),
    st.integers(0, 255),
    st.one_of(st.none(), st.tuples(st.integers(0, 99), st.integers(0, 3), st.integers(0, 255))),
)
def test_every_filter_is_understood(
    width: int,
    height: int,
    channels: int,
    method: int,
    colour: int,
    alpha: int,
    change: tuple[int, int, int] | None,
) -> None:
    """The answer is that of the pixels."""
    pixels = np.full((height, width, channels), colour, np.uint8)
    has_alpha = channels in (2, 4)
    if has_alpha:
        pixels[..., -1] = alpha
    if change is not None:
        at, channel, value = change
        pixels.reshape(-1, channels)[at % (width * height), channel % channels] = value
    colours = pixels[..., :-1] if has_alpha else pixels
    same = len({tuple(one) for one in colours.reshape(-1, colours.shape[2])}) == 1
    in_alpha = has_alpha and same and len(set(pixels[..., -1].ravel())) > 1
    expected = "in-alpha" if in_alpha else "black" if not colours.any() else None
    assert mask_fault(png_of(pixels, method)) == expected


@settings(max_examples=300)
@given(
    st.binary(max_size=60),
    st.integers(0, 400),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
def test_no_bytes_raise_an_error(noise: bytes, cut: int, changes: list[tuple[int, int]]) -> None:
    """Neither noise, nor a damaged mask, nor one that is cut off."""
    body = bytearray(png_of(np.zeros((9, 9, 4), np.uint8), 4).getvalue())
    for at, value in changes:
        body[at % len(body)] = value
    for each in (noise, b"\x89PNG\r\n\x1a\n" + noise, bytes(body[:cut]), bytes(body)):
        assert mask_fault(io.BytesIO(each)) in (None, "black", "in-alpha")


def test_bomb_takes_bounded_time_and_memory() -> None:
    """A few kilobytes that become gigabytes, by rows of any length."""
    for width, height in itertools.product((1, 30_000, 2**31 - 1), (1, 30_000, 2**31 - 1)):
        rows = bytes(min(20_000_000, (width + 1) * height))
        head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
        body = io.BytesIO(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        )
        del rows
        tracemalloc.start()
        begun = time.monotonic()
        mask_fault(body)
        assert time.monotonic() - begun < 20
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
