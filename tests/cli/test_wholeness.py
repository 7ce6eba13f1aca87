"""Whether a photo on the disk is whole, as its bytes show it."""

from pathlib import Path

import pytest

from infra.cli.hot_folder.file_ready import is_whole
from tests.cli.makes import make_photo


@pytest.mark.parametrize("name", ["cat.jpg", "cat.JPG", "cat.png", "cat.webp", "cat.tif"])
def test_half_a_photo_is_not_whole(tmp_path: Path, name: str) -> None:
    """The header alone would do for a look at the size; the pixels must be there."""
    path = tmp_path / name
    make_photo().save(path)
    assert is_whole(path)
    body = path.read_bytes()
    path.write_bytes(body[: len(body) // 2])
    assert not is_whole(path)


@pytest.mark.parametrize("name", ["cat.jpg.json", "notes.txt", "film.mp4", "cat.heic"])
def test_what_cannot_be_looked_into_counts_as_whole(tmp_path: Path, name: str) -> None:
    """Nothing is held back for a format that cannot be decoded here."""
    (tmp_path / name).write_bytes(b"x")
    assert is_whole(tmp_path / name)
