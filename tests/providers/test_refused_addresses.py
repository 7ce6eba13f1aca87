"""An address that is not used is refused with the host and the very reason, so that it can be told.

The judge alone: nothing is looked up, nobody is connected to.
"""

import httpx
import pytest

from darkroom.domain.errors import DarkroomError, ProviderRefused
from darkroom.providers.engine.url_guard import MAX_NAME_LENGTH, UrlGuard

REASONS = [
    ("https://", "", "it names no host"),
    ("https://[::1/1.png", "", "it cannot be read"),
    ("https://user@cdn.example.com/1.png", "cdn.example.com", "it names a user"),
    ("http://cdn.example.com/1.png", "cdn.example.com", "it is not asked by HTTPS"),
    ("ftp://cdn.example.com/1.png", "cdn.example.com", "it is not asked by HTTPS"),
    ("https://cdn.example.com:8443/1.png", "cdn.example.com", "it names a port of its own"),
    ("https://printer.local/1.png", "printer.local", "that is no public name"),
    ("https://10.0.0.1/1.png", "10.0.0.1", "that is no public address"),
    ("https://[fe80::1]/1.png", "fe80::1", "that is no public address"),
]
NEAR = [
    ("ftp://127.0.0.1/1.png", "127.0.0.1", "it is not asked by HTTP"),
    ("http://127.0.0.1:0/1.png", "127.0.0.1", "it names a port that there is not"),
    ("http://localhost:65536/1.png", "localhost", "it names a port that there is not"),
    ("http://cdn.example.com/1.png", "cdn.example.com", "it is not asked by HTTPS"),
    ("https://128.0.0.1:99/1.png", "128.0.0.1", "it names a port of its own"),
]


@pytest.mark.parametrize(("url", "host", "why"), REASONS)
def test_a_result_is_refused_with_its_host_and_the_reason(url: str, host: str, why: str) -> None:
    """It is paid for; what to do is told, too."""
    with pytest.raises(DarkroomError) as caught:
        UrlGuard("result").read(url)
    told = caught.value.failure
    shown = f" at {host}" if host else ""
    assert told.code == "result-address-refused"
    assert told.sentence == (
        f"The provider made the result, but its address{shown} is not used: {why}."
    )
    assert told.next_step == "Tell the provider, with the job's id from the manifest."
    assert not isinstance(caught.value, ProviderRefused)


@pytest.mark.parametrize(("url", "host", "why"), REASONS)
def test_an_upload_is_refused_as_the_providers_no(url: str, host: str, why: str) -> None:
    """Nothing is paid yet: the next provider may do it."""
    with pytest.raises(ProviderRefused) as caught:
        UrlGuard("upload").read(url)
    told = caught.value.failure
    shown = f" at {host}" if host else ""
    assert told.code == "upload-address-refused"
    assert f"sent to an address{shown} that is not used: {why}." in told.sentence
    assert told.next_step == "Name another provider, or tell this one."


@pytest.mark.parametrize(("url", "host", "why"), NEAR)
def test_a_sandbox_is_held_to_this_machine_and_to_http(url: str, host: str, why: str) -> None:
    """What lies elsewhere is judged as ever."""
    with pytest.raises(DarkroomError) as caught:
        UrlGuard("result", near=True).read(url)
    assert caught.value.failure.sentence.endswith(f" at {host} is not used: {why}.")


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
def test_a_sandbox_may_use_every_port_of_this_machine(url: str) -> None:
    """The first and the last, with TLS and without."""
    assert UrlGuard("result", near=True).read(url) == httpx.URL(url)


def test_a_name_has_a_longest_length() -> None:
    """One that is just as long is a name; a label may have 63 characters."""
    label = "a" * 63
    longest, longer = (f"{label}.{label}.{label}.{'a' * rest}.com" for rest in (57, 58))
    assert len(longest) == MAX_NAME_LENGTH
    UrlGuard("result").read(f"https://{longest}/1.png")
    for wrong in (longer, f"{label}a.com"):
        with pytest.raises(DarkroomError, match="no public name"):
            UrlGuard("result").read(f"https://{wrong}/1.png")


def test_a_long_or_odd_host_is_cut_and_made_printable() -> None:
    """In the sentence; whoever reads it sees where it was going."""
    told = UrlGuard("result").refusal("ä b" + "x" * 200, "it is odd").failure.sentence
    assert f" at ??b{'x' * 77} is not used" in told


def test_one_forbidden_address_rules_out_the_others() -> None:
    """And in a sandbox every address has to be one of this machine."""
    assert UrlGuard("result").choose("cdn.example.com", ["8.8.8.8", "1.1.1.1"]) == (
        "8.8.8.8",
        "1.1.1.1",
    )
    assert UrlGuard("result").choose("cdn.example.com", []) == ()
    assert UrlGuard("result", near=True).choose("localhost", ["::1", "127.0.0.1"]) == (
        "::1",
        "127.0.0.1",
    )
    for vetting, found in (
        (UrlGuard("result"), ["8.8.8.8", "10.0.0.1"]),
        (UrlGuard("result", near=True), ["127.0.0.1", "8.8.8.8"]),
        (UrlGuard("result", near=True), ["::2"]),
    ):
        with pytest.raises(DarkroomError, match="localhost is not used: it leads to an address"):
            vetting.choose("localhost", found)
