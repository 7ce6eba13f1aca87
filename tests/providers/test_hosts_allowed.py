"""Handed-out addresses: whoever a provider's documents name is asked, at what was judged."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from darkroom.domain.errors import Busy, DarkroomError, ProviderRefused
from tests.providers.desk import PNG
from tests.providers.ground import CDN, Ground
from tests.providers.hostile import FORBIDDEN, PUBLIC, PUBLIC_6, SPELLINGS
from tests.providers.rawserver import http

# Where the providers' documents say that results lie and files go, and what such names stand for.
DOCUMENTED = {
    "https://img.theapi.app/temp/2d8b5b3e.png": ("104.26.10.55", "2606:4700:20::681a:a37"),
    "https://img.theapi.app/ephemeral/x.mp4": ("172.67.70.1",),
    "https://storage.theapi.app/videos/288.mp4": ("104.26.11.55", "172.67.70.1"),
    "https://storage.goapi.ai/a.glb": ("104.21.32.1", "2606:4700:3030::6815:2001"),
    "https://img.midjourneyapi.xyz/mj/8f.png": ("172.67.180.9",),
    "https://cdn.midjourney.com/8f/0_0.png": ("104.18.20.14", "2606:4700::6812:140e"),
    "https://cdn2.apiframe.ai/images/7f0c-1.png": ("172.66.40.10",),
    "https://outputs.snapapi.ai/r/a.png?X-Amz-Signature=9": ("18.65.3.11", "13.32.99.7"),
    "https://yce-us.s3-accelerate.amazonaws.com/r.jpg?X-Amz-Signature=9": ("18.160.41.2",),
    "https://yce-us.s3.us-east-1.amazonaws.com:443/r.jpg": ("52.216.0.1", "3.5.0.4"),
    "https://cdn.perfectcorp.com/style/t.jpg": ("2600:9000:2057::1", "18.64.1.9"),
    "https://b_2.s3.dualstack.eu-west-1.amazonaws.com/k": ("2a05:d07a:a000::1",),
    "https://xn--bcher-kva.com/1.png": (PUBLIC,),
    "https://b\u00fccher.com/1.png": (PUBLIC_6,),
    "https://8.8.8.8/1.png": (),
    "https://[2606:4700:4700::1111]/1.png": (),
}

ELSEWHERE = {
    *SPELLINGS,
    *(f"http://[{one}]/" if ":" in one else f"http://{one}/" for one in FORBIDDEN),
}


def _here(url: str) -> bool:
    """Whether it says plainly that it is on this machine; the dots of IDNA are dots."""
    text = re.sub("[\u3002\uff0e\uff61]", ".", url.lower())
    return bool(re.match(r"https?://(127[.0-9]+[0-9]|localhost|\[[0:]+1\])(:[0-9]+)?[/?#]", text))


def _recorded() -> set[str]:
    """Every address in an answer of the recorded exchanges; but names that stand for none."""
    found: set[str] = set()
    for path in (Path(__file__).parent / "recorded").glob("*.json"):
        answer = json.dumps(json.loads(path.read_text()).get("answer"))
        found |= set(re.findall(r"https?://[^\"\\ ]+", answer))
    return {url for url in found if not re.match(r"https://[a-z.]+\.(example|test|invalid)/", url)}


@pytest.fixture(scope="module")
def _ground() -> Iterator[Ground]:
    ground = Ground()
    yield ground
    ground.wire.close()


@pytest.fixture
def ground(_ground: Ground) -> Ground:
    """One for all tests: reading the trusted certificates takes its time."""
    _ground.forget()
    return _ground


@pytest.mark.parametrize(("url", "stands_for"), DOCUMENTED.items())
def test_a_documented_host_is_asked(ground: Ground, url: str, stands_for: tuple[str, ...]) -> None:
    """At the first of its addresses and by its name, for results and for uploads."""
    host = httpx.URL(url).raw_host.decode()
    ground.names.known[host] = [stands_for]
    place = stands_for[0] if stands_for else host

    assert ground.fetch(url) == PNG
    assert ground.connector.asked == [(place, 443)]
    assert ground.connector.named == [host]
    assert f"Host: {httpx.URL(url).netloc.decode()}\r\n".encode() in ground.connector.received[0]

    ground.wire.close()
    ground.connector.answers = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
    ground.upload(url)
    assert ground.connector.asked[1] == (place, 443)
    assert set(ground.connector.asked[2:]) == {("api.example.com", 443)}


@pytest.mark.parametrize("url", sorted(_recorded()))
def test_what_a_recorded_answer_hands_out_is_asked(ground: Ground, url: str) -> None:
    """No host that a provider's document shows is refused."""
    ground.fetch(url)
    assert ground.connector.asked == [(PUBLIC, 443)]


def test_a_name_is_looked_up_once(ground: Ground) -> None:
    """One that stands for something else the next moment gains nothing."""
    ground.names.known[CDN] = [(PUBLIC,), ("169.254.169.254",)]
    assert ground.fetch(f"https://{CDN}/1.png") == PNG
    assert ground.names.asked == [CDN]
    assert ground.connector.asked == [(PUBLIC, 443)]

    ground.wire.close()
    with pytest.raises(DarkroomError, match=CDN):
        ground.fetch(f"https://{CDN}/1.png")
    assert ground.connector.asked == [(PUBLIC, 443)]


def test_the_next_address_of_a_name_is_tried(ground: Ground) -> None:
    """All of them were found public at once; the name is not looked up again."""
    ground.connector.dead = frozenset({PUBLIC})
    assert ground.fetch(f"https://{CDN}/1.png") == PNG
    assert ground.connector.asked == [(PUBLIC, 443), (PUBLIC_6, 443)]
    assert ground.names.asked == [CDN]


def test_a_name_that_stands_for_nothing_may_do_so_later(ground: Ground) -> None:
    """As does one whose addresses do not answer."""
    ground.names.known[CDN] = [()]
    with pytest.raises(Busy):
        ground.fetch(f"https://{CDN}/1.png")
    ground.names.known.clear()
    ground.connector.dead = frozenset({PUBLIC, PUBLIC_6})
    with pytest.raises(Busy):
        ground.fetch(f"https://{CDN}/1.png")


def test_a_connection_that_was_never_judged_carries_no_result(ground: Ground) -> None:
    """The operator's address may be private; a result at the same host may not."""
    base_url = "https://gateway.example.com"
    ground.names.known["gateway.example.com"] = [("10.0.0.7",)]
    with ground.wire.exchange(httpx.Request("GET", base_url), 5, reuse=True) as response:
        assert response.read() == PNG
    with pytest.raises(DarkroomError, match="gateway"):
        ground.fetch(f"{base_url}/1.png")
    assert ground.connector.asked == [("gateway.example.com", 443)]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:4100/1.png", ("127.0.0.1", 4100)),
        ("https://127.0.0.1:4100/1.png", ("127.0.0.1", 4100)),
        ("http://127.0.0.2/1.png", ("127.0.0.2", 80)),
        ("http://[::1]:4100/1.png", ("::1", 4100)),
        ("http://localhost:4100/1.png", ("127.0.0.1", 4100)),
        (f"https://{CDN}/1.png", (PUBLIC, 443)),
    ],
)
def test_a_sandbox_may_keep_its_results_on_this_machine(
    ground: Ground, url: str, place: tuple[str, int]
) -> None:
    """By plain HTTP and at any port; and still elsewhere as anyone may."""
    ground.names.known["localhost"] = [("127.0.0.1", "::1")]
    assert ground.fetch(url, near=True) == PNG
    assert ground.connector.asked == [place]


@pytest.mark.parametrize("url", sorted(url for url in ELSEWHERE if not _here(url)))
def test_a_sandbox_may_do_nothing_else(ground: Ground, url: str) -> None:
    """Other machines nearby, and other ways to write this one, are refused as ever."""
    with pytest.raises(DarkroomError) as caught:
        ground.fetch(url, near=True)
    assert caught.value.failure.code == "result-address-refused"
    assert ground.connector.asked == []


@pytest.mark.parametrize(
    ("host", "found"),
    [(CDN, "127.0.0.1"), (CDN, "10.0.0.1"), ("localhost", "10.0.0.1"), ("localhost", PUBLIC)],
)
def test_a_sandbox_cannot_make_a_name_mean_something_else(
    ground: Ground, host: str, found: str
) -> None:
    """Only an address that says by itself that it is on this machine may be."""
    ground.names.known[host] = [("127.0.0.1", found), (found,)]
    with pytest.raises(DarkroomError):
        ground.fetch(f"https://{host}/1.png", near=True)
    assert ground.connector.asked == []


def test_only_a_provider_on_this_machine_may_have_files_sent_to_it(ground: Ground) -> None:
    """Its own address decides, and that is the operator's."""
    put = "http://127.0.0.1:4100/put"
    ground.connector.answers = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
    ground.upload(put, "http://127.0.0.1:4200")
    assert ground.connector.asked[0] == ("127.0.0.1", 4100)
    with pytest.raises(ProviderRefused):
        ground.upload(put, "https://10.0.0.7")
