"""The one exchange: over TLS, within its time, and at the address that was judged."""

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
from darkroom.providers.engine.transport import DeadlineTransport, system_addresses, within
from darkroom.providers.engine.url_guard import UrlGuard
from tests.providers.connector import Connector, Names
from tests.providers.desk import WIRE
from tests.providers.rawserver import RawServer, answering, dripping, http, serving


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
    """Answers one request on each TLS connection."""
    with serving(answering(http("200 OK", b"{}")), tls=_tls(certificate)) as server:
        yield server


def test_a_trusted_server_answers(
    server: RawServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline's sockets carry TLS as well."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    request = httpx.Request("POST", server.base_url, json={"a": 1})
    with DeadlineTransport().exchange(request, 5, reuse=False) as response:
        assert b"".join(response.iter_raw()) == b"{}"


def test_a_server_that_is_not_trusted_is_told_nothing(server: RawServer) -> None:
    """The handshake fails before a byte of the request leaves."""
    request = httpx.Request("POST", server.base_url, json={"a": 1})
    with pytest.raises(NotSent), DeadlineTransport().exchange(request, 5, reuse=False):
        pass
    assert server.received == []


def test_the_deadline_holds_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that drips through an encrypted connection ends in time, too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    handler = dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")
    with serving(handler, tls=_tls(certificate)) as server:
        request = httpx.Request("POST", server.base_url, json={"a": 1})
        with pytest.raises(Unclear), DeadlineTransport().exchange(request, 0.5, reuse=False):
            pass


class Detour(httpcore.SyncBackend):
    """Connects to a test's server instead, whatever the address; writes the address down."""

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
def test_the_certificate_must_be_for_the_name_and_not_for_the_address(
    server: RawServer,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Connecting to an address that was judged takes nothing from what TLS proves."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    detour = Detour(server)
    wire = DeadlineTransport(resolve=Names(other=("93.184.215.14",)), network=detour)
    request = httpx.Request("GET", f"https://{host}/1.png")
    expected = contextlib.nullcontext() if trusted else pytest.raises(NotSent)
    with expected, wire.exchange(request, 5, reuse=False, vetting=UrlGuard("result")) as response:
        assert b"".join(response.iter_raw()) == b"{}"
    wire.close()
    assert detour.asked == ["93.184.215.14"]
    assert [raw.split(b"\r\n")[1] for raw in server.received] == [
        b"Host: cdn.example.com"
    ] * trusted


def test_only_handed_out_addresses_are_judged() -> None:
    """Where the provider's API is, the operator says; its name is left to the system."""
    names = Names(other=("10.0.0.7",))
    connector = Connector(lambda _request: http("200 OK", b"{}"))
    wire = DeadlineTransport(resolve=names, network=connector)
    request = httpx.Request("GET", "http://gateway.internal:8080/v1")
    with wire.exchange(request, 5, reuse=False) as response:
        assert response.read() == b"{}"
    with (
        pytest.raises(DarkroomError),
        wire.exchange(request, 5, reuse=False, vetting=UrlGuard("upload", near=True)),
    ):
        pass
    assert connector.asked == [("gateway.internal", 8080)]
    assert names.asked == []


def test_a_look_up_that_takes_all_the_time_is_followed_by_no_connection() -> None:
    """The resolver alone cannot be hurried."""
    elapsed = [0.0]
    connector = Connector(lambda _request: b"")

    def slow(_host: str, _port: int) -> tuple[str]:
        elapsed[0] += 6
        return ("93.184.215.14",)

    wire = DeadlineTransport(monotonic=lambda: elapsed[0], resolve=slow, network=connector)
    request = httpx.Request("GET", "https://cdn.example.com/")
    with pytest.raises(NotSent), wire.exchange(request, 5, reuse=False, vetting=UrlGuard("result")):
        pass
    assert connector.asked == []


def test_the_system_knows_this_machine_and_no_invalid_name() -> None:
    """The resolver that is used unless another is given."""
    assert set(system_addresses("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert system_addresses("localhost", 80)
    with pytest.raises(httpcore.ConnectError):
        system_addresses("nowhere.invalid", 80)


def test_an_exchange_without_time_is_not_begun() -> None:
    """Nobody even connects."""
    with serving(answering(http("200 OK", b""))) as server:
        request = httpx.Request("GET", server.base_url)
        with pytest.raises(NotSent), WIRE.exchange(request, 0, reuse=True):
            pass
    assert server.connections == 0


@pytest.mark.parametrize(("limit", "left_s", "given"), [(5, 2, 2), (2, 5, 2), (None, 3, 3)])
def test_no_socket_waits_longer_than_what_is_left(
    limit: float | None, left_s: float, given: float
) -> None:
    """The smaller of the operation's limit and the exchange's."""
    assert within(limit, left_s, TimeoutError) == given


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
