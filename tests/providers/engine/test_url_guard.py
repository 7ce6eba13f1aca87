"""The URL guard alone, without DNS and connections: what is refused, and how it is reported."""

import contextlib
import ipaddress
import re
import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.providers.engine.url_guard import MAX_HOST_LENGTH, UrlGuard, is_public
from tests.providers.engine.ssrf_payloads import (
    ALLOWED,
    FORBIDDEN,
    FORBIDDEN_URLS,
    PUBLIC,
    PUBLIC_6,
    UNREADABLE,
)

RESULT = UrlGuard("result")
UPLOAD = UrlGuard("upload")
SANDBOX = UrlGuard("result", allow_loopback=True)

REASONS = [
    ("https://", "", "it names no host"),
    ("https://[::1/1.png", "", "it cannot be read"),
    ("https://user@cdn.example.com/1.png", "cdn.example.com", "it names a user"),
    ("http://cdn.example.com/1.png", "cdn.example.com", "it is not an HTTPS address"),
    ("ftp://cdn.example.com/1.png", "cdn.example.com", "it is not an HTTPS address"),
    ("https://cdn.example.com:8443/1.png", "cdn.example.com", "it names a port"),
    ("https://printer.local/1.png", "printer.local", "that is not a public name"),
    ("https://10.0.0.1/1.png", "10.0.0.1", "that is not a public address"),
    ("https://[fe80::1]/1.png", "fe80::1", "that is not a public address"),
]
SANDBOX_REASONS = [
    ("ftp://127.0.0.1/1.png", "127.0.0.1", "it is not an HTTP address"),
    ("http://127.0.0.1:0/1.png", "127.0.0.1", "its port is not valid"),
    ("http://localhost:65536/1.png", "localhost", "its port is not valid"),
    ("http://cdn.example.com/1.png", "cdn.example.com", "it is not an HTTPS address"),
    ("https://128.0.0.1:99/1.png", "128.0.0.1", "it names a port"),
]
SECRETS = ("s3cret", "1.png", "pass@", "\r", "\u200b", "\x00")


def refusal_of(guard: UrlGuard, url: str) -> DarkroomError | None:
    """The error for a URL; None if the guard allows it."""
    try:
        guard.parse(url)
    except DarkroomError as error:
        return error
    return None


def test_result_url_is_refused_with_host_and_reason() -> None:
    """The result is paid for; the next step is named too."""
    for url, host, why in REASONS:
        error = refusal_of(RESULT, url)
        assert error is not None, url
        assert not isinstance(error, ProviderRefused), url
        assert not error.repeatable, url
        shown = f" at {host}" if host else ""
        assert (error.failure.code, error.failure.sentence) == (
            "result-address-refused",
            f"The provider made the result, but Darkroom refuses its address{shown}: {why}.",
        )
        assert error.failure.next_step == (
            "Report this to the provider, with the job's id from the manifest."
        )


def test_upload_url_is_refused_as_a_provider_refusal() -> None:
    """Nothing is paid yet: the next provider may do it."""
    for url, host, why in REASONS:
        error = refusal_of(UPLOAD, url)
        assert isinstance(error, ProviderRefused), url
        shown = f" at {host}" if host else ""
        assert error.failure.code == "upload-address-refused"
        assert f"to the provider's address{shown}: {why}." in error.failure.sentence
        assert error.failure.next_step == "Choose another provider, or report this to the provider."


def test_sandbox_url_must_be_http_on_this_machine() -> None:
    """URLs of other machines are vetted as for any provider."""
    for url, host, why in SANDBOX_REASONS:
        error = refusal_of(SANDBOX, url)
        assert error is not None, url
        assert error.failure.sentence.endswith(f" at {host}: {why}."), url


def test_sandbox_may_use_every_port_of_this_machine() -> None:
    """The first and the last, with TLS and without."""
    for url in (
        *("http://127.0.0.1/1.png", "http://127.0.0.1:1/1.png", "http://localhost:65535/1.png"),
        *("https://[::1]:4100/1.png", "https://cdn.example.com/1.png"),
    ):
        assert SANDBOX.parse(url) == httpx.URL(url)


def test_every_forbidden_url_is_refused_and_its_message_names_at_most_the_host() -> None:
    """Neither it nor the trace shows the path, the signature, a password or a line break."""
    for url in (*FORBIDDEN_URLS, *UNREADABLE):
        for guard in (RESULT, UPLOAD):
            error = refusal_of(guard, url)
            assert error is not None, url
            assert error.__cause__ is None, url
            assert error.__suppress_context__ or error.__context__ is None, url
            trace = "".join(traceback.format_exception_only(error))
            shown = error.failure.sentence + error.failure.next_step + trace
            assert [secret for secret in SECRETS if secret in shown] == [], url
            assert len(error.failure.sentence) < 250, url


def test_sandbox_may_use_no_other_private_address() -> None:
    """Other machines nearby, and other spellings of this one, are refused."""
    plain = (
        f"http://[{address}]/" if ":" in address else f"http://{address}/" for address in FORBIDDEN
    )
    others = [url for url in (*FORBIDDEN_URLS, *plain) if not _names_this_machine(url)]
    assert len(others) > 200
    assert [url for url in others if refusal_of(SANDBOX, url) is None] == []


def test_host_name_has_a_maximum_length() -> None:
    """A name of exactly that length is allowed; a label may have 63 characters."""
    label = "a" * 63
    longest, longer = (f"{label}.{label}.{label}.{'a' * rest}.com" for rest in (57, 58))
    assert len(longest) == MAX_HOST_LENGTH
    RESULT.parse(f"https://{longest}/1.png")
    for wrong in (longer, f"{label}a.com"):
        with pytest.raises(DarkroomError, match="not a public name"):
            RESULT.parse(f"https://{wrong}/1.png")


def test_long_or_unprintable_host_is_sanitized() -> None:
    """In the message, which still shows where the URL led."""
    sentence = RESULT.refusal("ä b" + "x" * 200, "it is odd").failure.sentence
    assert f" at ??b{'x' * 77}: it is odd." in sentence


def test_one_forbidden_address_rules_out_all() -> None:
    """For a sandbox every address must be a loopback address."""
    assert RESULT.vet("cdn.example.com", ["8.8.8.8", "1.1.1.1"]) == ("8.8.8.8", "1.1.1.1")
    assert RESULT.vet("cdn.example.com", []) == ()
    assert SANDBOX.vet("localhost", ["::1", "127.0.0.1"]) == ("::1", "127.0.0.1")
    for guard, found in (
        (RESULT, ["8.8.8.8", "10.0.0.1"]),
        (SANDBOX, ["127.0.0.1", "8.8.8.8"]),
        (SANDBOX, ["::2"]),
    ):
        with pytest.raises(DarkroomError, match="localhost: it resolves to an address"):
            guard.vet("localhost", found)


def test_every_forbidden_address_is_refused_even_beside_public_ones() -> None:
    """Which one is used would be chance."""
    for address in FORBIDDEN:
        assert not is_public(ipaddress.ip_address(address)), address
        for beside in ((), (PUBLIC,), (PUBLIC, PUBLIC_6)):
            with pytest.raises(DarkroomError):
                pytest.fail(f"{address}: {RESULT.vet('cdn.example.com', [*beside, address])}")


def test_neighbours_of_forbidden_blocks_are_public() -> None:
    """The blocks end where they should."""
    assert [one for one in ALLOWED if not is_public(ipaddress.ip_address(one))] == []


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
        url = RESULT.parse(f"https://{host}/")
    except DarkroomError:
        return
    found = url.raw_host.decode()
    with contextlib.suppress(ValueError):
        assert is_public(ipaddress.ip_address(found))
    assert url.port is None
    assert not url.userinfo


def _names_this_machine(url: str) -> bool:
    """Whether it does so plainly; the dots of IDNA are dots."""
    text = re.sub("[\u3002\uff0e\uff61]", ".", url.lower())
    return bool(re.match(r"https?://(127[.0-9]+[0-9]|localhost|\[[0:]+1\])(:[0-9]+)?[/?#]", text))
