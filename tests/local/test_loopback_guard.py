"""Programs of the user may use the servers on this machine, and web pages may not."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from infra.local.lambda_runtime.pool import Workspace, build_environment
from infra.local.lambda_runtime.worker import NEXT, Worker
from infra.local.processes import Processes
from infra.loopback_guard import access_key, refusal
from tests.local.test_lambda_runtime import look_up

PORT = 4577


@pytest.mark.parametrize("host", ["127.0.0.1:4577", "localhost:4577", "LOCALHOST:4577"])
def test_loopback_hosts_are_accepted(host: str) -> None:
    """With the port of the server."""
    assert refusal("POST", {"host": host}, PORT) is None
    assert refusal("GET", {"host": "[::1]:4577", "sec-fetch-site": "none"}, PORT) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:4577",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:45770",
        "127.0.0.1:4577,127.0.0.1:4577",
        "127.0.0.1.evil.example:4577",
        "localhost.evil.example:4577",
        "evil.localhost:4577",
        "localhost.:4577",
        "user@127.0.0.1:4577",
        "127.0.0.2:4577",
        "0.0.0.0:4577",
        "[::1:4577",
        "[::ffff:127.0.0.1]:4577",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    """A DNS name may be changed to this machine at any time; a missing host is refused too."""
    assert "only answers to 127.0.0.1:4577" in str(refusal("GET", {"host": host}, PORT))


def test_host_without_a_port_means_port_80() -> None:
    """Browsers and clients leave it out."""
    assert refusal("GET", {"host": "localhost"}, 80) is None


def test_forwarded_request_may_have_another_port() -> None:
    """But no other name."""
    assert refusal("GET", {"host": "127.0.0.1:9"}, None) is None
    assert refusal("GET", {"host": "evil.example:9"}, None) is not None


def test_server_on_all_interfaces_accepts_addresses_and_no_names() -> None:
    """DNS rebinding needs a name."""
    for host in ("192.168.0.7:9", "[fe80::1]:9", "localhost:9"):
        assert refusal("GET", {"host": host}, None, hosts=()) is None
    assert refusal("GET", {"host": "evil.example:9"}, None, hosts=()) is not None


@pytest.mark.parametrize(
    "mark",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:4577"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
def test_request_of_a_web_page_is_refused(mark: dict[str, str]) -> None:
    """Also of a page that was loaded from here: an upload may be one."""
    reason = refusal("GET", {"host": "127.0.0.1:4577", **mark}, PORT)
    assert "web page" in str(reason)


SCOPE = "20260101/us-east-1/s3/aws4_request"
OTHER = SCOPE.replace("s3", "sqs")


@pytest.mark.parametrize(
    ("header", "query", "key"),
    [
        (
            f"AWS4-HMAC-SHA256 Credential=local/{SCOPE}, SignedHeaders=host, Signature=0",
            "",
            "local",
        ),
        (f"AWS4-HMAC-SHA256 Credential=AKIA/{OTHER}, SignedHeaders=host", "", "AKIA"),
        (f"AWS4-HMAC-SHA256 SignedHeaders=host,X=Credential=local/{SCOPE}", "", None),
        ("AWS local:signature", "", "local"),
        ("Bearer local", "", None),
        ("Basic x", f"X-Amz-Credential=local/{SCOPE}", None),
        ("", f"X-Amz-Credential=local/{SCOPE}", "local"),
        ("", f"X-Amz-Credential=local%2F{SCOPE.replace('/', '%2F')}&X-Amz-Signature=0", "local"),
        ("", f"X-Amz-Credential=local/{OTHER}", None),
        ("", f"X-Amz-Credential=local/{SCOPE}&Action=SendMessage", None),
        ("", "X-Amz-Credential=local", None),
        ("", "AWSAccessKeyId=local&Signature=0", "local"),
        ("", "AWSAccessKeyId=local&Action=SendMessage", None),
        ("", "", None),
    ],
)
def test_access_key_of_a_signed_request(header: str, query: str, key: str | None) -> None:
    """In both versions of signing; a presigned URL is accepted for objects only."""
    environ = {"HTTP_AUTHORIZATION": header, "QUERY_STRING": query}
    assert access_key(environ) == key


def test_presigned_url_with_a_target_has_no_access_key() -> None:
    """Only objects have presigned URLs here."""
    environ = {"QUERY_STRING": f"X-Amz-Credential=local/{SCOPE}", "HTTP_X_AMZ_TARGET": "A.B"}
    assert access_key(environ) is None


def test_web_page_gets_no_event_from_a_workers_port(
    processes: Processes, workspace: Workspace, tmp_path: Path
) -> None:
    """It gets 403, and the function gets its event."""
    function = look_up("echo")
    environment = build_environment(function, workspace)
    worker = Worker(function, processes, workspace.asset, environment, tmp_path / "log")
    host, port = worker._listener.getsockname()
    marks = (f"Host: {host}:{port}\r\nOrigin: https://evil.example", "Host: evil.example")
    responses: list[bytes] = []

    def read(connection: socket.socket) -> None:
        responses.append(connection.recv(65536))

    with contextlib.ExitStack() as connections:
        connections.callback(worker.close)
        readers = []
        for mark in marks:
            connection = connections.enter_context(socket.create_connection((host, port), 20))
            connection.sendall(f"GET {NEXT} HTTP/1.1\r\n{mark}\r\n\r\n".encode())
            readers.append(threading.Thread(target=read, args=(connection,)))
            readers[-1].start()
        result = worker.invoke(b'{"a": 1}')
        # The next invocation answers connections that came too late.
        worker.invoke(b"{}")
        for thread in readers:
            thread.join(20)
    assert result.error is None
    assert b'"a": 1' in result.payload
    assert [one.partition(b"\r\n")[0] for one in responses] == [b"HTTP/1.1 403 -"] * 2
