"""Perfect's sign-in, tokens, rate limits and credits."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.sandbox.client import STARTS_AT, run_sandbox
from tests.sandbox.images import photo
from tests.sandbox.perfect.client import API, PerfectClient

MILLIS = int(STARTS_AT * 1000)
QUARTER_MS = 15 * 60 * 1000


def test_client_secret_is_a_public_key_of_1024_bits(perfect: PerfectClient) -> None:
    """It is one line of base64 in X.509 form, as the length of the document's id_token requires."""
    assert "\n" not in perfect.client_secret
    key = load_der_public_key(base64.b64decode(perfect.client_secret, validate=True))

    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 1024


def test_id_token_is_exchanged_for_an_access_token(
    perfect: PerfectClient,
) -> None:
    """The response has exactly the documented fields, and the token works."""
    response = perfect.auth().json()

    assert set(response) == {"status", "result"}
    assert response["status"] == 200
    assert set(response["result"]) == {"access_token"}
    bearer = {"Authorization": f"Bearer {response['result']['access_token']}"}
    assert (
        perfect.keyless.get(f"{perfect.base_url}{API}/client/credit", headers=bearer).status_code
        == 200
    )


@pytest.mark.parametrize(
    "plaintext",
    [
        "client_id={id}&timestamp={long_ago}",
        "client_id={id}&timestamp={seconds}",
        "client_id=somebody&timestamp={now}",
        "client_id={id}&timestamp=",
        "timestamp={now}&client_id={id}",
        "client_id={id}",
    ],
)
def test_invalid_plaintext_is_refused(perfect: PerfectClient, plaintext: str) -> None:
    """Both fields are needed in order, the body's id, and a recent time in milliseconds."""
    text = plaintext.format(
        id=perfect.client_id,
        now=MILLIS,
        long_ago=MILLIS - QUARTER_MS - 1,
        seconds=MILLIS // 1000,
    )
    response = perfect.auth(perfect.id_token(text))

    assert response.status_code == 401
    assert response.json() == {"status": 401, "error": "Unauthorized"}


@pytest.mark.parametrize("off", [-QUARTER_MS, 0, QUARTER_MS])
def test_timestamp_can_be_off_by_a_quarter_of_an_hour(perfect: PerfectClient, off: int) -> None:
    """Also after the sandbox's clock was moved far ahead, since a client knows the real time."""
    perfect.advance(3 * 24 * 3600)
    text = f"client_id={perfect.client_id}&timestamp={MILLIS + off}"

    assert perfect.auth(perfect.id_token(text)).status_code == 200


@pytest.mark.parametrize("off", [-QUARTER_MS - 1, QUARTER_MS + 1])
def test_timestamp_further_off_is_refused(off: int) -> None:
    """On an unmoved clock, in both directions."""
    with run_sandbox("perfect") as running, PerfectClient(running) as fresh:
        text = f"client_id={fresh.client_id}&timestamp={MILLIS + off}"

        assert fresh.auth(fresh.id_token(text)).status_code == 401


@pytest.mark.parametrize(
    "id_token",
    ["not base64!", base64.b64encode(bytes(128)).decode(), base64.b64encode(b"short").decode()],
)
def test_undecryptable_id_token_is_refused(perfect: PerfectClient, id_token: str) -> None:
    """No ciphertext makes the server fail."""
    assert perfect.auth(id_token).status_code == 401


def test_unknown_client_is_refused(perfect: PerfectClient) -> None:
    """An unknown id has no key."""
    assert perfect.auth(client_id="somebody").status_code == 401


@pytest.mark.parametrize("body", ["{}", "[]", "no json", '{"client_id": "x", "id_token": 5}'])
def test_sign_in_needs_both_fields(perfect: PerfectClient, body: str) -> None:
    """Both are strings."""
    response = perfect.http.post(f"{API}/client/auth", content=body)

    assert response.status_code == 400
    assert response.json() == {
        "status": 400,
        "error": "Invalid parameter value",
        "error_code": "InvalidParameters",
    }


def test_access_token_is_valid_for_two_hours(perfect: PerfectClient) -> None:
    """Then it is a 401 with its code, and a new one works."""
    perfect.advance(7199)
    assert perfect.http.get(f"{API}/client/credit").status_code == 200
    perfect.advance(1)
    expired = perfect.http.get(f"{API}/client/credit")
    perfect.sign_in()

    assert expired.status_code == 401
    assert expired.json() == {
        "status": 401,
        "error": "Unauthorized",
        "error_code": "InvalidAccessToken",
    }
    assert perfect.http.get(f"{API}/client/credit").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{API}/file/sod"),
        ("POST", f"{API}/task/sod"),
        ("GET", f"{API}/task/sod"),
        ("GET", f"{API}/task/style/wig"),
        ("GET", f"{API}/client/credit/history"),
    ],
)
def test_every_endpoint_needs_a_token(
    perfect: PerfectClient, method: str, path: str, header: str
) -> None:
    """A missing, unknown or foreign token is refused before anything else is checked."""
    headers = {"Authorization": header} if header else {}
    response = perfect.keyless.request(method, perfect.base_url + path, headers=headers)

    assert response.status_code == 401
    assert response.json()["error_code"] == "InvalidAccessToken"


def test_inactive_account_is_refused(perfect: PerfectClient) -> None:
    """It gets no token, and its token is refused."""
    perfect.account(active=False)

    assert perfect.auth().status_code == 401
    assert perfect.http.get(f"{API}/client/credit").status_code == 401


def test_ip_address_has_100_requests_in_five_minutes(perfect: PerfectClient) -> None:
    """The 101st is refused for five minutes with any token, without Retry-After."""
    perfect.account(rate_per_min=100)
    responses = [perfect.http.get(f"{API}/client/credit").status_code for _ in range(100)]
    refused = perfect.http.get(f"{API}/client/credit")
    perfect.advance(61)
    another_token = perfect.auth()
    perfect.advance(240)

    assert set(responses) == {200}
    assert refused.status_code == another_token.status_code == 429
    assert refused.json() == {"status": 429, "error": "Too many requests"}
    assert "retry-after" not in refused.headers
    assert perfect.http.get(f"{API}/client/credit").status_code == 200


def test_object_store_does_not_count_for_the_limit(perfect: PerfectClient) -> None:
    """Uploads and downloads are free of it."""
    src = perfect.upload("sod", photo())
    (one,) = perfect.results("sod", src=src)
    entry = perfect.register("sod")
    perfect.advance(300)
    perfect.account(rate_per_min=1)
    assert perfect.http.get(f"{API}/client/credit").status_code == 200
    assert perfect.http.get(f"{API}/client/credit").status_code == 429

    assert perfect.keyless.get(one["url"]).status_code == 200
    request = entry["requests"][0]
    put = perfect.keyless.put(request["url"], headers=request["headers"], content=b"abc")
    assert put.status_code == 200


def test_rate_limit_can_be_lifted(perfect: PerfectClient) -> None:
    """Zero lifts both limits."""
    perfect.account(rate_per_min=0)
    responses = {perfect.http.get(f"{API}/client/credit").status_code for _ in range(105)}

    assert responses == {200}


def test_credit_is_one_lot_with_the_balance(perfect: PerfectClient) -> None:
    """Its id is too large for a floating point number."""
    perfect.account(credits=123)
    response = perfect.http.get(f"{API}/client/credit").json()

    (lot,) = response["results"]
    assert (lot["amount"], lot["amount_dec"]) == (123, 123.0)
    assert lot["type"] == "ApiPaygToken"
    assert lot["id"] > 2**53


def test_credit_history_lists_charges_newest_first(perfect: PerfectClient) -> None:
    """Amounts are negative, `target_id` is the task, and pages follow each other."""
    src = perfect.upload("enhance", photo())
    tasks = []
    for feature, params in (("sod", None), ("enhance", {"scale": 1}), ("sod", None)):
        accepted = perfect.run(feature, src=src, params=params)
        perfect.finished(feature, accepted)
        tasks.append(accepted.json()["result"]["task_id"])
    first = _history(perfect, page_size=2)
    second = _history(perfect, page_size=2, starting_token=first["next_token"])
    shown = first["history"] + second["history"][:1]

    assert [entry["target_id"] for entry in shown] == tasks[::-1]
    actions = [entry["action"] for entry in shown]
    assert actions == ["api_background_removal", "api_photo_enhance", "api_background_removal"]
    assert [entry["info"]["credits"][0]["amount"] for entry in shown] == [-1, -2, -1]
    assert shown[0]["timestamp"] > shown[1]["timestamp"] > MILLIS


@pytest.mark.parametrize("query", ["page_size=0", "page_size=31", "starting_token=5"])
def test_invalid_history_page_is_refused(perfect: PerfectClient, query: str) -> None:
    """Pages have 1 to 30 entries and start with a returned token."""
    response = perfect.http.get(f"{API}/client/credit/history?{query}")

    assert response.status_code == 400
    assert response.json()["error_code"] == "InvalidParameters"


def _history(perfect: PerfectClient, **query: Any) -> dict[str, Any]:
    response = perfect.http.get(f"{API}/client/credit/history", params=query)
    result: dict[str, Any] = response.json()["result"]
    return result
