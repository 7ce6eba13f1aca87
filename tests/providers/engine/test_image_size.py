"""An image has its size as displayed, whatever its orientation."""

import io
import struct

import pytest
from PIL import Image

from darkroom.domain.errors import InputRefused
from darkroom.domain.media import AVIF, HEIC, JPEG, PNG, TIFF, WEBP
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.providers.engine.image_size import displayed_size
from darkroom.providers.engine.input_files import InputFileSet
from tests.fakes.inputs import InMemoryInputs
from tests.providers.engine.driver_harness import DriverHarness

WIDE, HIGH = (40, 30), (30, 40)
FORMATS = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "TIFF": TIFF, "AVIF": AVIF}
ORIENTATION = 274
UPRIGHT = (1, 2, 3, 4)
TURNED = (5, 6, 7, 8)


def image(size: tuple[int, int], orientation: int | None = None, form: str = "JPEG") -> bytes:
    """An image as a camera with this orientation saves it."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.new("RGB", size, (90, 120, 150)).save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", [None, *UPRIGHT, *TURNED])
def test_image_size_is_as_displayed(form: str, orientation: int | None) -> None:
    """In every format whose header can have an orientation."""
    file = io.BytesIO(image(WIDE, orientation, form))
    seen = HIGH if orientation in TURNED else WIDE
    assert displayed_size(file, FORMATS[form]) == seen


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG; its checksum is not read here."""
    return struct.pack(">I", len(data)) + name + data + bytes(4)


def test_exif_after_the_pixels_of_a_png_counts() -> None:
    """Programs that only add a chunk put it there."""
    plain, turned = image(WIDE, form="PNG"), Image.Exif()
    turned[ORIENTATION] = 6
    end = plain.index(b"IEND") - 4
    exif = chunk(b"eXIf", turned.tobytes().removeprefix(b"Exif\0\0"))
    assert displayed_size(io.BytesIO(plain[:end] + exif + plain[end:]), PNG) == HIGH


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
def test_broken_exif_rotates_nothing(exif: bytes, seen: tuple[int, int]) -> None:
    """And raises nothing, in both byte orders."""
    plain = image(WIDE, form="PNG")
    start = plain.index(b"IDAT") - 4
    file = io.BytesIO(plain[:start] + chunk(b"eXIf", exif) + plain[start:])
    assert displayed_size(file, PNG) == seen


class Watched(io.BytesIO):
    """A file that records the size and number of its reads."""

    largest = 0
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and record it."""
        found = super().read(size)
        self.largest, self.reads = max(self.largest, len(found)), self.reads + 1
        return found


def test_large_file_is_not_read_into_memory() -> None:
    """And the search through its chunks has a limit."""
    plain = image(WIDE, form="PNG")
    start = plain.index(b"IDAT") - 4
    large = chunk(b"eXIf", bytes(3_000_000))
    file = Watched(plain[:start] + large + plain[start:])
    assert displayed_size(file, PNG) == WIDE
    assert file.largest <= 1 << 16
    many = Watched(plain[:start] + chunk(b"tEXt", b"") * 150_000)
    assert displayed_size(many, PNG) == WIDE
    assert many.reads < 101_000


@pytest.mark.parametrize("orientation", [None, *UPRIGHT, *TURNED])
def test_damaged_heif_has_no_size_or_the_right_one(orientation: int | None) -> None:
    """Truncated anywhere, or with any byte changed: it never raises."""
    whole = image(WIDE, orientation, "AVIF")
    seen = HIGH if orientation in TURNED else WIDE
    assert {displayed_size(io.BytesIO(whole[:end]), AVIF) for end in range(len(whole))} == {
        None,
        seen,
    }
    for place in range(len(whole)):
        changed = whole[:place] + b"\xff" + whole[place + 1 :]
        found = displayed_size(io.BytesIO(changed), AVIF)
        assert found is None or min(found) > 0


def test_primary_image_of_a_heif_counts() -> None:
    """A phone's image consists of tiles, and each has a size too."""
    file = io.BytesIO(heif(items={1: (2,), 2: (1, 0x80 | 3)}, primary=2))
    assert displayed_size(file, HEIC) == HIGH
    assert displayed_size(io.BytesIO(heif(items={1: (2,)}, primary=1)), HEIC) == (8, 8)
    assert displayed_size(io.BytesIO(heif(items={1: (2,)}, primary=5)), HEIC) is None
    assert displayed_size(io.BytesIO(heif(items={1: (9,)}, primary=1)), HEIC) is None


def box(name: bytes, data: bytes) -> bytes:
    """A box of ISO media."""
    return struct.pack(">I", 8 + len(data)) + name + data


def heif(items: dict[int, tuple[int, ...]], primary: int) -> bytes:
    """A HEIC: item -> numbers of its properties: 40 x 30, 8 x 8, rotated once; without pixels."""
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
    boxes = box(b"pitm", struct.pack(">IH", 0, primary))
    boxes += box(b"iprp", box(b"ipco", ipco) + box(b"ipma", ipma))
    meta = box(b"meta", bytes(4) + boxes)
    return box(b"ftyp", b"heic" + bytes(4) + b"mif1") + meta + box(b"mdat", b"")


def check(image: bytes, mask: bytes) -> None:
    """Check a photo and its mask as before a paid call."""
    inputs = InMemoryInputs()
    route = DriverHarness("http://127.0.0.1:9").route(operation="remove-objects")
    roles: dict[str, tuple[Input, ...]] = {
        "image": (inputs.put("pets/cat.jpg", image),),
        "mask": (inputs.put("pets/mask.png", mask),),
    }
    with InputFileSet(inputs) as files:
        files.check(JobRequest("ab" * 16, 1, route, route.params(), roles))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (image(WIDE), image(HIGH, form="PNG")),
        (image(WIDE, 3), image(HIGH, form="PNG")),
        (image(WIDE, 6), image(WIDE, form="PNG")),
        (image(WIDE), image(WIDE, 8, form="PNG")),
        (image(WIDE, 6, form="WEBP"), image(WIDE, form="PNG")),
    ],
)
def test_mask_rotated_against_its_photo_is_refused(image: bytes, mask: bytes) -> None:
    """It would be paid for, and edit the wrong part of the photo."""
    with pytest.raises(InputRefused) as caught:
        check(image, mask)
    failure = caught.value.failure
    assert failure.code == "sizes-differ"
    assert "one is rotated against the other" in failure.sentence
    assert "Rotate pets/mask.png" in failure.next_step


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (image(WIDE, 6), image(HIGH, form="PNG")),
        (image(WIDE, 6), image(WIDE, 6, form="PNG")),
        (image(WIDE, 3), image(WIDE, form="PNG")),
        (image(WIDE, 6, form="PNG"), image(HIGH, form="WEBP")),
    ],
)
def test_mask_displayed_like_its_photo_is_accepted(image: bytes, mask: bytes) -> None:
    """However the two are stored."""
    check(image, mask)


def test_mask_of_another_size_is_refused_without_advice_to_rotate() -> None:
    """Rotating would not help."""
    with pytest.raises(InputRefused, match="30 x 20") as caught:
        check(image(WIDE), image((30, 20), form="PNG"))
    assert "turned" not in caught.value.failure.sentence
    assert "same size" in caught.value.failure.next_step
