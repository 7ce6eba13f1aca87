"""One exchange: over TLS, within its time, to the vetted address."""

import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from darkroom.domain.errors import DarkroomError, NotSent, Unclear
from darkroom.providers.engine.transport import DeadlineTransport, operation_timeout_s, resolve_host
from darkroom.providers.engine.url_guard import UrlGuard
from tests.fakes.raw_server import RawServer, answering, dripping, http, serving
from tests.providers.engine.driver_harness import TRANSPORT
from tests.providers.engine.fake_network import FakeNetwork, Names


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh certificate for 127.0.0.1 and a name, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.DNSName("cdn.example.com"),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[RawServer]:
    """Responds to one request on each TLS connection."""
    with serving(answering(http("200 OK", b"{}")), tls=_tls(certificate)) as server:
        yield server


def test_trusted_server_responds(
    server: RawServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sockets with a deadline carry TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    request = httpx.Request("POST", server.base_url, json={"a": 1})
    with DeadlineTransport().exchange(request, 5, reuse=False) as response:
        assert b"".join(response.iter_raw()) == b"{}"


def test_untrusted_server_receives_nothing(server: RawServer) -> None:
    """The handshake fails before a byte of the request is sent."""
    request = httpx.Request("POST", server.base_url, json={"a": 1})
    with pytest.raises(NotSent), DeadlineTransport().exchange(request, 5, reuse=False):
        pass
    assert server.received == []


def test_deadline_holds_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that drips through an encrypted connection ends in time too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    handler = dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")
    with serving(handler, tls=_tls(certificate)) as server:
        request = httpx.Request("POST", server.base_url, json={"a": 1})
        with pytest.raises(Unclear), DeadlineTransport().exchange(request, 0.5, reuse=False):
            pass


class Detour(httpcore.SyncBackend):
    """Connects to the test's server whatever the address, and records the address."""

    def __init__(self, server: RawServer) -> None:
        self._port = int(server.base_url.rpartition(":")[2])
        self.asked: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,  # noqa: ARG002 - the server's own is used
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to this machine."""
        self.asked.append(host)
        return super().connect_tcp("127.0.0.1", self._port, timeout, local_address, socket_options)


@pytest.mark.parametrize(("host", "trusted"), [("cdn.example.com", True), ("x.example.com", False)])
def test_certificate_must_match_the_host_name(
    server: RawServer,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Connecting to a vetted address takes nothing from what TLS proves."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    detour = Detour(server)
    transport = DeadlineTransport(resolve=Names(other=("93.184.215.14",)), network=detour)
    request = httpx.Request("GET", f"https://{host}/1.png")
    expected = contextlib.nullcontext() if trusted else pytest.raises(NotSent)
    with (
        expected,
        transport.exchange(request, 5, reuse=False, guard=UrlGuard("result")) as response,
    ):
        assert b"".join(response.iter_raw()) == b"{}"
    transport.close()
    assert detour.asked == ["93.184.215.14"]
    assert [raw.split(b"\r\n")[1] for raw in server.received] == [
        b"Host: cdn.example.com"
    ] * trusted


def test_only_urls_that_a_provider_gave_are_vetted() -> None:
    """The base URL is the operator's; its name is resolved by the system."""
    names = Names(other=("10.0.0.7",))
    network = FakeNetwork(lambda _request: http("200 OK", b"{}"))
    transport = DeadlineTransport(resolve=names, network=network)
    request = httpx.Request("GET", "http://gateway.internal:8080/v1")
    with transport.exchange(request, 5, reuse=False) as response:
        assert response.read() == b"{}"
    with (
        pytest.raises(DarkroomError),
        transport.exchange(request, 5, reuse=False, guard=UrlGuard("upload", allow_loopback=True)),
    ):
        pass
    assert network.asked == [("gateway.internal", 8080)]
    assert names.asked == []


def test_slow_dns_look_up_is_followed_by_no_connection() -> None:
    """Only the resolver has no deadline."""
    elapsed = [0.0]
    network = FakeNetwork(lambda _request: b"")

    def slow(_host: str, _port: int) -> tuple[str]:
        elapsed[0] += 6
        return ("93.184.215.14",)

    transport = DeadlineTransport(monotonic=lambda: elapsed[0], resolve=slow, network=network)
    request = httpx.Request("GET", "https://cdn.example.com/")
    with (
        pytest.raises(NotSent),
        transport.exchange(request, 5, reuse=False, guard=UrlGuard("result")),
    ):
        pass
    assert network.asked == []


def test_system_resolver_knows_localhost_and_no_invalid_name() -> None:
    """It is the default resolver."""
    assert set(resolve_host("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert resolve_host("localhost", 80)
    with pytest.raises(httpcore.ConnectError):
        resolve_host("nowhere.invalid", 80)


def test_exchange_without_time_is_not_begun() -> None:
    """There is not even a connection."""
    with serving(answering(http("200 OK", b""))) as server:
        request = httpx.Request("GET", server.base_url)
        with pytest.raises(NotSent), TRANSPORT.exchange(request, 0, reuse=True):
            pass
    assert server.connections == 0


@pytest.mark.parametrize(("limit", "left_s", "given"), [(5, 2, 2), (2, 5, 2), (None, 3, 3)])
def test_socket_operation_waits_at_most_for_the_time_left(
    limit: float | None, left_s: float, given: float
) -> None:
    """The smaller of the operation's limit and the exchange's."""
    assert operation_timeout_s(limit, left_s, TimeoutError) == given


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
