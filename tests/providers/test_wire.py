"""The one exchange over TLS: trusted, it works; not trusted, nothing was sent."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from darkroom.errors import NotSent, Unclear
from darkroom.providers.wire import Wire, within
from tests.providers.desk import WIRE
from tests.providers.rawserver import RawServer, answering, dripping, http, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh certificate for 127.0.0.1 with its key, in one file."""
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
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
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
    with Wire().exchange(request, 5, reuse=False) as response:
        assert b"".join(response.iter_raw()) == b"{}"


def test_a_server_that_is_not_trusted_is_told_nothing(server: RawServer) -> None:
    """The handshake fails before a byte of the request leaves."""
    request = httpx.Request("POST", server.base_url, json={"a": 1})
    with pytest.raises(NotSent), Wire().exchange(request, 5, reuse=False):
        pass
    assert server.received == []


def test_the_deadline_holds_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that drips through an encrypted connection ends in time, too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    handler = dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")
    with serving(handler, tls=_tls(certificate)) as server:
        request = httpx.Request("POST", server.base_url, json={"a": 1})
        with pytest.raises(Unclear), Wire().exchange(request, 0.5, reuse=False):
            pass


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
