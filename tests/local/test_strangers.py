"""Programs of the user may speak to what listens on his machine, and no web page may."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from infra.local.lambda_runtime.pool import Place, build_environment
from infra.local.lambda_runtime.worker import NEXT, Worker
from infra.local.processes import Processes
from infra.loopback_guard import access_key, refusal
from tests.local.test_runtime import look_up

PORT = 4577


@pytest.mark.parametrize("host", ["127.0.0.1:4577", "localhost:4577", "LOCALHOST:4577"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    """With the port that listens."""
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
def test_any_other_host_is_refused(host: str) -> None:
    """A name may stand for this machine the next moment; and none at all is no name of ours."""
    assert "answers to 127.0.0.1:4577 alone" in str(refusal("GET", {"host": host}, PORT))


def test_a_host_without_a_port_means_the_usual_one() -> None:
    """As browsers and clients leave it out."""
    assert refusal("GET", {"host": "localhost"}, 80) is None


def test_what_may_be_forwarded_says_another_port() -> None:
    """But no other name."""
    assert refusal("GET", {"host": "127.0.0.1:9"}, None) is None
    assert refusal("GET", {"host": "evil.example:9"}, None) is not None


def test_what_listens_everywhere_knows_addresses_and_no_names() -> None:
    """A name is what rebinding needs."""
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
def test_what_a_page_sends_bears_its_mark(mark: dict[str, str]) -> None:
    """Also where the page itself was fetched from here: an upload may be one."""
    said = refusal("GET", {"host": "127.0.0.1:4577", **mark}, PORT)
    assert "web page" in str(said)


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
def test_a_request_bears_a_key_where_it_is_signed(header: str, query: str, key: str | None) -> None:
    """In both ways of signing; a signed address is good for objects alone."""
    environ = {"HTTP_AUTHORIZATION": header, "QUERY_STRING": query}
    assert access_key(environ) == key


def test_a_signed_address_with_a_target_bears_none() -> None:
    """Nothing but objects has signed addresses here."""
    environ = {"QUERY_STRING": f"X-Amz-Credential=local/{SCOPE}", "HTTP_X_AMZ_TARGET": "A.B"}
    assert access_key(environ) is None


def test_a_page_that_finds_a_functions_own_port_takes_no_event_from_it(
    processes: Processes, place: Place, tmp_path: Path
) -> None:
    """It is told no, and the function gets what was meant for it."""
    function = look_up("echo")
    environment = build_environment(function, place)
    worker = Worker(function, processes, place.asset, environment, tmp_path / "log")
    host, port = worker._listener.getsockname()
    marks = (f"Host: {host}:{port}\r\nOrigin: https://evil.example", "Host: evil.example")
    said: list[bytes] = []

    def knock(line: socket.socket) -> None:
        said.append(line.recv(65536))

    with contextlib.ExitStack() as lines:
        lines.callback(worker.close)
        knocking = []
        for mark in marks:
            line = lines.enter_context(socket.create_connection((host, port), 20))
            line.sendall(f"GET {NEXT} HTTP/1.1\r\n{mark}\r\n\r\n".encode())
            knocking.append(threading.Thread(target=knock, args=(line,)))
            knocking[-1].start()
        answer = worker.invoke(b'{"a": 1}')
        # Whoever came in late is told by the next one.
        worker.invoke(b"{}")
        for thread in knocking:
            thread.join(20)
    assert answer.error is None
    assert b'"a": 1' in answer.payload
    assert [one.partition(b"\r\n")[0] for one in said] == [b"HTTP/1.1 403 -"] * 2
