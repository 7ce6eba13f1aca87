"""Whether a photo on the disk is complete, as its contents show."""

from pathlib import Path

import pytest

from infra.cli.hot_folder.file_ready import is_complete
from tests.cli.factories import make_photo


@pytest.mark.parametrize("name", ["cat.jpg", "cat.JPG", "cat.png", "cat.webp", "cat.tif"])
def test_half_a_photo_is_not_complete(tmp_path: Path, name: str) -> None:
    """An intact header is not enough; all pixels must be there."""
    path = tmp_path / name
    make_photo().save(path)
    assert is_complete(path)
    body = path.read_bytes()
    path.write_bytes(body[: len(body) // 2])
    assert not is_complete(path)


@pytest.mark.parametrize("name", ["cat.jpg.json", "notes.txt", "film.mp4", "cat.heic"])
def test_a_file_that_cannot_be_decoded_here_counts_as_complete(tmp_path: Path, name: str) -> None:
    """A format without a decoder is never held back."""
    (tmp_path / name).write_bytes(b"x")
    assert is_complete(tmp_path / name)
