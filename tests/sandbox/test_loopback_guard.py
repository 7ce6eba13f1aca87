"""Web pages can use neither a sandbox's API nor its control routes."""

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
def test_web_page_is_refused(snapapi: SandboxClient, path: str, page: dict[str, str]) -> None:
    """Nothing is done, and the request is not logged."""
    before = snapapi.http.get("/_sandbox/requests").json()
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        response = snapapi.http.request(method, path, json={"credits": 1}, headers=page)
        assert response.status_code == 403
        assert not any(name.startswith("access-control-") for name in response.headers)
    assert snapapi.http.get("/_sandbox/account").json()["credits"] == 100_000
    assert snapapi.http.get("/_sandbox/requests").json() == before


def test_proxy_on_another_port_is_accepted(snapapi: SandboxClient) -> None:
    """A recording proxy forwards its own port; a host name would be a web page's."""
    for host in ("127.0.0.1:9", "localhost:9"):
        headers = {"Host": host}
        assert snapapi.http.get("/_sandbox/ledger", headers=headers).status_code == 200


def test_sandbox_on_all_addresses_accepts_every_address() -> None:
    """But no host name, which could be made to resolve to this machine."""
    with start(["snapapi"], host="0.0.0.0") as running:
        url = f"{running['snapapi'].base_url}/_sandbox/ledger"
        for host, status in (("192.168.0.7:80", 200), ("evil.example", 403)):
            assert httpx.get(url, headers={"Host": host}).status_code == status
