"""Handed-out addresses: nobody who is not a public server is ever connected to."""

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
from tests.providers.ground import CDN, Ground
from tests.providers.hostile import ALLOWED, FORBIDDEN, PUBLIC, PUBLIC_6, SPELLINGS, UNREADABLE

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
    """Whether an adapter takes it for a handed-out address at all."""
    return bool(re.match(r"[a-z+]+://", str(param.values[0]), re.IGNORECASE))


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


@pytest.mark.parametrize("url", [*HOSTILE, *UNREAD])
def test_a_result_is_not_fetched_from_there(ground: Ground, url: str) -> None:
    """Nobody is connected to, no name is looked up, and asking again changes nothing."""
    with pytest.raises(DarkroomError) as caught:
        ground.fetch(url)
    assert caught.value.failure.code == "result-address-refused"
    assert not caught.value.repeatable
    assert (ground.connector.asked, ground.names.asked) == ([], [])


@pytest.mark.parametrize("url", HOSTILE)
def test_a_redirect_is_not_followed_there(ground: Ground, url: str) -> None:
    """The public server that says so is the only one that hears from us."""
    ground.moves(url)
    with pytest.raises(DarkroomError) as caught:
        ground.fetch(f"https://{CDN}/")
    assert caught.value.failure.code == "result-address-refused"
    assert (ground.connector.asked, ground.names.asked) == ([(PUBLIC, 443)], [CDN])


@pytest.mark.parametrize("url", [one for one in [*HOSTILE, *UNREAD] if _absolute(one)])
def test_a_file_is_not_sent_there(ground: Ground, url: str) -> None:
    """Nor is anything paid: the provider counts as one that refuses."""
    with pytest.raises(ProviderRefused) as caught:
        ground.upload(url)
    assert caught.value.failure.code == "upload-address-refused"
    assert (ground.connector.asked, ground.names.asked) == ([], [])


@pytest.mark.parametrize("beside", [(), (PUBLIC,), (PUBLIC, PUBLIC_6)], ids=len)
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_that_leads_there_is_not_followed(
    ground: Ground, address: str, beside: tuple[str, ...]
) -> None:
    """Not even when public addresses come first: which of them is used would be luck."""
    ground.names.known[CDN] = [(*beside, address)]
    with pytest.raises(DarkroomError) as caught:
        ground.fetch(f"https://{CDN}/1.png")
    assert caught.value.failure.code == "result-address-refused"
    assert (ground.connector.asked, ground.names.asked) == ([], [CDN])


@pytest.mark.parametrize("scoped", ["fe80::1%eth0", f"{PUBLIC_6}%eth0", "", "cdn.example.com"])
def test_an_answer_that_is_no_plain_address_is_not_used(ground: Ground, scoped: str) -> None:
    """Whatever a resolver may say."""
    ground.names.known[CDN] = [(PUBLIC, scoped)]
    with pytest.raises(DarkroomError, match="not public"):
        ground.fetch(f"https://{CDN}/1.png")
    assert ground.connector.asked == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_redirect_to_a_name_that_leads_there_is_not_followed(
    ground: Ground, address: str
) -> None:
    """Every step of the way is judged like the first."""
    ground.moves("https://other.example.com/1.png")
    ground.names.known["other.example.com"] = [(address,)]
    with pytest.raises(DarkroomError, match=r"other\.example\.com"):
        ground.fetch(f"https://{CDN}/")
    assert ground.connector.asked == [(PUBLIC, 443)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_file_is_not_sent_to_a_name_that_leads_there(ground: Ground, address: str) -> None:
    """The provider's own address is not judged, those that it hands out are."""
    ground.names.known[CDN] = [(address,)]
    with pytest.raises(ProviderRefused) as caught:
        ground.upload(f"https://{CDN}/put?signature=s3cret")
    assert caught.value.failure.code == "upload-address-refused"
    assert ground.connector.asked == []


@pytest.mark.parametrize("url", [*HOSTILE, *UNREAD])
def test_the_sentence_names_the_host_at_most(ground: Ground, url: str) -> None:
    """Neither it nor the trace shows the path, the signature, a password or a line break."""
    with pytest.raises(DarkroomError) as caught:
        ground.fetch(url)
    told = caught.value.failure
    trace = "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for secret in ("s3cret", "1.png", "pass@", "\r", "\u200b", "\x00"):
        assert secret not in told.sentence + told.next_step + trace
    assert len(told.sentence) < 250


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_forbidden_address_is_not_public(address: str) -> None:
    """By the judge alone."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ALLOWED)
def test_the_neighbours_of_forbidden_blocks_are_public(address: str) -> None:
    """The blocks end where they should."""
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_other_way_to_write_an_address_makes_it_public(address: ipaddress.IPv4Address) -> None:
    """An IPv6 address that holds an IPv4 one is refused, whatever it holds."""
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
    number = int(address)
    for outer in (0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, 0x64FF9B0001 << 80):
        assert not is_public(ipaddress.IPv6Address(outer + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))
    assert not is_public(ipaddress.IPv6Address((0x20010000 << 96) + (number ^ 0xFFFFFFFF)))


@given(st.ip_addresses(v=6))
def test_only_addresses_that_are_given_out_are_public(address: ipaddress.IPv6Address) -> None:
    """Everything outside of `2000::/3` is for special use or for nobody."""
    assert not is_public(address) or int(address) >> 125 == 1


@given(st.text(max_size=40))
def test_whatever_a_host_is_only_public_servers_are_connected_to(host: str) -> None:
    """Any text at all: it is refused, or what is connected to was judged."""
    try:
        url = UrlGuard("result").read(f"https://{host}/")
    except DarkroomError:
        return
    found = url.raw_host.decode()
    with contextlib.suppress(ValueError):
        assert is_public(ipaddress.ip_address(found))
    assert url.port is None
    assert not url.userinfo
