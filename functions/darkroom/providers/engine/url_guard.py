"""Guards against server-side request forgery (SSRF): only public HTTPS URLs may be requested.

A provider's response names the URL of a result or an upload, and is not trusted with it: its host
may be an IP address of this machine or network, a name that resolves to one, or one of the many
spellings of either. This module only decides; it resolves nothing and connects to nothing. It is
asked twice: about the URL before anything happens, and about the resolved addresses before a
connection is made.

    URL ──▶ check ──▶ (a kept-alive connection, or) resolve once ──▶ vet ──▶ connect to exactly
    those

Base URLs of a provider's API come from its adapter or the operator and are not vetted. See OWASP,
"Server-Side Request Forgery Prevention Cheat Sheet", case 2:
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

import httpx

from darkroom.domain.errors import DarkroomError, ProviderRefused

IpAddress = IPv4Address | IPv6Address

MAX_HOST_LENGTH = 253
"""Characters of a host name; RFC 1035, section 2.3.4."""
MAX_PORT = 65535

_PUBLIC_6 = IPv6Network("2000::/3")
"""The only block with global unicast addresses: IANA, "Internet Protocol Version 6 Address Space".
Outside of it are loopback, mapped and compatible IPv4, NAT64, link-local, site-local, unique local
and multicast addresses."""

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    # IANA, "IPv4 Special-Purpose Address Registry" and "IPv4 Multicast Address Space Registry".
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # between a carrier and its customers; Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # Microsoft Learn, "What is IP address 168.63.129.16?": the host
    )
)
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    # Within the public block, by IANA's "IPv6 Special-Purpose Address Registry".
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
"""A name with a dot whose last part does not begin with a digit: some resolvers read `0x7f.1`."""

_NEVER_PUBLIC = frozenset(
    # IANA, "Special-Use Domain Names"; `internal` as reserved by ICANN; and the names that routers
    # and companies use without a registration.
    {"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"}
    | {"corp", "home", "intranet", "lan", "localdomain", "private"}
)
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9._:%-]")
_MAX_SHOWN = 80


@dataclass(frozen=True)
class UrlGuard:
    """Vets one URL that a provider gave.

    Attributes:
        purpose: whether a result is downloaded from it or an input file uploaded to it.
        allow_loopback: whether the provider runs on this machine, as a sandbox does. Then
            `localhost` and loopback addresses are allowed, by plain HTTP too.
    """

    purpose: Literal["result", "upload"]
    allow_loopback: bool = False

    def parse(self, text: str) -> httpx.URL:
        """The text as a URL that `check` allows.

        Raises:
            DarkroomError: see `refusal`.
        """
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            # Its message may quote the signed URL.
            raise self.refusal("", "it cannot be read") from None
        self.check(url)
        return url

    def check(self, url: httpx.URL) -> None:
        """Refuse a URL that can be judged without resolving its host.

        Raises:
            DarkroomError: see `refusal`.
        """
        host = host_of(url)
        if not host:
            raise self.refusal("", "it names no host")
        if url.userinfo:
            raise self.refusal(host, "it names a user")
        if self._is_allowed_loopback(host):
            if url.scheme not in {"http", "https"}:
                raise self.refusal(host, "it is not an HTTP address")
            if url.port is not None and not 0 < url.port <= MAX_PORT:
                raise self.refusal(host, "its port is not valid")
            return
        if url.scheme != "https":
            raise self.refusal(host, "it is not an HTTPS address")
        if url.port is not None:
            raise self.refusal(host, "it names a port")
        ip = _parse_ip(host)
        if ip is None and not _is_public_name(host):
            raise self.refusal(host, "that is not a public name")
        if ip is not None and not is_public(ip):
            raise self.refusal(host, "that is not a public address")

    def vet(self, host: str, resolved: Sequence[str]) -> tuple[str, ...]:
        """The IP addresses to connect to, in order.

        One forbidden address rules out all: the name of a public server has none.

        Args:
            host: as in the URL that was checked.
            resolved: its IP addresses; the host itself if it is one.

        Raises:
            DarkroomError: see `refusal`.
        """
        allowed = _is_loopback if self._is_allowed_loopback(host) else is_public
        parsed = [_parse_ip(text) for text in resolved]
        vetted = tuple(str(ip) for ip in parsed if ip is not None and allowed(ip))
        if len(vetted) < len(parsed):
            raise self.refusal(host, "it resolves to an address that is not public")
        return vetted

    def refusal(self, host: str, why: str) -> DarkroomError:
        """The error for a refused URL; it names the host and nothing else of the URL.

        For a result, which is paid for, a `DarkroomError` (`result-address-refused`); for an upload
        a `ProviderRefused` (`upload-address-refused`). Retrying helps neither.
        """
        shown = f" at {_UNPRINTABLE.sub('?', host)[:_MAX_SHOWN]}" if host else ""
        if self.purpose == "upload":
            return ProviderRefused(
                "upload-address-refused",
                f"Darkroom refuses to upload the file to the provider's address{shown}: {why}.",
                "Choose another provider, or report this to the provider.",
            )
        return DarkroomError(
            "result-address-refused",
            f"The provider made the result, but Darkroom refuses its address{shown}: {why}.",
            "Report this to the provider, with the job's id from the manifest.",
        )

    def _is_allowed_loopback(self, host: str) -> bool:
        if not self.allow_loopback:
            return False
        ip = _parse_ip(host)
        return host == "localhost" if ip is None else _is_loopback(ip)


def host_of(url: httpx.URL) -> str:
    """The host exactly as a connection uses it: ASCII, lower case, no brackets."""
    return url.raw_host.decode("ascii")


def is_ip_address(host: str) -> bool:
    """Whether the host is an IP address and not a name: a dotted quad, or IPv6."""
    return _parse_ip(host) is not None


def is_public(address: IpAddress) -> bool:
    """Whether an IP address may belong to a public server, and does not embed another address.

    `ipaddress.is_global` alone is not enough: Python 3.11 counts multicast, 6to4, NAT64, site-local
    and IPv4-compatible addresses as global.
    """
    if not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    return not any(address in block for block in _NOT_PUBLIC_6)


def _is_loopback(address: IpAddress) -> bool:
    if isinstance(address, IPv6Address):
        return address == IPv6Address("::1")
    return address.is_loopback


def _is_public_name(host: str) -> bool:
    if len(host) > MAX_HOST_LENGTH or not _NAME.fullmatch(host):
        return False
    return host.rpartition(".")[2] not in _NEVER_PUBLIC


def _parse_ip(host: str) -> IpAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
