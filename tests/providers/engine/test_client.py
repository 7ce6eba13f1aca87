"""Where requests go: the first reachable base URL, other hosts, URLs that a provider gave."""

import base64
import io
import json

import pytest
from PIL import Image

from darkroom.domain.errors import InputRefused, NotSent
from darkroom.domain.provider_jobs import Accepted, JobRequest
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import RawServer, answering, http, serving, speaking
from tests.providers.engine.test_token_cache import OK, PAID, script
from tests.providers.engine.token_provider import ROUTE, TokenProvider, driver_of

NOBODY = "http://127.0.0.1:9"


def png_of(width: int, height: int) -> bytes:
    """A PNG of this size."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    return out.getvalue()


def job_request_of(inputs: InMemoryInputs, width: int = 60, height: int = 40) -> JobRequest:
    """One image."""
    file = inputs.put("a.png", png_of(width, height))
    return JobRequest("ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (file,)})


def body_of(server: RawServer, path: str) -> bytes:
    """The body of the request for a path."""
    (found,) = [raw for raw in server.received if raw.split(b" ")[1] == path.encode()]
    return found.partition(b"\r\n\r\n")[2]


def test_next_base_url_is_tried_when_nothing_was_sent() -> None:
    """Also for the paid call, which is made once."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server:
        adapter = TokenProvider((NOBODY, server.base_url))
        driver = driver_of(adapter, inputs, upload_url=server.base_url)
        assert driver.submit(job_request_of(inputs), lambda _prepared: None) == Accepted("j1")

    assert [raw.split(b" ")[1] for raw in server.received].count(b"/pay") == 1


def test_no_base_url_is_tried_after_a_request_was_sent() -> None:
    """Once a paid call was sent, no second base URL receives it."""
    inputs = InMemoryInputs()
    silent = dict(script(pay=[b""]))
    with serving(speaking(silent)) as first, serving(answering(PAID)) as second:
        driver = driver_of(
            TokenProvider((first.base_url, second.base_url)), inputs, upload_url=first.base_url
        )
        with pytest.raises(Exception, match="did not answer"):
            driver.submit(job_request_of(inputs), lambda _prepared: first.stop.set())

    assert second.received == []


def test_unreachable_base_urls_mean_that_nothing_was_sent() -> None:
    """Each of them was tried."""
    inputs = InMemoryInputs()
    driver = driver_of(TokenProvider((NOBODY, NOBODY)), inputs)
    with pytest.raises(NotSent):
        driver.submit(job_request_of(inputs), lambda _prepared: None)


def test_upload_url_gets_only_the_file() -> None:
    """Its bytes and length, exactly the given headers, and no credentials."""
    inputs = InMemoryInputs()
    with serving(answering(OK)) as elsewhere, serving(speaking(script())) as server:
        adapter = TokenProvider((server.base_url,), upload=f"{elsewhere.base_url}/put?signature=s")
        driver = driver_of(adapter, inputs, base_url=server.base_url)
        driver.submit(job_request_of(inputs), lambda _prepared: None)

    head, _, body = elsewhere.received[0].partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert head.startswith(b"PUT /put?signature=s HTTP/1.1")
    assert sorted(names) == [b"content-length", b"content-type", b"host"]
    assert body == png_of(60, 40)


def test_other_host_has_its_own_setting() -> None:
    """The file goes into the JSON as base64."""
    inputs = InMemoryInputs()
    texts = {"/texts": [http("200 OK", b"{}")]}
    with serving(speaking(texts)) as other, serving(speaking(script())) as server:
        driver = driver_of(
            TokenProvider(("http://no.invalid",)),
            inputs,
            base_url=server.base_url,
            upload_url=other.base_url,
        )
        driver.submit(job_request_of(inputs), lambda _prepared: None)

    document = json.loads(body_of(other, "/texts"))
    assert document["n"] == 1
    assert base64.b64decode(document["data"]) == png_of(60, 40)


def test_presigned_url_is_only_used_by_a_provider_that_can_reach_it() -> None:
    """The test's bucket is local: a sandbox can read it, a real provider cannot."""
    inputs = InMemoryInputs()
    requests: list[str] = []
    with serving(speaking(script())) as server:
        local = driver_of(TokenProvider(()), inputs, base_url=server.base_url)
        local.submit(job_request_of(inputs), lambda prepared: requests.append(prepared.request))
        far = driver_of(
            TokenProvider((server.base_url, "http://no.invalid")),
            inputs,
            upload_url=server.base_url,
        )
        far.submit(job_request_of(inputs), lambda prepared: requests.append(prepared.request))

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
def test_image_of_the_wrong_size_is_refused_before_any_request(
    size: tuple[int, int], code: str, words: str
) -> None:
    """By its header alone; the sentence has the figures."""
    inputs = InMemoryInputs()
    with serving(speaking(script())) as server, pytest.raises(InputRefused) as caught:
        driver_of(TokenProvider((server.base_url,)), inputs).submit(
            job_request_of(inputs, *size), lambda _prepared: None
        )

    assert caught.value.failure.code == code
    assert words in caught.value.failure.sentence
    assert server.received == []


def test_mask_of_another_size_is_refused_with_both_sizes() -> None:
    """Also a rotated one: it would cover another part of the photo."""
    inputs = InMemoryInputs()
    asked = job_request_of(inputs)
    (image,) = asked.inputs["image"]
    with serving(speaking(script())) as server:
        driver = driver_of(TokenProvider((server.base_url,)), inputs, base_url=server.base_url)

        def submit(*size: int) -> None:
            mask = inputs.put("mask.png", png_of(*size))
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
