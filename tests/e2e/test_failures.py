"""A failure ends in one manifest with its code, and is never paid for twice."""

from typing import Any

import pytest

from tests.e2e.environment_client import EnvironmentClient

pytestmark = pytest.mark.e2e

BAD_SPECS: list[tuple[str, bytes, str]] = [
    ("no-json", b"{", "spec-not-json"),
    ("latin-1", b'{"operation": "caf\xe9"}', "spec-not-utf8"),
    ("large", b'{"operation": "restore", "x": "' + b"x" * 300_000 + b'"}', "spec-too-large"),
    ("deep", b"[" * 5000 + b"]" * 5000, "spec-not-json"),
    ("twice", b'{"operation": "restore", "operation": "upscale"}', "spec-not-json"),
    ("nan", b'{"operation": "restore", "params": {"strength": NaN}}', "spec-not-json"),
    ("operation", b'{"operation": "upscal"}', "unknown-operation"),
    ("provider", b'{"operation": "upscale", "provider": "snapapy"}', "unknown-provider"),
    ("lacks", b'{"operation": "hairstyle", "provider": "apiframe"}', "operation-not-offered"),
    ("param", b'{"operation": "upscale", "params": {"scael": 2}}', "bad-params"),
    ("field", b'{"operation": "upscale", "parms": {}}', "bad-spec"),
    ("path", b'{"operation": "upscale", "inputs": {"image": "../x.jpg"}}', "bad-input-path"),
    ("nospec", b'{"name": "package"}', "not-a-spec"),
]


def test_bad_specs_end_in_a_manifest_with_their_code(client: EnvironmentClient) -> None:
    """The manifest's name starts with the photo's, and it has one plain sentence."""
    before = client.charges("snapapi"), client.charges("apiframe")
    for name, body, _ in BAD_SPECS:
        client.drop(f"bad-{name}/cat.jpg", "chelsea.jpg")
        client.drop(f"bad-{name}/cat.jpg.json", body)
    manifests = {name: wait_for_any_manifest(client, f"bad-{name}/") for name, *_ in BAD_SPECS}
    failures = {name: manifest["failure"] for name, manifest in manifests.items()}
    assert {name: failure["code"] for name, failure in failures.items()} == {
        name: code for name, _, code in BAD_SPECS
    }
    assert {manifest["status"] for manifest in manifests.values()} == {"failed"}
    assert [name for name, one in failures.items() if one["sentence"][-1] not in ".?"] == []
    assert [name for name, one in manifests.items() if "Traceback" in str(one)] == []
    assert (client.charges("snapapi"), client.charges("apiframe")) == before


def test_file_that_is_not_a_photo_is_refused_before_payment(client: EnvironmentClient) -> None:
    """With other content than its name says; the sentence names it. An empty one is waited for."""
    before = client.charges("snapapi")
    photos = {"empty": b"", "text": b"hello " * 100}
    for name, photo in photos.items():
        client.drop(f"file-{name}/cat.jpg", photo)
        client.drop(f"file-{name}/cat.jpg.json", {"operation": "restore", "provider": "snapapi"})
    text = client.manifest("file-text/cat.jpg/restore")
    assert text["status"] == "failed"
    assert "cat.jpg" in text["failure"]["sentence"]
    assert "it takes the newest version" in text["failure"]["next_step"]
    assert client.keys("file-empty/") == []
    assert client.charges("snapapi") == before
    client.drop("file-empty/cat.jpg", "chelsea.jpg")
    assert client.manifest("file-empty/cat.jpg/restore")["status"] == "succeeded"


def test_name_of_1024_bytes_is_refused_in_a_manifest_by_task_id(
    client: EnvironmentClient,
) -> None:
    """The results' names would be too long; the manifest is named after the task id."""
    key = "long/" + "x" * (1024 - len("long/.jpg.json")) + ".jpg.json"
    assert len(key) == 1024
    before = set(client.keys("_darkroom/"))
    client.drop(key, {"operation": "restore", "provider": "snapapi"})
    manifest = wait_for_any_manifest(client, "_darkroom/", before)
    assert manifest["failure"]["code"] == "bad-key"


@pytest.mark.parametrize(
    ("name", "fault", "code"),
    [
        ("400", {"status": 400, "body": {"error": {"message": "bad mask"}}}, "provider-refused"),
        ("410", {"status": 410, "body": {"error": {"message": "moved"}}}, "not-offered"),
        ("307", {"status": 307, "headers": {"location": "/v2"}}, "not-offered"),
    ],
)
def test_clear_refusal_fails_the_task_without_a_charge(
    client: EnvironmentClient, name: str, fault: dict[str, Any], code: str
) -> None:
    """The provider refused before it accepted anything."""
    before = client.charges("snapapi")
    client.fault("snapapi", "/v1/images/edits", fault)
    output = client.order(
        f"no-{name}/cat.jpg", operation="cartoon", provider="snapapi", params={"prompt": "x"}
    )
    manifest = client.manifest(output)
    assert (manifest["status"], manifest["failure"]["code"]) == ("failed", code)
    assert manifest["cost"]["credits"] == 0
    assert client.charges("snapapi") == before


def test_task_of_a_blocked_account_waits_and_then_succeeds(client: EnvironmentClient) -> None:
    """A refused key and an empty balance: both tasks continue automatically."""
    before = client.charges("snapapi"), client.charges("apiframe")
    client.fault("snapapi", "/v1/images/restore", {"status": 401, "body": {"error": {}}})
    client.fault("apiframe", "/v2/images/upscale", {"status": 402, "body": {"error": {}}})
    outputs = [
        client.order("blocked-401/cat.jpg", operation="restore", provider="snapapi"),
        client.order("blocked-402/cat.jpg", operation="upscale", provider="apiframe"),
    ]
    assert [client.manifest(output)["status"] for output in outputs] == [
        "succeeded",
        "succeeded",
    ]
    assert (client.charges("snapapi"), client.charges("apiframe")) == (
        before[0] + 1,
        before[1] + 1,
    )


def test_retry_after_is_waited_for(client: EnvironmentClient) -> None:
    """429 with Retry-After delays the task and does not fail it."""
    before = client.charges("snapapi")
    client.fault("snapapi", "/v1/images/restore", {"status": 429, "headers": {"retry-after": "1"}})
    output = client.order("later/cat.jpg", operation="restore", provider="snapapi")
    assert client.manifest(output)["status"] == "succeeded"
    assert client.charges("snapapi") == before + 1


@pytest.mark.parametrize(
    ("name", "fault", "charged"),
    [
        ("500", {"status": 500, "body": "oops"}, 0),
        ("lost", {"drop": "after"}, 1),
        ("broken", {"malformed": True}, 1),
    ],
)
def test_unclear_call_without_an_idempotency_key_ends_unknown(
    client: EnvironmentClient, name: str, fault: dict[str, Any], charged: int
) -> None:
    """SnapAPI has no keys and no list of calls, so the call is not repeated: a user decides."""
    before = client.charges("snapapi")
    client.fault("snapapi", "/v1/images/hairstyle", fault)
    output = client.order(
        f"unclear-{name}/cat.jpg",
        operation="hairstyle",
        provider="snapapi",
        params={"style": "bob"},
    )
    manifest = client.manifest(output)
    assert (manifest["status"], manifest["failure"]["code"]) == ("unknown", "unknown-outcome")
    assert manifest["cost"]["settled"] is False
    assert client.charges("snapapi") == before + charged


@pytest.mark.parametrize(
    ("name", "fault"),
    [("500", {"status": 500}), ("lost", {"drop": "after"}), ("broken", {"malformed": True})],
)
def test_unclear_call_with_an_idempotency_key_is_repeated_and_charged_once(
    client: EnvironmentClient, name: str, fault: dict[str, Any]
) -> None:
    """Apiframe knows the key: the same call again returns the same job."""
    before = client.charges("apiframe")
    client.fault("apiframe", "/v2/images/background-remove", fault)
    output = client.order(f"key-{name}/cat.jpg", operation="remove-background", provider="apiframe")
    manifest = client.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["attempts"][0]["replays"] == 1
    assert client.charges("apiframe") == before + 1


@pytest.mark.parametrize("do", [{"status": 404}, {"status": 403}, {"truncate": 300}])
def test_result_that_is_late_or_cut_short_is_downloaded_again(
    client: EnvironmentClient, do: dict[str, Any]
) -> None:
    """It is paid for, so its URL is requested again after any error."""
    before = client.charges("snapapi")
    client.fault("snapapi", "/outputs/*", do, method="GET")
    output = client.order(
        f"late-{next(iter(do.values()))}/cat.jpg", operation="enhance-art", provider="snapapi"
    )
    assert client.manifest(output)["status"] == "succeeded"
    assert client.charges("snapapi") == before + 1


def test_failed_job_is_refunded_and_the_next_provider_takes_over(
    client: EnvironmentClient,
) -> None:
    """Fallback follows a confirmed, uncharged failure; the manifest lists both attempts."""
    client.fault("apiframe", "/v2/images/background-remove", {"job": "fail"})
    output = client.order(
        "fallback/cat.jpg", operation="remove-background", provider=["apiframe", "snapapi"]
    )
    manifest = client.manifest(output)
    assert manifest["status"] == "succeeded"
    outcomes = [(attempt["provider"], attempt["outcome"]) for attempt in manifest["attempts"]]
    assert outcomes == [("apiframe", "failed"), ("snapapi", "succeeded")]


def wait_for_any_manifest(
    client: EnvironmentClient, prefix: str, but: set[str] | None = None
) -> dict[str, Any]:
    """Wait for the one manifest under a prefix."""
    for _ in range(400):
        new = [k for k in client.keys(prefix) if k not in (but or set()) and "manifest" in k]
        if new:
            return client.manifest(new[0].removesuffix(".manifest.json"))
        client.pause()
    raise AssertionError(f"no manifest appeared under {prefix}")
