"""URLs that a provider gave: documented hosts are requested, at their vetted addresses."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from darkroom.domain.errors import Busy, DarkroomError, ProviderRefused
from tests.fakes.raw_server import http
from tests.providers.engine.driver_harness import PNG
from tests.providers.engine.ssrf_harness import CDN, SsrfHarness
from tests.providers.engine.ssrf_payloads import FORBIDDEN, PUBLIC, PUBLIC_6, SPELLINGS
from tests.providers.recorded_pairs import read_all_pairs

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
    """Whether it names this machine plainly; the dots of IDNA are dots."""
    text = re.sub("[\u3002\uff0e\uff61]", ".", url.lower())
    return bool(re.match(r"https?://(127[.0-9]+[0-9]|localhost|\[[0:]+1\])(:[0-9]+)?[/?#]", text))


def _recorded() -> set[str]:
    """Every URL in the responses of the recorded pairs, except placeholder names."""
    found: set[str] = set()
    for pair in read_all_pairs().values():
        response = json.dumps(pair.get("answer"))
        found |= set(re.findall(r"https?://[^\"\\ ]+", response))
    return {url for url in found if not re.match(r"https://[a-z.]+\.(example|test|invalid)/", url)}


@pytest.fixture(scope="module")
def _ground() -> Iterator[SsrfHarness]:
    harness = SsrfHarness()
    yield harness
    harness.transport.close()


@pytest.fixture
def harness(_ground: SsrfHarness) -> SsrfHarness:
    """One for all tests: reading the trusted certificates takes time."""
    _ground.forget()
    return _ground


@pytest.mark.parametrize(("url", "stands_for"), DOCUMENTED.items())
def test_documented_host_is_requested(
    harness: SsrfHarness, url: str, stands_for: tuple[str, ...]
) -> None:
    """At the first of its addresses and by its name, for results and for uploads."""
    host = httpx.URL(url).raw_host.decode()
    harness.names.known[host] = [stands_for]
    place = stands_for[0] if stands_for else host

    assert harness.fetch(url) == PNG
    assert harness.network.asked == [(place, 443)]
    assert harness.network.named == [host]
    assert f"Host: {httpx.URL(url).netloc.decode()}\r\n".encode() in harness.network.received[0]

    harness.transport.close()
    harness.network.responses = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
    harness.upload(url)
    assert harness.network.asked[1] == (place, 443)
    assert set(harness.network.asked[2:]) == {("api.example.com", 443)}


@pytest.mark.parametrize("url", sorted(_recorded()))
def test_url_of_a_recorded_response_is_requested(harness: SsrfHarness, url: str) -> None:
    """No host that a provider's document shows is refused."""
    harness.fetch(url)
    assert harness.network.asked == [(PUBLIC, 443)]


def test_name_is_resolved_once(harness: SsrfHarness) -> None:
    """DNS rebinding gains nothing."""
    harness.names.known[CDN] = [(PUBLIC,), ("169.254.169.254",)]
    assert harness.fetch(f"https://{CDN}/1.png") == PNG
    assert harness.names.asked == [CDN]
    assert harness.network.asked == [(PUBLIC, 443)]

    harness.transport.close()
    with pytest.raises(DarkroomError, match=CDN):
        harness.fetch(f"https://{CDN}/1.png")
    assert harness.network.asked == [(PUBLIC, 443)]


def test_next_address_of_a_name_is_tried(harness: SsrfHarness) -> None:
    """All of them were vetted together; the name is not resolved again."""
    harness.network.dead = frozenset({PUBLIC})
    assert harness.fetch(f"https://{CDN}/1.png") == PNG
    assert harness.network.asked == [(PUBLIC, 443), (PUBLIC_6, 443)]
    assert harness.names.asked == [CDN]


def test_unresolvable_name_is_busy(harness: SsrfHarness) -> None:
    """So is one whose addresses do not respond."""
    harness.names.known[CDN] = [()]
    with pytest.raises(Busy):
        harness.fetch(f"https://{CDN}/1.png")
    harness.names.known.clear()
    harness.network.dead = frozenset({PUBLIC, PUBLIC_6})
    with pytest.raises(Busy):
        harness.fetch(f"https://{CDN}/1.png")


def test_unvetted_connection_carries_no_result(harness: SsrfHarness) -> None:
    """The operator's base URL may be private; a result at the same host may not."""
    base_url = "https://gateway.example.com"
    harness.names.known["gateway.example.com"] = [("10.0.0.7",)]
    with harness.transport.exchange(httpx.Request("GET", base_url), 5, reuse=True) as response:
        assert response.read() == PNG
    with pytest.raises(DarkroomError, match="gateway"):
        harness.fetch(f"{base_url}/1.png")
    assert harness.network.asked == [("gateway.example.com", 443)]


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
def test_sandbox_may_keep_results_on_this_machine(
    harness: SsrfHarness, url: str, place: tuple[str, int]
) -> None:
    """By plain HTTP and at any port; elsewhere as for any provider."""
    harness.names.known["localhost"] = [("127.0.0.1", "::1")]
    assert harness.fetch(url, allow_loopback=True) == PNG
    assert harness.network.asked == [place]


@pytest.mark.parametrize("url", sorted(url for url in ELSEWHERE if not _here(url)))
def test_sandbox_may_use_no_other_private_address(harness: SsrfHarness, url: str) -> None:
    """Other machines nearby, and other spellings of this one, are refused."""
    with pytest.raises(DarkroomError) as caught:
        harness.fetch(url, allow_loopback=True)
    assert caught.value.failure.code == "result-address-refused"
    assert harness.network.asked == []


@pytest.mark.parametrize(
    ("host", "found"),
    [(CDN, "127.0.0.1"), (CDN, "10.0.0.1"), ("localhost", "10.0.0.1"), ("localhost", PUBLIC)],
)
def test_name_that_resolves_to_loopback_is_refused_for_a_sandbox(
    harness: SsrfHarness, host: str, found: str
) -> None:
    """Only a URL that names this machine itself is allowed."""
    harness.names.known[host] = [("127.0.0.1", found), (found,)]
    with pytest.raises(DarkroomError):
        harness.fetch(f"https://{host}/1.png", allow_loopback=True)
    assert harness.network.asked == []


def test_only_a_local_provider_may_take_uploads_on_this_machine(harness: SsrfHarness) -> None:
    """Its base URL decides, and that is the operator's."""
    put = "http://127.0.0.1:4100/put"
    harness.network.responses = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
    harness.upload(put, "http://127.0.0.1:4200")
    assert harness.network.asked[0] == ("127.0.0.1", 4100)
    with pytest.raises(ProviderRefused):
        harness.upload(put, "https://10.0.0.7")
