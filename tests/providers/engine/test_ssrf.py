"""SSRF: requests for URLs that a provider gave reach only vetted addresses of public servers."""

import json
import re
from collections.abc import Callable

import httpx
import pytest

from darkroom.domain.errors import Busy, DarkroomError, ProviderRefused
from tests.fakes.raw_server import http
from tests.providers.engine.driver_harness import PNG
from tests.providers.engine.ssrf_harness import CDN, SsrfHarness
from tests.providers.engine.ssrf_payloads import (
    FORBIDDEN,
    FORBIDDEN_URLS,
    PUBLIC,
    PUBLIC_6,
    UNREADABLE,
)
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


def code_of(call: Callable[[str], object], url: str) -> str:
    """The failure code of a refused URL, which no retry helps; "" if it is not refused."""
    try:
        call(url)
    except DarkroomError as error:
        is_right = not error.repeatable and isinstance(error, ProviderRefused) == (
            error.failure.code == "upload-address-refused"
        )
        return error.failure.code if is_right else f"{error!r}"
    return ""


def test_forbidden_url_is_neither_fetched_nor_uploaded_to(harness: SsrfHarness) -> None:
    """No connection, no DNS look-up; an upload counts as a refusal of the provider, unpaid."""
    for url in (*FORBIDDEN_URLS, *UNREADABLE):
        assert code_of(harness.fetch, url) == "result-address-refused", url
        # Other texts are no URLs for an adapter.
        if re.match(r"[a-z+]+://", url, re.IGNORECASE):
            assert code_of(harness.upload, url) == "upload-address-refused", url
        assert (harness.network.asked, harness.names.asked) == ([], []), url


def test_redirect_to_a_forbidden_url_is_not_followed(harness: SsrfHarness) -> None:
    """Only the redirecting public server is contacted."""
    for url in FORBIDDEN_URLS:
        harness.forget()
        harness.redirect_to(url)
        assert code_of(harness.fetch, f"https://{CDN}/") == "result-address-refused", url
        assert (harness.network.asked, harness.names.asked) == ([(PUBLIC, 443)], [CDN]), url


def test_name_that_resolves_to_a_forbidden_address_is_refused(harness: SsrfHarness) -> None:
    """In each of the three ways to a URL; the provider's own base URL is not vetted."""
    for address in FORBIDDEN:
        harness.forget()
        harness.names.known[CDN] = [(PUBLIC, address)]
        assert code_of(harness.fetch, f"https://{CDN}/1.png") == "result-address-refused", address
        assert code_of(harness.upload, f"https://{CDN}/put?signature=s3cret") == (
            "upload-address-refused"
        ), address
        assert harness.network.asked == [], address
        assert set(harness.names.asked) == {CDN}, address

        harness.redirect_to("https://other.example.com/1.png")
        harness.names.known = {"other.example.com": [(address,)]}
        with pytest.raises(DarkroomError, match=r"other\.example\.com"):
            harness.fetch(f"https://{CDN}/")
        assert harness.network.asked == [(PUBLIC, 443)], address


def test_resolution_that_is_not_an_ip_address_is_refused(harness: SsrfHarness) -> None:
    """Whatever a resolver returns."""
    for text in ("fe80::1%eth0", f"{PUBLIC_6}%eth0", "", "cdn.example.com"):
        harness.names.known[CDN] = [(PUBLIC, text)]
        with pytest.raises(DarkroomError, match="not public"):
            harness.fetch(f"https://{CDN}/1.png")
        assert harness.network.asked == [], text


def test_documented_host_is_requested(harness: SsrfHarness) -> None:
    """At the first of its addresses and by its name, for results and for uploads."""
    for url, addresses in DOCUMENTED.items():
        harness.forget()
        host = httpx.URL(url).raw_host.decode()
        harness.names.known[host] = [addresses]
        place = addresses[0] if addresses else host

        assert harness.fetch(url) == PNG, url
        assert (harness.network.asked, harness.network.named) == ([(place, 443)], [host]), url
        assert f"Host: {httpx.URL(url).netloc.decode()}\r\n".encode() in harness.network.received[0]

        harness.transport.close()
        harness.network.responses = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
        harness.upload(url)
        assert harness.network.asked[1] == (place, 443), url
        assert set(harness.network.asked[2:]) == {("api.example.com", 443)}, url


def test_url_of_a_recorded_response_is_requested(harness: SsrfHarness) -> None:
    """No host that a provider's document shows is refused; placeholder names are left out."""
    responses = (json.dumps(pair.get("answer")) for pair in read_all_pairs().values())
    urls = {url for text in responses for url in re.findall(r"https?://[^\"\\ ]+", text)}
    for url in sorted(urls):
        if not re.match(r"https://[a-z.]+\.(example|test|invalid)/", url):
            harness.forget()
            harness.fetch(url)
            assert harness.network.asked == [(PUBLIC, 443)], url


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


def test_sandbox_may_keep_results_on_this_machine(harness: SsrfHarness) -> None:
    """By plain HTTP and at any port; elsewhere as for any provider."""
    for url, place in (
        ("http://127.0.0.1:4100/1.png", ("127.0.0.1", 4100)),
        ("https://127.0.0.1:4100/1.png", ("127.0.0.1", 4100)),
        ("http://127.0.0.2/1.png", ("127.0.0.2", 80)),
        ("http://[::1]:4100/1.png", ("::1", 4100)),
        ("http://localhost:4100/1.png", ("127.0.0.1", 4100)),
        (f"https://{CDN}/1.png", (PUBLIC, 443)),
    ):
        harness.forget()
        harness.names.known["localhost"] = [("127.0.0.1", "::1")]
        assert harness.fetch(url, allow_loopback=True) == PNG, url
        assert harness.network.asked == [place], url


def test_name_that_resolves_to_loopback_is_refused_for_a_sandbox(harness: SsrfHarness) -> None:
    """Only a URL that names this machine itself is allowed."""
    for host, found in (
        *((CDN, "127.0.0.1"), (CDN, "10.0.0.1")),
        *(("localhost", "10.0.0.1"), ("localhost", PUBLIC)),
    ):
        harness.forget()
        harness.names.known[host] = [("127.0.0.1", found), (found,)]
        with pytest.raises(DarkroomError):
            harness.fetch(f"https://{host}/1.png", allow_loopback=True)
        assert harness.network.asked == [], (host, found)


def test_only_a_local_provider_may_take_uploads_on_this_machine(harness: SsrfHarness) -> None:
    """Its base URL decides, and that is the operator's."""
    put = "http://127.0.0.1:4100/put"
    harness.network.responses = lambda _sent: http("200 OK", b'{"token": "t", "job": "j"}')
    harness.upload(put, "http://127.0.0.1:4200")
    assert harness.network.asked[0] == ("127.0.0.1", 4100)
    with pytest.raises(ProviderRefused):
        harness.upload(put, "https://10.0.0.7")
