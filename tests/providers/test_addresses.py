"""Where requests go: the first address that can be reached, other hosts, handed-out ones."""

import base64
import io
import json

import pytest
from PIL import Image

from darkroom.domain.errors import InputRefused, NotSent
from darkroom.domain.provider_jobs import Accepted, JobRequest
from tests.fakes.inputs import InMemoryInputs
from tests.providers.rawserver import RawServer, answering, http, serving, speaking
from tests.providers.test_sessions import OK, PAID, script
from tests.providers.tokens import ROUTE, Tokens, driver_of

NOBODY = "http://127.0.0.1:9"


def picture(width: int, height: int) -> bytes:
    """A PNG of this size."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def work(inputs: InMemoryInputs, width: int = 60, height: int = 40) -> JobRequest:
    """One picture."""
    file = inputs.put("a.png", picture(width, height))
    return JobRequest("ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (file,)})


def body_of(server: RawServer, path: str) -> bytes:
    """The body of the request for a path."""
    (found,) = [raw for raw in server.received if raw.split(b" ")[1] == path.encode()]
    return found.partition(b"\r\n\r\n")[2]


def test_the_next_address_is_tried_when_nothing_could_be_sent() -> None:
    """Also for the paid call; it is made once."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server:
        adapter = Tokens((NOBODY, server.base_url))
        driver = driver_of(adapter, inputs, upload_url=server.base_url)
        assert driver.submit(work(inputs), lambda _prepared: None) == Accepted("j1")

    assert [raw.split(b" ")[1] for raw in server.received].count(b"/pay") == 1


def test_an_address_that_was_reached_is_the_last_one_tried() -> None:
    """Once all of a paid call was sent, no second address hears of it."""
    inputs = InMemoryInputs()
    silent = dict(script(pay=[b""]))
    with serving(speaking(silent)) as first, serving(answering(PAID)) as second:
        driver = driver_of(
            Tokens((first.base_url, second.base_url)), inputs, upload_url=first.base_url
        )
        with pytest.raises(Exception, match="did not answer"):
            driver.submit(work(inputs), lambda _prepared: first.stop.set())

    assert second.received == []


def test_nobody_at_any_address_means_that_nothing_was_sent() -> None:
    """Each of them was tried."""
    inputs = InMemoryInputs()
    driver = driver_of(Tokens((NOBODY, NOBODY)), inputs)
    with pytest.raises(NotSent):
        driver.submit(work(inputs), lambda _prepared: None)


def test_a_handed_out_address_gets_the_file_alone() -> None:
    """Its bytes and its length, exactly the headers that were handed out, and no credentials."""
    inputs = InMemoryInputs()
    with serving(answering(OK)) as elsewhere, serving(speaking(script())) as server:
        adapter = Tokens((server.base_url,), upload=f"{elsewhere.base_url}/put?signature=s")
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        driver.submit(work(inputs), lambda _prepared: None)

    head, _, body = elsewhere.received[0].partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert head.startswith(b"PUT /put?signature=s HTTP/1.1")
    assert sorted(names) == [b"content-length", b"content-type", b"host"]
    assert body == picture(60, 40)


def test_another_host_is_where_its_own_setting_says() -> None:
    """The file goes into the JSON as base64."""
    inputs = InMemoryInputs()
    texts = {"/texts": [http("200 OK", b"{}")]}
    with serving(speaking(texts)) as other, serving(speaking(script())) as server:
        driver = driver_of(
            Tokens(("http://no.invalid",)),
            inputs,
            base_url=server.base_url,
            upload_url=other.base_url,
        )
        driver.submit(work(inputs), lambda _prepared: None)

    told = json.loads(body_of(other, "/texts"))
    assert told["n"] == 1
    assert base64.b64decode(told["data"]) == picture(60, 40)


def test_a_link_is_given_only_to_whom_can_follow_it() -> None:
    """The bucket of the tests is on this machine: a sandbox may read it, a real provider not."""
    inputs = InMemoryInputs()
    requests: list[str] = []
    with serving(speaking(script())) as server:
        near = driver_of(Tokens(()), inputs, base_url=server.base_url)
        near.submit(work(inputs), lambda prepared: requests.append(prepared.request))
        far = driver_of(
            Tokens((server.base_url, "http://no.invalid")), inputs, upload_url=server.base_url
        )
        far.submit(work(inputs), lambda prepared: requests.append(prepared.request))

    links = [json.loads(text)["json"]["link"] for text in requests]
    assert links == ["https://inputs.test/a.png?version=v1&seconds=60", None]


@pytest.mark.parametrize(
    ("size", "code", "words"),
    [
        ((65, 20), "picture-too-large", "65 x 20 pixels; tokens takes a longer side of at most 64"),
        ((50, 50), "picture-too-large", "shorter side of at most 48"),
        ((60, 7), "picture-too-small", "shorter side of at least 8"),
    ],
)
def test_a_picture_of_the_wrong_size_is_refused_before_anything_is_sent(
    size: tuple[int, int], code: str, words: str
) -> None:
    """By its header alone; the sentence has the figures."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server, pytest.raises(InputRefused) as caught:
        driver_of(Tokens((server.base_url,)), inputs).submit(
            work(inputs, *size), lambda _prepared: None
        )

    assert caught.value.failure.code == code
    assert words in caught.value.failure.sentence
    assert server.received == []


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    """And a turned one as well: it would be laid over another part of the photo."""
    inputs = InMemoryInputs()
    asked = work(inputs)
    (image,) = asked.inputs["image"]
    with serving(speaking(script())) as server:
        driver = driver_of(Tokens((server.base_url,)), inputs, base_url=server.base_url)

        def submit(*size: int) -> None:
            mask = inputs.put("mask.png", picture(*size))
            asked = JobRequest(
                "ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (image,), "mask": (mask,)}
            )
            driver.submit(asked, lambda _prepared: None)

        submit(60, 40)
        for size in ((60, 41), (40, 60)):
            with pytest.raises(InputRefused) as caught:
                submit(*size)
            assert caught.value.failure.code == "sizes-differ"
            assert f"{size[0]} x {size[1]}" in caught.value.failure.sentence
            assert "60 x 40" in caught.value.failure.sentence
