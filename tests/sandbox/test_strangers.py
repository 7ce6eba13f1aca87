"""No web page may use a sandbox: neither what it offers like its provider nor what controls it."""

import httpx
import pytest

from infra.sandbox.http_server import start
from tests.sandbox.client import SandboxClient


@pytest.mark.parametrize("path", ["/_sandbox/ledger", "/_sandbox/account", "/v1/tasks/task_1"])
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_a_page_gets_nothing(snapapi: SandboxClient, path: str, page: dict[str, str]) -> None:
    """And nothing that it asks for is done, not even noted."""
    before = snapapi.http.get("/_sandbox/requests").json()
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = snapapi.http.request(method, path, json={"credits": 1}, headers=page)
        assert answer.status_code == 403
        assert not any(name.startswith("access-control-") for name in answer.headers)
    assert snapapi.http.get("/_sandbox/account").json()["credits"] == 100_000
    assert snapapi.http.get("/_sandbox/requests").json() == before


def test_what_stands_between_may_listen_on_another_port(snapapi: SandboxClient) -> None:
    """As whatever does that shows what goes over; a name is a page's."""
    for host in ("127.0.0.1:9", "localhost:9"):
        headers = {"Host": host}
        assert snapapi.http.get("/_sandbox/ledger", headers=headers).status_code == 200


def test_a_sandbox_that_listens_everywhere_answers_to_every_address() -> None:
    """But to no name, which could be made to mean this machine."""
    with start(["snapapi"], host="0.0.0.0") as running:
        url = f"{running['snapapi'].base_url}/_sandbox/ledger"
        for host, status in (("192.168.0.7:80", 200), ("evil.example", 403)):
            assert httpx.get(url, headers={"Host": host}).status_code == status
