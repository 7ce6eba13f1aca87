"""Input files are looked at before anything is sent."""

import pytest

from darkroom.domain.errors import InputRefused
from darkroom.domain.order import Input
from tests.providers.desk import DONE, Desk
from tests.providers.rawserver import answering, serving


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
def test_a_file_that_will_not_do_is_refused_before_anything_is_sent(
    body: bytes, code: str, words: str
) -> None:
    """The sentence names the file, what was found, and what is allowed."""
    with serving(answering(DONE)) as server:
        desk = Desk(server.base_url)
        with pytest.raises(InputRefused) as caught:
            desk.submit(body)
    assert caught.value.failure.code == code
    assert words in caught.value.failure.sentence
    assert server.received == []
    assert desk.intended == []


def test_a_file_that_is_gone_is_refused() -> None:
    """The bucket's own refusal passes through; nothing was sent."""
    desk = Desk("http://127.0.0.1:9")
    with pytest.raises(InputRefused):
        desk.submit_file(Input("gone.png", "v9", "e", 10))
