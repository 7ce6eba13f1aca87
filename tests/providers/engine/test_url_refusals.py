"""A refused URL is reported with its host and the exact reason.

The URL guard alone: no DNS look-up, no connection.
"""

import httpx
import pytest

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.providers.engine.url_guard import MAX_HOST_LENGTH, UrlGuard

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
NEAR = [
    ("ftp://127.0.0.1/1.png", "127.0.0.1", "it is not an HTTP address"),
    ("http://127.0.0.1:0/1.png", "127.0.0.1", "its port is not valid"),
    ("http://localhost:65536/1.png", "localhost", "its port is not valid"),
    ("http://cdn.example.com/1.png", "cdn.example.com", "it is not an HTTPS address"),
    ("https://128.0.0.1:99/1.png", "128.0.0.1", "it names a port"),
]


@pytest.mark.parametrize(("url", "host", "why"), REASONS)
def test_result_url_is_refused_with_host_and_reason(url: str, host: str, why: str) -> None:
    """The result is paid for; the next step is named too."""
    with pytest.raises(DarkroomError) as caught:
        UrlGuard("result").parse(url)
    failure = caught.value.failure
    shown = f" at {host}" if host else ""
    assert failure.code == "result-address-refused"
    assert failure.sentence == (
        f"The provider made the result, but Darkroom refuses its address{shown}: {why}."
    )
    assert failure.next_step == "Report this to the provider, with the job's id from the manifest."
    assert not isinstance(caught.value, ProviderRefused)


@pytest.mark.parametrize(("url", "host", "why"), REASONS)
def test_upload_url_is_refused_as_a_provider_refusal(url: str, host: str, why: str) -> None:
    """Nothing is paid yet: the next provider may do it."""
    with pytest.raises(ProviderRefused) as caught:
        UrlGuard("upload").parse(url)
    failure = caught.value.failure
    shown = f" at {host}" if host else ""
    assert failure.code == "upload-address-refused"
    assert f"upload the file to the provider's address{shown}: {why}." in failure.sentence
    assert failure.next_step == "Choose another provider, or report this to the provider."


@pytest.mark.parametrize(("url", "host", "why"), NEAR)
def test_sandbox_url_must_be_http_on_this_machine(url: str, host: str, why: str) -> None:
    """URLs of other machines are vetted as for any provider."""
    with pytest.raises(DarkroomError) as caught:
        UrlGuard("result", allow_loopback=True).parse(url)
    assert caught.value.failure.sentence.endswith(f" at {host}: {why}.")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/1.png",
        "http://127.0.0.1:1/1.png",
        "http://localhost:65535/1.png",
        "https://[::1]:4100/1.png",
        "https://cdn.example.com/1.png",
    ],
)
def test_sandbox_may_use_every_port_of_this_machine(url: str) -> None:
    """The first and the last, with TLS and without."""
    assert UrlGuard("result", allow_loopback=True).parse(url) == httpx.URL(url)


def test_host_name_has_a_maximum_length() -> None:
    """A name of exactly that length is allowed; a label may have 63 characters."""
    label = "a" * 63
    longest, longer = (f"{label}.{label}.{label}.{'a' * rest}.com" for rest in (57, 58))
    assert len(longest) == MAX_HOST_LENGTH
    UrlGuard("result").parse(f"https://{longest}/1.png")
    for wrong in (longer, f"{label}a.com"):
        with pytest.raises(DarkroomError, match="not a public name"):
            UrlGuard("result").parse(f"https://{wrong}/1.png")


def test_long_or_unprintable_host_is_sanitized() -> None:
    """In the message, which still shows where the URL led."""
    sentence = UrlGuard("result").refusal("ä b" + "x" * 200, "it is odd").failure.sentence
    assert f" at ??b{'x' * 77}: it is odd." in sentence


def test_one_forbidden_address_rules_out_all() -> None:
    """For a sandbox every address must be a loopback address."""
    assert UrlGuard("result").vet("cdn.example.com", ["8.8.8.8", "1.1.1.1"]) == (
        "8.8.8.8",
        "1.1.1.1",
    )
    assert UrlGuard("result").vet("cdn.example.com", []) == ()
    assert UrlGuard("result", allow_loopback=True).vet("localhost", ["::1", "127.0.0.1"]) == (
        "::1",
        "127.0.0.1",
    )
    for guard, found in (
        (UrlGuard("result"), ["8.8.8.8", "10.0.0.1"]),
        (UrlGuard("result", allow_loopback=True), ["127.0.0.1", "8.8.8.8"]),
        (UrlGuard("result", allow_loopback=True), ["::2"]),
    ):
        with pytest.raises(DarkroomError, match="localhost: it resolves to an address"):
            guard.vet("localhost", found)
