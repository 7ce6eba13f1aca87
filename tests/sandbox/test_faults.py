"""Each kind of fault affects the request, the charge, the job and the result as documented."""

from typing import Any

import httpx
import pytest

from tests.sandbox.apiframe.client import BRIA, ApiframeClient
from tests.sandbox.client import SandboxClient
from tests.sandbox.conftest import Gate
from tests.sandbox.images import as_png, photo, read

PHOTO = {"input_image": photo()}
RESTORE = "/v1/images/restore"


def test_status_fault_responds_instead_of_the_provider(snapapi: SandboxClient) -> None:
    """Headers and body are the rule's, nothing is charged, and the next call works."""
    body = {"error": {"message": "down", "type": "server_error", "code": 503}}
    do = {"status": 503, "headers": {"retry-after": "7"}, "body": body}
    snapapi.fault(do, RESTORE)
    response = snapapi.form(RESTORE, files=PHOTO)

    assert (response.status_code, response.json()) == (503, body)
    assert response.headers["retry-after"] == "7"
    assert snapapi.entries() == []
    assert snapapi.form(RESTORE, files=PHOTO).status_code == 200


def test_string_body_is_sent_as_it_is(snapapi: SandboxClient) -> None:
    """It can be a gateway's HTML or broken JSON."""
    snapapi.fault({"status": 502, "body": "<html>", "headers": {"Content-Type": "text/html"}})
    response = snapapi.form(RESTORE, files=PHOTO)

    assert response.text == "<html>"
    assert response.headers["content-type"] == "text/html"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_response_can_be_compressed(snapapi: SandboxClient, coding: str) -> None:
    """The header names the coding, and the decoded body is the original."""
    snapapi.fault({"pack": coding}, RESTORE)
    response = snapapi.form(RESTORE, files=PHOTO)

    assert response.headers["content-encoding"] == coding
    assert response.json()["data"]
    assert snapapi.spent() == 1


@pytest.mark.parametrize(("when", "spent"), [("before", 0), ("after", 1)])
def test_dropped_connection_has_no_response(snapapi: SandboxClient, when: str, spent: int) -> None:
    """Only dropping after the work costs credits."""
    snapapi.fault({"drop": when}, RESTORE)
    with pytest.raises(httpx.RemoteProtocolError):
        snapapi.form(RESTORE, files=PHOTO)

    assert snapapi.spent() == spent
    assert _log(snapapi)[-1]["status"] is None


@pytest.mark.parametrize(("when", "spent"), [("before", 0), ("after", 1)])
def test_stall_times_the_client_out(
    snapapi: SandboxClient, gate: Gate, when: str, spent: int
) -> None:
    """The client's own timeout ends the call, before or after the request was accepted."""
    snapapi.fault({"delay_s": 2.5, "then": when}, RESTORE)
    files = {"input_image": ("input_image.png", as_png(photo()))}
    with pytest.raises(httpx.ReadTimeout):
        snapapi.http.post(RESTORE, files=files, timeout=0.5)

    assert gate.reached.wait(5)
    assert gate.asked == [2.5]
    assert snapapi.spent() == spent


def test_stall_ends_in_the_response(snapapi: SandboxClient, gate: Gate) -> None:
    """A patient client gets its result after a stall that follows the work."""
    gate.open()
    snapapi.fault({"delay_s": 2.5, "then": "after"}, RESTORE)

    assert snapapi.form(RESTORE, files=PHOTO).status_code == 200


def test_malformed_response_is_broken_json_and_is_charged(
    snapapi: SandboxClient,
) -> None:
    """The status is 200, the body cannot be parsed."""
    snapapi.fault({"malformed": True}, RESTORE)
    response = snapapi.form(RESTORE, files=PHOTO)

    assert response.status_code == 200
    with pytest.raises(ValueError, match="line 1"):
        response.json()
    assert snapapi.spent() == 1


def test_truncated_body_is_shorter_than_announced(snapapi: SandboxClient) -> None:
    """A client notices the broken download by its length."""
    url = snapapi.form(RESTORE, files=PHOTO).json()["data"][0]["url"]
    snapapi.fault({"truncate": 100}, "/outputs/*")
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        httpx.get(url)

    assert read(httpx.get(url).content).shape == photo().shape


@pytest.mark.parametrize(("effect", "status"), [({}, 404), ({"status": 410}, 410)])
def test_gone_result_has_a_dead_url(
    snapapi: SandboxClient, effect: dict[str, int], status: int
) -> None:
    """The call succeeds and is charged."""
    snapapi.fault({"result": "gone", **effect}, RESTORE)
    response = snapapi.form(RESTORE, files=PHOTO).json()

    assert httpx.get(response["data"][0]["url"]).status_code == status
    assert snapapi.spent() == 1


def test_job_result_can_be_gone(apiframe: ApiframeClient) -> None:
    """The job completes, its image URL does not respond."""
    apiframe.fault({"result": "gone"}, "/v2/images/*")
    job = apiframe.open_job()
    apiframe.advance(10)

    (url,) = apiframe.job(job)["result"]["images"]
    assert httpx.get(url).status_code == 404


def test_job_fault_fails_the_job(apiframe: ApiframeClient) -> None:
    """It ends FAILED on time and is refunded."""
    apiframe.fault({"job": "fail"}, "/v2/images/*")
    job = apiframe.open_job()
    assert apiframe.job(job)["status"] == "QUEUED"
    apiframe.advance(10)

    assert apiframe.job(job)["status"] == "FAILED"
    assert apiframe.spent() == 0


def test_failed_job_can_keep_its_credits(apiframe: ApiframeClient) -> None:
    """A missing refund can be simulated."""
    apiframe.fault({"job": "fail", "refund": False}, "/v2/images/*")
    job = apiframe.open_job()
    apiframe.advance(10)

    assert apiframe.job(job)["creditCost"] == apiframe.spent() == 2


@pytest.mark.parametrize(("job_fault", "status"), [("hang", "PROCESSING"), ("stall", "QUEUED")])
def test_job_can_hang_or_stall(apiframe: ApiframeClient, job_fault: str, status: str) -> None:
    """A day later its status is the same."""
    apiframe.fault({"job": job_fault}, "/v2/images/*")
    job = apiframe.open_job()
    apiframe.advance(24 * 3600)

    assert apiframe.job(job)["status"] == status


def test_repeated_key_returns_the_job_of_a_dropped_response(apiframe: ApiframeClient) -> None:
    """A job whose response was lost is returned to the repeated request."""
    apiframe.fault({"drop": "after"}, "/v2/images/*")
    params, headers = {"image": "http://a.test/x.png"}, {"Idempotency-Key": "lost"}
    with pytest.raises(httpx.RemoteProtocolError):
        apiframe.post(BRIA, params, headers)
    again = apiframe.post(BRIA, params, headers)

    (entry,) = apiframe.entries()
    assert again.json()["jobId"] == entry["job_id"]


def test_rule_skips_applies_and_ends(snapapi: SandboxClient) -> None:
    """The first matches are skipped, the next fail, the rest pass; the counters show it."""
    snapapi.fault({"status": 500}, "/v1/tasks/*", skip=1, times=2)
    statuses = [snapapi.http.get("/v1/tasks/task_1").status_code for _ in range(4)]

    assert statuses == [404, 500, 500, 404]
    (rule,) = snapapi.http.get("/_sandbox/faults").json()["rules"]
    assert (rule["seen"], rule["fired"]) == (3, 2)


def test_endless_rule_applies_until_cleared(snapapi: SandboxClient) -> None:
    """Method and path select the requests."""
    rule = {"match": {"method": "get", "path": "/v1/tasks/*"}, "do": {"status": 500}, "times": -1}
    snapapi.http.post("/_sandbox/faults", json=[rule])
    assert {snapapi.http.get("/v1/tasks/task_1").status_code for _ in range(5)} == {500}
    assert snapapi.http.delete("/v1/tasks/task_1").status_code == 404

    snapapi.http.delete("/_sandbox/faults")
    assert snapapi.http.get("/v1/tasks/task_1").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"do": {}},
        {"do": {"explode": True}},
        {"do": {"drop": "before", "malformed": True}},
        {"do": {"status": 99}},
        {"do": {"drop": "before"}, "when": "now"},
        "nonsense",
    ],
)
def test_invalid_rule_is_refused(snapapi: SandboxClient, body: object) -> None:
    """A mistake in a test's rule is a 400."""
    response = snapapi.http.post("/_sandbox/faults", json=body)

    assert response.status_code == 400
    assert response.json()["details"]
    assert snapapi.http.get("/_sandbox/faults").json() == {"rules": []}


def test_request_log_has_no_secrets(snapapi: SandboxClient) -> None:
    """It has method, path, status and fault; it has no keys and no control requests."""
    snapapi.fault({"status": 500}, "/v1/tasks/*")
    snapapi.http.get("/v1/tasks/task_logged")

    entry = _log(snapapi)[-1]
    assert (entry["method"], entry["path"]) == ("GET", "/v1/tasks/task_logged")
    assert (entry["status"], entry["fault"]) == (500, {"status": 500})
    assert "sk-snap" not in str(_log(snapapi))
    assert not [one for one in _log(snapapi) if one["path"].startswith("/_sandbox")]


@pytest.mark.parametrize("header", ["authorization", "api-key", "X-API-Key", "X-Vendor-Key"])
def test_request_log_hides_every_key_header(snapapi: SandboxClient, header: str) -> None:
    """Whatever a provider calls it; an idempotency key is no secret."""
    sent = {header: "a-real-key", "Idempotency-Key": "task-1"}
    snapapi.http.get("/v1/tasks/task_logged", headers=sent)

    logged = {name.lower(): value for name, value in _log(snapapi)[-1]["headers"].items()}
    assert logged[header.lower()] == "[redacted]"
    assert logged["idempotency-key"] == "task-1"


def test_unknown_control_route_names_the_known_ones(snapapi: SandboxClient) -> None:
    """The response is a 404."""
    response = snapapi.http.get("/_sandbox/help")

    assert response.status_code == 404
    assert "GET /_sandbox/ledger" in response.json()["known"]


def _log(client: SandboxClient) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = client.http.get("/_sandbox/requests").json()["requests"]
    return entries
