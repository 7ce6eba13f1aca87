"""Perfect's sign-in, tokens, rate limits and credits."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.sandbox.images import photo
from tests.sandbox.perfect_client import API, STARTS_AT, PerfectClient, served

MILLIS = int(STARTS_AT * 1000)
QUARTER_MS = 15 * 60 * 1000


def test_the_secret_is_a_public_key_of_1024_bits_on_one_line(perfect: PerfectClient) -> None:
    """It is base64 of the X.509 form, as long as the document's sample of an id_token asks for."""
    assert "\n" not in perfect.client_secret
    key = load_der_public_key(base64.b64decode(perfect.client_secret, validate=True))

    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 1024


def test_an_encrypted_id_token_buys_an_access_token_and_nothing_else(
    perfect: PerfectClient,
) -> None:
    """The answer has exactly the fields of the document, and the token works."""
    answer = perfect.auth().json()

    assert set(answer) == {"status", "result"}
    assert answer["status"] == 200
    assert set(answer["result"]) == {"access_token"}
    bearer = {"Authorization": f"Bearer {answer['result']['access_token']}"}
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
def test_another_plaintext_is_refused(perfect: PerfectClient, plaintext: str) -> None:
    """Both fields must be there in order, the id the body's, the time in milliseconds and near."""
    text = plaintext.format(
        id=perfect.client_id,
        now=MILLIS,
        long_ago=MILLIS - QUARTER_MS - 1,
        seconds=MILLIS // 1000,
    )
    answer = perfect.auth(perfect.id_token(text))

    assert answer.status_code == 401
    assert answer.json() == {"status": 401, "error": "Unauthorized"}


@pytest.mark.parametrize("off", [-QUARTER_MS, 0, QUARTER_MS])
def test_the_time_may_be_a_quarter_of_an_hour_off(perfect: PerfectClient, off: int) -> None:
    """Also after the sandbox's clock was moved far ahead, since a client knows the real time."""
    perfect.advance(3 * 24 * 3600)
    text = f"client_id={perfect.client_id}&timestamp={MILLIS + off}"

    assert perfect.auth(perfect.id_token(text)).status_code == 200


@pytest.mark.parametrize("off", [-QUARTER_MS - 1, QUARTER_MS + 1])
def test_a_time_further_off_is_refused(off: int) -> None:
    """On a clock that nobody has moved, one side is as good as the other."""
    with served() as fresh:
        text = f"client_id={fresh.client_id}&timestamp={MILLIS + off}"

        assert fresh.auth(fresh.id_token(text)).status_code == 401


@pytest.mark.parametrize(
    "id_token",
    ["not base64!", base64.b64encode(bytes(128)).decode(), base64.b64encode(b"short").decode()],
)
def test_what_cannot_be_decrypted_is_refused(perfect: PerfectClient, id_token: str) -> None:
    """No ciphertext makes the server fail."""
    assert perfect.auth(id_token).status_code == 401


def test_another_client_is_refused(perfect: PerfectClient) -> None:
    """An unknown id has no key."""
    assert perfect.auth(client_id="somebody").status_code == 401


@pytest.mark.parametrize("body", ["{}", "[]", "no json", '{"client_id": "x", "id_token": 5}'])
def test_a_sign_in_that_does_not_fit_is_invalid(perfect: PerfectClient, body: str) -> None:
    """Both fields are required strings."""
    answer = perfect.http.post(f"{API}/client/auth", content=body)

    assert answer.status_code == 400
    assert answer.json() == {
        "status": 400,
        "error": "Invalid parameter value",
        "error_code": "InvalidParameters",
    }


def test_a_token_is_good_for_two_hours(perfect: PerfectClient) -> None:
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
def test_without_a_token_nothing_is_answered(
    perfect: PerfectClient, method: str, path: str, header: str
) -> None:
    """A missing, unknown or foreign one is refused before anything else is looked at."""
    headers = {"Authorization": header} if header else {}
    answer = perfect.keyless.request(method, perfect.base_url + path, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error_code"] == "InvalidAccessToken"


def test_an_inactive_account_gets_nothing(perfect: PerfectClient) -> None:
    """Neither a token nor an answer for one."""
    perfect.account(active=False)

    assert perfect.auth().status_code == 401
    assert perfect.http.get(f"{API}/client/credit").status_code == 401


def test_the_documented_limit_holds_per_ip_in_five_minutes(perfect: PerfectClient) -> None:
    """The 101st request is refused for five minutes, whatever the token; nothing says how long."""
    perfect.account(rate_per_min=100)
    answers = [perfect.http.get(f"{API}/client/credit").status_code for _ in range(100)]
    refused = perfect.http.get(f"{API}/client/credit")
    perfect.advance(61)
    another_token = perfect.auth()
    perfect.advance(240)

    assert set(answers) == {200}
    assert refused.status_code == another_token.status_code == 429
    assert refused.json() == {"status": 429, "error": "Too many requests"}
    assert "retry-after" not in refused.headers
    assert perfect.http.get(f"{API}/client/credit").status_code == 200


def test_the_object_store_does_not_count(perfect: PerfectClient) -> None:
    """Uploads and downloads go elsewhere in the vendor's cloud."""
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


def test_the_limit_can_be_lifted(perfect: PerfectClient) -> None:
    """Zero lifts both limits."""
    perfect.account(rate_per_min=0)
    answers = {perfect.http.get(f"{API}/client/credit").status_code for _ in range(105)}

    assert answers == {200}


def test_the_credits_are_told(perfect: PerfectClient) -> None:
    """One lot with what is left, its id too large for a floating point number."""
    perfect.account(credits=123)
    answer = perfect.http.get(f"{API}/client/credit").json()

    (lot,) = answer["results"]
    assert (lot["amount"], lot["amount_dec"]) == (123, 123.0)
    assert lot["type"] == "ApiPaygToken"
    assert lot["id"] > 2**53


def test_the_history_tells_what_was_spent_the_newest_first(perfect: PerfectClient) -> None:
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
def test_a_page_of_history_that_does_not_fit_is_invalid(perfect: PerfectClient, query: str) -> None:
    """Pages have 1 to 30 entries and start with a token that was given."""
    answer = perfect.http.get(f"{API}/client/credit/history?{query}")

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "InvalidParameters"


def _history(perfect: PerfectClient, **query: Any) -> dict[str, Any]:
    response = perfect.http.get(f"{API}/client/credit/history", params=query)
    result: dict[str, Any] = response.json()["result"]
    return result
