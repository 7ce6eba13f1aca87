"""Decodes one or two pictures and prints what they show, as JSON: a program, not a module.

    python -I -S decoder.py '{"library": ..., "files": [3, 4], "memory_bytes": ..., "cpu_s": ...}'

It runs in a process of its own, because a decoder may crash, hang or use all memory, whatever the
picture was made for. It knows no key, writes no file, and ends when its memory or its processor
time is used up. It imports nothing of the product: it must start quickly.

A picture is scaled down before anything is measured: a JPEG while it is decoded. The answer has a
`look` for each file, or its `error`; see `domain.quality` for the fields.
"""

import contextlib
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

MAX_PIXELS = 150_000_000
"""Larger ones are not decoded, even where memory would suffice: it would take too long."""
SIDE = 512
"""The longer side of what is measured, pixels."""
DRAFT_SIDE = 2 * SIDE
"""A JPEG is decoded at the smallest size from this on."""
SAME_COLOUR = 2
"""How many levels of 255 a picture of one colour may vary by: its own coding makes some."""
VISIBLE_CHANGE = 12
"""From how many levels of 255 a difference counts as one."""
RATIO_TOLERANCE = 0.03
ANIMATED = frozenset({"AVIF", "GIF", "PNG", "WEBP"})
"""Formats of animations. Other formats have pages, or a second picture beside the first."""
BYTE = 255.0
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""Orientations that swap width and height (Exif 2.3, 4.6.4)."""
FORMATS = (
    (0, b"\x89PNG", "PNG", "Png"),
    (0, b"\xff\xd8", "JPEG", "Jpeg"),
    (8, b"WEBP", "WEBP", "WebP"),
    (0, b"GIF8", "GIF", "Gif"),
    (0, b"BM", "BMP", "Bmp"),
    (0, b"II*\0", "TIFF", "Tiff"),
    (0, b"MM\0*", "TIFF", "Tiff"),
    (4, b"ftypavi", "AVIF", "Avif"),
)
"""Offset, bytes, the library's name of the format, its module. No other decoder is used."""


class TooManyPixelsError(Exception):
    """More than `MAX_PIXELS`."""


class UnknownFormatError(Exception):
    """None of the formats that are decoded here."""


def main() -> None:
    """Read the request from the arguments, and print the answer."""
    request = json.loads(sys.argv[1])
    sys.path.append(request["library"])
    from PIL import Image  # noqa: PLC0415 - found only now

    Image.MAX_IMAGE_PIXELS = None  # there is a limit of our own
    Image._initialized = 2  # noqa: SLF001 - or it imports five formats for one
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_CPU", int(request["cpu_s"]))
    _limit("RLIMIT_AS", _address_space() + int(request["memory_bytes"]))
    looks: list[dict[str, Any]] = []
    pictures: list[Image.Image] = []
    for number in request["files"]:
        try:
            look, picture = _look(number)
        except MemoryError:
            looks.append({"error": "memory"})
        except TooManyPixelsError:
            looks.append({"error": "pixels"})
        except Exception as error:  # noqa: BLE001 - a decoder raises anything
            looks.append({"error": type(error).__name__})
        else:
            looks.append(look)
            pictures.append(picture)
    answer: dict[str, Any] = {"looks": looks}
    with contextlib.suppress(Exception):  # what each of them shows is known
        if len(pictures) == 2:  # noqa: PLR2004 - a result and its source
            answer |= _compare(pictures[0], pictures[1], looks)
    sys.stdout.write(json.dumps(answer))


def _look(number: int) -> tuple[dict[str, Any], "Image"]:
    """What the picture in this open file shows, and the picture scaled down, as RGBA."""
    from PIL import Image  # noqa: PLC0415 - as above

    with open(number, "rb", closefd=False) as file:
        file.seek(0)
        name = _import_format(file.read(16))
        file.seek(0)
        image: Image.Image = Image.open(file, formats=(name,))
        if image.width * image.height > MAX_PIXELS:
            raise TooManyPixelsError
        profile = _profile(image.info.get("icc_profile"))
        animated = image.format in ANIMATED and bool(getattr(image, "is_animated", False))
        width, height = image.size
        image.draft(None, (DRAFT_SIDE, DRAFT_SIDE))
        image.load()
        transparent = image.has_transparency_data
        orientation = image.getexif().get(ORIENTATION, 1)
        plain = _as_bytes(image)
    black = all(high == 0 for _, high in _extrema(plain)[:3])
    rgba = plain.reduce(max(1, -(-max(plain.size) // SIDE))).convert("RGBA")
    method = _turning(orientation)
    if method is not None:
        rgba = rgba.transpose(method)
    rgba.info = {"icc_profile": image.info.get("icc_profile")}
    turned = orientation in TURNED
    shares = rgba.getchannel("A").histogram()
    look = {
        "width": height if turned else width,
        "height": width if turned else height,
        "animated": animated,
        "transparent": transparent,
        "visible_share": sum(shares[128:]) / sum(shares),
        "flat": all(high - low <= SAME_COLOUR for low, high in _extrema(rgba.convert("RGBa"))),
        "black": black,
        "profile": profile,
    }
    return look, rgba


def _import_format(head: bytes) -> str:
    """Import the decoder of a file with these first bytes, and no other; the format's name."""
    import importlib  # noqa: PLC0415 - with the decoder

    for offset, magic, name, module in FORMATS:
        if head[offset : offset + len(magic)] == magic:
            importlib.import_module(f"PIL.{module}ImagePlugin")
            return name
    raise UnknownFormatError


def _turning(orientation: int) -> "Transpose | None":
    """What turns a picture with this orientation upright."""
    from PIL.Image import Transpose  # noqa: PLC0415 - as above

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)


def _as_bytes(image: "Image") -> "Image":
    """The picture as RGB or RGBA, 8 bits a channel; 16 bits are scaled, not clipped."""
    if image.mode == "F" or image.mode.startswith("I"):
        low, high = (float(value) for value in image.convert("F").getextrema()[:2])  # type: ignore[arg-type] # of one channel
        low, high = (low, high) if image.mode == "F" else (0.0, 65535.0 if high > BYTE else BYTE)
        scale = BYTE / (high - low) if high > low else 0.0
        image = image.convert("F").point(lambda value: value * scale + -low * scale).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _extrema(image: "Image") -> list[tuple[int, int]]:
    """The least and the largest value of each channel."""
    return list(image.getextrema())  # type: ignore[arg-type] # of several channels


def _profile(data: object) -> str:
    """The kind of an ICC profile, by its header and its name (ICC.1, 7.2.6 and 9.2.41)."""
    if not isinstance(data, bytes) or data[16:20] not in (b"RGB ", b"CMYK"):
        return "none"  # a grey picture has no colours to lose
    names = (b"sRGB", "sRGB".encode("utf-16-be"))
    return "srgb" if any(name in data for name in names) else "other"


def _compare(result: "Image", source: "Image", looks: list[dict[str, Any]]) -> dict[str, Any]:
    """How much differs, where the proportions are the same; and whether colours were converted."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - as above

    answer: dict[str, Any] = {}
    one, other = looks
    ratio = one["width"] * other["height"] / (one["height"] * other["width"])
    slack = RATIO_TOLERANCE + 1 / min(*result.size, *source.size)
    if abs(ratio - 1) > slack:
        return answer
    size = min(result.size, source.size)
    pair = [image.resize(size, Image.Resampling.BOX) for image in (result, source)]
    grey = Image.new("RGBA", size, (128, 128, 128, 255))
    after, before = (Image.alpha_composite(grey, image).convert("RGB") for image in pair)
    channels = ImageChops.difference(after, before).split()
    largest = ImageChops.lighter(ImageChops.lighter(*channels[:2]), channels[2])
    counts = largest.histogram()
    answer["changed_share"] = sum(counts[VISIBLE_CHANGE:]) / sum(counts)
    answer["largest_change"] = max(level for level, count in enumerate(counts) if count)
    if (one["profile"], other["profile"]) == ("none", "other"):
        answer["converted"] = _is_converted(after, before, source.info["icc_profile"])
    return answer


def _is_converted(after: "Image", before: "Image", profile: bytes) -> bool | None:
    """Whether a picture without a profile has the colours that its source's profile stands for.

    It is compared with the source's numbers as they are, and as converted to sRGB: the nearer one
    tells.
    """
    from io import BytesIO  # noqa: PLC0415 - seldom needed

    try:
        from PIL import ImageChops, ImageCms, ImageStat  # noqa: PLC0415 - as above

        converted = ImageCms.profileToProfile(
            before, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except Exception:  # noqa: BLE001 - a profile may be anything
        return None
    if converted is None:
        return None
    far, near = (
        sum(ImageStat.Stat(ImageChops.difference(after, other)).mean)
        for other in (before, converted)
    )
    return near < far


def _address_space() -> int:
    """The bytes of address space that this process has now; 0 where nobody says."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - quicker to start
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit(name: str, most: int) -> None:
    """Set a limit of this process; where the system refuses it, the caller's time limit is left."""
    try:
        resource.setrlimit(getattr(resource, name), (most, most))
    except (AttributeError, OSError, ValueError):
        return


if __name__ == "__main__":
    main()
