"""Input files are checked before anything is sent."""

import pytest

from darkroom.domain.errors import InputRefused
from darkroom.domain.order import Input
from tests.fakes.raw_server import answering, serving
from tests.providers.engine.driver_harness import DONE, DriverHarness


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"GIF89a" + b"\0" * 80, "wrong-format", "pets/cat.png is gif"),
        (b"II*\x00" + b"\0" * 80, "wrong-format", "takes jpg, png, webp"),
        (b"%PDF-1.7" + b"\0" * 80, "not-an-image", "is not an image"),
        (b"ID3\x04" + b"\0" * 80, "not-an-image", "mp3 (audio)"),
        (b"\x89PN", "not-an-image", "of no known format"),
    ],
    ids=["gif", "tiff", "pdf", "mp3", "stub"],
)
def test_unsuitable_file_is_refused_before_any_request(body: bytes, code: str, words: str) -> None:
    """The sentence names the file, its format, and the accepted ones."""
    with serving(answering(DONE)) as server:
        harness = DriverHarness(server.base_url)
        with pytest.raises(InputRefused) as caught:
            harness.submit(body)
    assert caught.value.failure.code == code
    assert words in caught.value.failure.sentence
    assert server.received == []
    assert harness.intended == []


def test_missing_file_is_refused() -> None:
    """The bucket's own error passes through; nothing was sent."""
    harness = DriverHarness("http://127.0.0.1:9")
    with pytest.raises(InputRefused):
        harness.submit_file(Input("gone.png", "v9", "e", 10))
