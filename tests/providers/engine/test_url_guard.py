"""URLs that a provider gave: only public servers are ever connected to."""

import contextlib
import ipaddress
import re
import traceback
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.providers.engine.url_guard import UrlGuard, is_public
from tests.providers.engine.ssrf_harness import CDN, SsrfHarness
from tests.providers.engine.ssrf_payloads import (
    ALLOWED,
    FORBIDDEN,
    PUBLIC,
    PUBLIC_6,
    SPELLINGS,
    UNREADABLE,
)

LITERALS = {
    f"https://{f'[{address}]' if ':' in address else address}/1.png?signature=s3cret": why
    for address, why in FORBIDDEN.items()
}
HOSTILE = [pytest.param(url, id=f"{why}: {ascii(url)[:60]}") for url, why in SPELLINGS.items()] + [
    pytest.param(url, id=f"{why}: {url[8:50]}") for url, why in LITERALS.items()
]
UNREAD = [pytest.param(url, id=why) for url, why in UNREADABLE.items()]
ADDRESSES = [pytest.param(address, id=f"{why}: {address}") for address, why in FORBIDDEN.items()]


def _absolute(param: ParameterSet) -> bool:
    """Whether an adapter accepts it as a URL at all."""
    return bool(re.match(r"[a-z+]+://", str(param.values[0]), re.IGNORECASE))


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


@pytest.mark.parametrize("url", [*HOSTILE, *UNREAD])
def test_result_is_not_fetched_from_a_forbidden_address(harness: SsrfHarness, url: str) -> None:
    """No connection, no DNS look-up, and a retry changes nothing."""
    with pytest.raises(DarkroomError) as caught:
        harness.fetch(url)
    assert caught.value.failure.code == "result-address-refused"
    assert not caught.value.repeatable
    assert (harness.network.asked, harness.names.asked) == ([], [])


@pytest.mark.parametrize("url", HOSTILE)
def test_redirect_to_a_forbidden_address_is_not_followed(harness: SsrfHarness, url: str) -> None:
    """Only the redirecting public server is contacted."""
    harness.moves(url)
    with pytest.raises(DarkroomError) as caught:
        harness.fetch(f"https://{CDN}/")
    assert caught.value.failure.code == "result-address-refused"
    assert (harness.network.asked, harness.names.asked) == ([(PUBLIC, 443)], [CDN])


@pytest.mark.parametrize("url", [one for one in [*HOSTILE, *UNREAD] if _absolute(one)])
def test_file_is_not_uploaded_to_a_forbidden_address(harness: SsrfHarness, url: str) -> None:
    """Nothing is paid: it counts as a refusal of the provider."""
    with pytest.raises(ProviderRefused) as caught:
        harness.upload(url)
    assert caught.value.failure.code == "upload-address-refused"
    assert (harness.network.asked, harness.names.asked) == ([], [])


@pytest.mark.parametrize("beside", [(), (PUBLIC,), (PUBLIC, PUBLIC_6)], ids=len)
@pytest.mark.parametrize("address", ADDRESSES)
def test_name_that_resolves_to_a_forbidden_address_is_refused(
    harness: SsrfHarness, address: str, beside: tuple[str, ...]
) -> None:
    """Even if public addresses come first: which one is used would be chance."""
    harness.names.known[CDN] = [(*beside, address)]
    with pytest.raises(DarkroomError) as caught:
        harness.fetch(f"https://{CDN}/1.png")
    assert caught.value.failure.code == "result-address-refused"
    assert (harness.network.asked, harness.names.asked) == ([], [CDN])


@pytest.mark.parametrize("scoped", ["fe80::1%eth0", f"{PUBLIC_6}%eth0", "", "cdn.example.com"])
def test_resolution_that_is_not_an_ip_address_is_refused(harness: SsrfHarness, scoped: str) -> None:
    """Whatever a resolver returns."""
    harness.names.known[CDN] = [(PUBLIC, scoped)]
    with pytest.raises(DarkroomError, match="not public"):
        harness.fetch(f"https://{CDN}/1.png")
    assert harness.network.asked == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_redirect_to_a_name_with_a_forbidden_address_is_not_followed(
    harness: SsrfHarness, address: str
) -> None:
    """Every step is vetted like the first."""
    harness.moves("https://other.example.com/1.png")
    harness.names.known["other.example.com"] = [(address,)]
    with pytest.raises(DarkroomError, match=r"other\.example\.com"):
        harness.fetch(f"https://{CDN}/")
    assert harness.network.asked == [(PUBLIC, 443)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_file_is_not_uploaded_to_a_name_with_a_forbidden_address(
    harness: SsrfHarness, address: str
) -> None:
    """The provider's base URL is not vetted, the URLs that it gives are."""
    harness.names.known[CDN] = [(address,)]
    with pytest.raises(ProviderRefused) as caught:
        harness.upload(f"https://{CDN}/put?signature=s3cret")
    assert caught.value.failure.code == "upload-address-refused"
    assert harness.network.asked == []


@pytest.mark.parametrize("url", [*HOSTILE, *UNREAD])
def test_message_names_at_most_the_host(harness: SsrfHarness, url: str) -> None:
    """Neither it nor the trace shows the path, the signature, a password or a line break."""
    with pytest.raises(DarkroomError) as caught:
        harness.fetch(url)
    failure = caught.value.failure
    trace = "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for secret in ("s3cret", "1.png", "pass@", "\r", "\u200b", "\x00"):
        assert secret not in failure.sentence + failure.next_step + trace
    assert len(failure.sentence) < 250


@pytest.mark.parametrize("address", ADDRESSES)
def test_forbidden_address_is_not_public(address: str) -> None:
    """By `is_public` alone."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_neighbours_of_forbidden_blocks_are_public(address: str) -> None:
    """The blocks end where they should."""
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_ipv6_address_with_an_ipv4_address_is_not_public(address: ipaddress.IPv4Address) -> None:
    """Whatever address it embeds."""
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
    number = int(address)
    for outer in (0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, 0x64FF9B0001 << 80):
        assert not is_public(ipaddress.IPv6Address(outer + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))
    assert not is_public(ipaddress.IPv6Address((0x20010000 << 96) + (number ^ 0xFFFFFFFF)))


@given(st.ip_addresses(v=6))
def test_only_allocated_addresses_are_public(address: ipaddress.IPv6Address) -> None:
    """Everything outside `2000::/3` is for special use or unallocated."""
    assert not is_public(address) or int(address) >> 125 == 1


@given(st.text(max_size=40))
def test_any_host_is_refused_or_its_connections_are_vetted(host: str) -> None:
    """For any text at all."""
    try:
        url = UrlGuard("result").parse(f"https://{host}/")
    except DarkroomError:
        return
    found = url.raw_host.decode()
    with contextlib.suppress(ValueError):
        assert is_public(ipaddress.ip_address(found))
    assert url.port is None
    assert not url.userinfo
