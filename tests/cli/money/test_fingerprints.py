"""Photos that look nearly the same are found, and those that are the most unlike."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from infra.cli.money.fingerprints import (
    Fingerprint,
    group_alike,
    most_unlike,
    read_fingerprints,
)

PRINTS = st.lists(
    st.none()
    | st.builds(
        Fingerprint,
        st.integers(0, 2**64 - 1),
        st.lists(st.integers(0, 255), min_size=48, max_size=48).map(tuple),
    ),
    max_size=12,
)


def scene(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture of soft shapes; another seed gives another picture."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def shirt(colour: str) -> Image.Image:
    """A plain thing on a white ground."""
    picture = Image.new("RGB", (300, 300), "white")
    picture.paste(Image.new("RGB", (140, 160), colour), (80, 70))
    return picture


def save(folder: Path, *pictures: Image.Image) -> list[Path]:
    """The pictures as files."""
    paths = [folder / f"{number:03}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path)
    return paths


def test_retakes_and_other_sizes_of_a_photo_are_one_group(tmp_path: Path) -> None:
    """Brighter, smaller, compressed, or cut by a few pixels."""
    photo = scene(1)
    compressed = io.BytesIO()
    photo.save(compressed, "JPEG", quality=40)
    pictures = [
        photo,
        scene(2),
        photo.resize((200, 150)),
        ImageEnhance.Brightness(photo).enhance(1.04),
        Image.open(compressed),
        ImageOps.crop(photo, 3),
    ]
    prints = read_fingerprints(save(tmp_path, *pictures))
    assert group_alike(prints) == [[0, 2, 3, 4, 5], [1]]


def test_two_colours_of_the_same_thing_are_two_groups(tmp_path: Path) -> None:
    """A shop must not lose its blue shirts."""
    prints = read_fingerprints(save(tmp_path, shirt("red"), shirt("blue"), shirt("#f00808")))
    assert group_alike(prints) == [[0, 2], [1]]


def test_200_photos_of_61_scenes_are_61_groups(tmp_path: Path) -> None:
    """Each photo is in one of them, in order."""
    scenes = [scene(number, (80, 60)) for number in range(61)]
    pictures = [
        ImageEnhance.Contrast(scenes[n % 61]).enhance(1 + n // 61 / 100) for n in range(200)
    ]
    groups = group_alike(read_fingerprints(save(tmp_path, *pictures)))
    assert len(groups) == 61
    assert groups[0] == [0, 61, 122, 183]


def test_broken_pictures_and_other_files_stand_alone(tmp_path: Path) -> None:
    """Cut off, empty, no picture at all, gone, or a bomb of pixels."""
    whole = io.BytesIO()
    scene(1).save(whole, "PNG")
    bomb = whole.getvalue()[:16] + (60_000).to_bytes(4, "big") * 2 + whole.getvalue()[24:]
    for name, body in {
        "cut.png": whole.getvalue()[:2000],
        "empty.jpg": b"",
        "text.jpg": b"no picture",
        "bomb.png": bomb,
    }.items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "good.png").write_bytes(whole.getvalue())
    names = ("cut.png", "good.png", "empty.jpg", "text.jpg", "gone.jpg", "bomb.png", "good.png")
    prints = read_fingerprints([tmp_path / name for name in names])
    assert [one is None for one in prints] == [True, False, True, True, True, True, False]
    assert group_alike(prints) == [[0], [1, 6], [2], [3], [4], [5]]
    assert most_unlike(prints, 3) == [0, 1, 6]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_every_kind_of_picture_has_a_fingerprint(tmp_path: Path, mode: str) -> None:
    """Or, where Pillow cannot average it, stands alone."""
    picture = scene(3).convert("RGB").convert("L" if mode in ("I;16", "F") else mode)
    path = tmp_path / "a.tiff"
    (picture.convert(mode) if mode == "F" else picture).save(path)
    assert read_fingerprints([path])[0] is not None


def test_photos_as_unlike_as_possible_are_chosen() -> None:
    """One of each, whatever their number; always the same ones."""
    black, white = Fingerprint(0, (0,) * 48), Fingerprint(0, (255,) * 48)
    striped = Fingerprint(2**64 - 1, (128,) * 48)
    prints = [black, black, black, white, black, striped, white]
    assert most_unlike(prints, 3) == [0, 3, 5]
    assert most_unlike(prints, 3) == most_unlike(list(prints), 3)


@settings(max_examples=60, deadline=None)
@given(prints=PRINTS, number=st.integers(0, 14))
def test_choice_and_groups_take_each_photo_once(
    prints: "list[Fingerprint | None]", number: int
) -> None:
    """As many as wanted, and every photo in one group."""
    chosen = most_unlike(prints, number)
    assert len(set(chosen)) == len(chosen) == min(number, len(prints))
    assert sorted(place for group in group_alike(prints) for place in group) == [
        *range(len(prints))
    ]
