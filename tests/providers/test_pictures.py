"""A picture is as large as it is seen, whichever way its camera was held."""

import io
import struct

import pytest
from PIL import Image

from darkroom.domain.errors import InputRefused
from darkroom.domain.media import AVIF, HEIC, JPEG, PNG, TIFF, WEBP
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.providers.engine.input_files import Files
from darkroom.providers.engine.picture_size import seen_size
from tests.fakes.inputs import InMemoryInputs
from tests.providers.desk import Desk

WIDE, HIGH = (40, 30), (30, 40)
FORMATS = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "TIFF": TIFF, "AVIF": AVIF}
ORIENTATION = 274
UPRIGHT = (1, 2, 3, 4)
TURNED = (5, 6, 7, 8)


def picture(size: tuple[int, int], orientation: int | None = None, form: str = "JPEG") -> bytes:
    """A picture as a camera saves it that notes how it was held."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", [None, *UPRIGHT, *TURNED])
def test_a_picture_has_the_size_that_it_is_seen_in(form: str, orientation: int | None) -> None:
    """In every format whose header can say that it is turned."""
    file = io.BytesIO(picture(WIDE, orientation, form))
    seen = HIGH if orientation in TURNED else WIDE
    assert seen_size(file, FORMATS[form]) == seen


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG; nobody here looks at its checksum."""
    return struct.pack(">I", len(data)) + name + data + bytes(4)


def test_what_a_png_says_after_its_pixels_counts_too() -> None:
    """Its chunk may stand there, and programs put it there that only add something."""
    plain, turned = picture(WIDE, form="PNG"), Image.Exif()
    turned[ORIENTATION] = 6
    end = plain.index(b"IEND") - 4
    exif = chunk(b"eXIf", turned.tobytes().removeprefix(b"Exif\0\0"))
    assert seen_size(io.BytesIO(plain[:end] + exif + plain[end:]), PNG) == HIGH


def short(order: str, tag: int = ORIENTATION, value: int = 6) -> bytes:
    """A directory with one entry."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IHHHIHH", 8, 1, tag, 3, 1, value, 0)


@pytest.mark.parametrize(
    ("exif", "seen"),
    [
        (short("<"), HIGH),
        (short(">"), HIGH),
        (short("<", value=3), WIDE),
        (short("<", value=99), WIDE),
        (short("<", tag=256), WIDE),
        (short("<")[:12], WIDE),
        (b"II*\0\xff\xff\xff\xff", WIDE),
        (b"MM\0*\0\0\0\x08\xff\xff", WIDE),
        (b"nothing of the sort", WIDE),
        (b"", WIDE),
    ],
)
def test_a_broken_note_turns_nothing(exif: bytes, seen: tuple[int, int]) -> None:
    """And raises nothing: both byte orders are read as far as they go."""
    plain = picture(WIDE, form="PNG")
    start = plain.index(b"IDAT") - 4
    file = io.BytesIO(plain[:start] + chunk(b"eXIf", exif) + plain[start:])
    assert seen_size(file, PNG) == seen


class Watched(io.BytesIO):
    """A file that knows how much of it was asked for at once, and how often."""

    largest = 0
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As ever."""
        found = super().read(size)
        self.largest, self.reads = max(self.largest, len(found)), self.reads + 1
        return found


def test_a_large_file_is_not_read_into_memory() -> None:
    """Nor are its chunks walked for ever."""
    plain = picture(WIDE, form="PNG")
    start = plain.index(b"IDAT") - 4
    large = chunk(b"eXIf", bytes(3_000_000))
    file = Watched(plain[:start] + large + plain[start:])
    assert seen_size(file, PNG) == WIDE
    assert file.largest <= 1 << 16
    many = Watched(plain[:start] + chunk(b"tEXt", b"") * 150_000)
    assert seen_size(many, PNG) == WIDE
    assert many.reads < 101_000


@pytest.mark.parametrize("orientation", [None, *UPRIGHT, *TURNED])
def test_a_cut_heif_has_no_size_or_the_right_one(orientation: int | None) -> None:
    """Wherever it ends, and whatever one of its bytes is: it is never fatal."""
    whole = picture(WIDE, orientation, "AVIF")
    seen = HIGH if orientation in TURNED else WIDE
    assert {seen_size(io.BytesIO(whole[:end]), AVIF) for end in range(len(whole))} == {None, seen}
    for place in range(len(whole)):
        changed = whole[:place] + b"\xff" + whole[place + 1 :]
        found = seen_size(io.BytesIO(changed), AVIF)
        assert found is None or min(found) > 0


def test_the_primary_picture_of_a_heif_counts() -> None:
    """A telephone's picture is made of tiles, and each has a size, too."""
    file = io.BytesIO(heif(items={1: (2,), 2: (1, 0x80 | 3)}, primary=2))
    assert seen_size(file, HEIC) == HIGH
    assert seen_size(io.BytesIO(heif(items={1: (2,)}, primary=1)), HEIC) == (8, 8)
    assert seen_size(io.BytesIO(heif(items={1: (2,)}, primary=5)), HEIC) is None
    assert seen_size(io.BytesIO(heif(items={1: (9,)}, primary=1)), HEIC) is None


def box(name: bytes, data: bytes) -> bytes:
    """A box of ISO media."""
    return struct.pack(">I", 8 + len(data)) + name + data


def heif(items: dict[int, tuple[int, ...]], primary: int) -> bytes:
    """A HEIC: item -> numbers of its properties: 40 x 30, 8 x 8, turned once; no pixels."""
    ipco = b"".join(
        (
            box(b"ispe", struct.pack(">III", 0, *WIDE)),
            box(b"ispe", struct.pack(">III", 0, 8, 8)),
            box(b"irot", b"\x01"),
        )
    )
    ipma = struct.pack(">II", 0, len(items)) + b"".join(
        struct.pack(">HB", item, len(numbers)) + bytes(numbers) for item, numbers in items.items()
    )
    told = box(b"pitm", struct.pack(">IH", 0, primary))
    told += box(b"iprp", box(b"ipco", ipco) + box(b"ipma", ipma))
    meta = box(b"meta", bytes(4) + told)
    return box(b"ftyp", b"heic" + bytes(4) + b"mif1") + meta + box(b"mdat", b"")


def check(photo: bytes, mask: bytes) -> None:
    """Look at a photo and its mask as before a paid call."""
    inputs = InMemoryInputs()
    route = Desk("http://127.0.0.1:9").route(operation="remove-objects")
    roles: dict[str, tuple[Input, ...]] = {
        "image": (inputs.put("pets/cat.jpg", photo),),
        "mask": (inputs.put("pets/mask.png", mask),),
    }
    with Files(inputs) as files:
        files.check(JobRequest("ab" * 16, 1, route, route.params(), roles))


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        (picture(WIDE), picture(HIGH, form="PNG")),
        (picture(WIDE, 3), picture(HIGH, form="PNG")),
        (picture(WIDE, 6), picture(WIDE, form="PNG")),
        (picture(WIDE), picture(WIDE, 8, form="PNG")),
        (picture(WIDE, 6, form="WEBP"), picture(WIDE, form="PNG")),
    ],
)
def test_a_mask_that_is_turned_against_its_photo_is_refused(photo: bytes, mask: bytes) -> None:
    """It would be paid for, and the wrong part of the photo would be edited."""
    with pytest.raises(InputRefused) as caught:
        check(photo, mask)
    told = caught.value.failure
    assert told.code == "sizes-differ"
    assert "one is turned against the other" in told.sentence
    assert "Turn pets/mask.png" in told.next_step


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        (picture(WIDE, 6), picture(HIGH, form="PNG")),
        (picture(WIDE, 6), picture(WIDE, 6, form="PNG")),
        (picture(WIDE, 3), picture(WIDE, form="PNG")),
        (picture(WIDE, 6, form="PNG"), picture(HIGH, form="WEBP")),
    ],
)
def test_a_mask_that_is_seen_as_its_photo_is_taken(photo: bytes, mask: bytes) -> None:
    """However the two are stored."""
    check(photo, mask)


def test_one_that_has_another_size_is_refused_as_before() -> None:
    """Turning would not help, and is not advised."""
    with pytest.raises(InputRefused, match="30 x 20") as caught:
        check(picture(WIDE), picture((30, 20), form="PNG"))
    assert "turned" not in caught.value.failure.sentence
    assert "same size" in caught.value.failure.next_step
