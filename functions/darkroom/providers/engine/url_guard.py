"""Which of the addresses that a provider hands out may be asked: public ones, by HTTPS alone.

An answer is not to be trusted with where we connect to: its host may be an address of this machine
or network, a name that leads there, or one of the many ways to write either. Here it is only
judged; nothing is looked up and nobody is connected to. The judge is asked twice: about the URL
before anything happens, and about what the name stands for when a connection is made.

    URL ──▶ check ──▶ (a kept connection, or) look up once ──▶ choose ──▶ connect to just that

Addresses of a provider's API come from its adapter or the operator and are not judged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

import httpx

from darkroom.domain.errors import DarkroomError, ProviderRefused

Address = IPv4Address | IPv6Address

MAX_NAME_LENGTH = 253
"""Characters of a host name; RFC 1035, section 2.3.4."""
LAST_PORT = 65535

_PUBLIC_6 = IPv6Network("2000::/3")
"""The one block of which global unicast addresses are given out: IANA, "Internet Protocol Version 6
Address Space". Outside lie loopback, mapped and compatible IPv4, NAT64, link-local, site-local,
unique local and multicast addresses."""

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
"""A name with a dot whose last part is none of the numbers that some resolvers read: `0x7f.1`."""

_NEVER_PUBLIC = frozenset(
    # IANA, "Special-Use Domain Names", `internal` as reserved by ICANN, and what routers and
    # companies use of their own accord.
    {"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"}
    | {"corp", "home", "intranet", "lan", "localdomain", "private"}
)
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9._:%-]")
_SHOWN = 80


@dataclass(frozen=True)
class UrlGuard:
    """The judge of one address that a provider handed out.

    Attributes:
        purpose: what is to be fetched from there, or sent there.
        near: whether the provider itself is on this machine, as a sandbox is. Then an address that
            says by itself that it is on this machine will do, by plain HTTP too.
    """

    purpose: Literal["result", "upload"]
    near: bool = False

    def read(self, text: str) -> httpx.URL:
        """The text as an address that `check` lets pass.

        Raises:
            DarkroomError: see `refusal`.
        """
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            # Its message may show the signed URL.
            raise self.refusal("", "it cannot be read") from None
        self.check(url)
        return url

    def check(self, url: httpx.URL) -> None:
        """Judge what the address says by itself.

        Raises:
            DarkroomError: see `refusal`.
        """
        host = host_of(url)
        if not host:
            raise self.refusal("", "it names no host")
        if url.userinfo:
            raise self.refusal(host, "it names a user")
        if self._is_here(host):
            if url.scheme not in {"http", "https"}:
                raise self.refusal(host, "it is not asked by HTTP")
            if url.port is not None and not 0 < url.port <= LAST_PORT:
                raise self.refusal(host, "it names a port that there is not")
            return
        if url.scheme != "https":
            raise self.refusal(host, "it is not asked by HTTPS")
        if url.port is not None:
            raise self.refusal(host, "it names a port of its own")
        literal = _literal(host)
        if literal is None and not _is_public_name(host):
            raise self.refusal(host, "that is no public name")
        if literal is not None and not is_public(literal):
            raise self.refusal(host, "that is no public address")

    def choose(self, host: str, found: Sequence[str]) -> tuple[str, ...]:
        """The addresses to connect to, in order, of those that a host stands for.

        One of them that is forbidden rules out all: a name of a public server has no such.

        Args:
            host: as in the URL that was checked.
            found: what it was found to stand for; the host itself where that is an address.

        Raises:
            DarkroomError: see `refusal`.
        """
        allowed = _is_loopback if self._is_here(host) else is_public
        read = [_literal(text) for text in found]
        chosen = tuple(str(address) for address in read if address is not None and allowed(address))
        if len(chosen) < len(read):
            raise self.refusal(host, "it leads to an address that is not public")
        return chosen

    def refusal(self, host: str, why: str) -> DarkroomError:
        """The error for an address that is not asked; it shows the host, and nothing of the rest.

        For a result, which is paid for, a `DarkroomError` (`result-address-refused`); for an upload
        a `ProviderRefused` (`upload-address-refused`). Neither gets better when repeated.
        """
        shown = f" at {_UNPRINTABLE.sub('?', host)[:_SHOWN]}" if host else ""
        if self.purpose == "upload":
            return ProviderRefused(
                "upload-address-refused",
                f"The provider wants the file sent to an address{shown} that is not used: {why}.",
                "Name another provider, or tell this one.",
            )
        return DarkroomError(
            "result-address-refused",
            f"The provider made the result, but its address{shown} is not used: {why}.",
            "Tell the provider, with the job's id from the manifest.",
        )

    def _is_here(self, host: str) -> bool:
        if not self.near:
            return False
        literal = _literal(host)
        return host == "localhost" if literal is None else _is_loopback(literal)


def host_of(url: httpx.URL) -> str:
    """The host exactly as it would be connected to: ASCII, lower case, no brackets."""
    return url.raw_host.decode("ascii")


def is_address(host: str) -> bool:
    """Whether the host is an address and no name: a plain dotted quad, or one of IPv6."""
    return _literal(host) is not None


def is_public(address: Address) -> bool:
    """Whether an address may belong to a public server, and reaches no other through itself.

    `ipaddress.is_global` alone does not say so: Python 3.11 counts multicast, 6to4, NAT64,
    site-local and IPv4-compatible addresses as global.
    """
    if not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    return not any(address in block for block in _NOT_PUBLIC_6)


def _is_loopback(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address == IPv6Address("::1")
    return address.is_loopback


def _is_public_name(host: str) -> bool:
    if len(host) > MAX_NAME_LENGTH or not _NAME.fullmatch(host):
        return False
    return host.rpartition(".")[2] not in _NEVER_PUBLIC


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
