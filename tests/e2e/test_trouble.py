"""What goes wrong ends in one manifest that says so, and is never paid for twice."""

from typing import Any

import pytest

from tests.e2e.shop import Shop

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


@pytest.mark.parametrize(("name", "body", "code"), BAD_SPECS, ids=[c[0] for c in BAD_SPECS])
def test_a_bad_spec_ends_in_one_manifest_with_its_code(
    shop: Shop, name: str, body: bytes, code: str
) -> None:
    """The manifest lies under a name that begins like the photo's, with one plain sentence."""
    before = shop.charges("snapapi"), shop.charges("apiframe")
    shop.drop(f"bad-{name}/cat.jpg", "chelsea.jpg")
    shop.drop(f"bad-{name}/cat.jpg.json", body)
    manifest = wait_for_any_manifest(shop, f"bad-{name}/")
    assert manifest["status"] == "failed"
    assert manifest["failure"]["code"] == code
    assert manifest["failure"]["sentence"][-1] in ".?"
    assert "Traceback" not in str(manifest)
    assert (shop.charges("snapapi"), shop.charges("apiframe")) == before


@pytest.mark.parametrize(
    ("name", "photo", "code"),
    [("empty", b"", "input-empty"), ("text", b"hello " * 100, None)],
    ids=["empty", "text"],
)
def test_a_file_that_is_no_photo_is_refused_before_anything_is_paid(
    shop: Shop, name: str, photo: bytes, code: str | None
) -> None:
    """Empty files and files that are not what their name says are told apart."""
    before = shop.charges("snapapi")
    shop.drop(f"file-{name}/cat.jpg", photo)
    shop.drop(f"file-{name}/cat.jpg.json", {"operation": "restore", "provider": "snapapi"})
    manifest = shop.manifest(f"file-{name}/cat.jpg/restore")
    assert manifest["status"] == "failed"
    assert "cat.jpg" in manifest["failure"]["sentence"]
    assert code in (None, manifest["failure"]["code"])
    assert shop.charges("snapapi") == before


def test_a_name_of_1024_bytes_is_refused_in_a_manifest_of_its_own(shop: Shop) -> None:
    """Results could not be named after it; the manifest goes where there is room."""
    key = "long/" + "x" * (1024 - len("long/.jpg.json")) + ".jpg.json"
    assert len(key) == 1024
    before = set(shop.keys("_darkroom/"))
    shop.drop(key, {"operation": "restore", "provider": "snapapi"})
    manifest = wait_for_any_manifest(shop, "_darkroom/", before)
    assert manifest["failure"]["code"] == "bad-key"


@pytest.mark.parametrize(
    ("name", "fault", "code"),
    [
        ("400", {"status": 400, "body": {"error": {"message": "bad mask"}}}, "provider-refused"),
        ("410", {"status": 410, "body": {"error": {"message": "moved"}}}, "not-offered"),
        ("307", {"status": 307, "headers": {"location": "/v2"}}, "not-offered"),
    ],
)
def test_a_clear_no_fails_the_task_without_a_charge(
    shop: Shop, name: str, fault: dict[str, Any], code: str
) -> None:
    """The provider refused before it accepted anything."""
    before = shop.charges("snapapi")
    shop.fault("snapapi", "/v1/images/edits", fault)
    output = shop.order(
        f"no-{name}/cat.jpg", operation="cartoon", provider="snapapi", params={"prompt": "x"}
    )
    manifest = shop.manifest(output)
    assert (manifest["status"], manifest["failure"]["code"]) == ("failed", code)
    assert manifest["cost"]["credits"] == 0
    assert shop.charges("snapapi") == before


def test_a_blocked_account_costs_time_and_not_the_task(shop: Shop) -> None:
    """A key that is refused here, an empty purse there: both tasks go on by themselves."""
    before = shop.charges("snapapi"), shop.charges("apiframe")
    shop.fault("snapapi", "/v1/images/restore", {"status": 401, "body": {"error": {}}})
    shop.fault("apiframe", "/v2/images/upscale", {"status": 402, "body": {"error": {}}})
    outputs = [
        shop.order("blocked-401/cat.jpg", operation="restore", provider="snapapi"),
        shop.order("blocked-402/cat.jpg", operation="upscale", provider="apiframe"),
    ]
    assert [shop.manifest(output)["status"] for output in outputs] == ["succeeded", "succeeded"]
    assert (shop.charges("snapapi"), shop.charges("apiframe")) == (before[0] + 1, before[1] + 1)


def test_come_back_later_is_waited_for(shop: Shop) -> None:
    """429 with Retry-After costs time, not the task."""
    before = shop.charges("snapapi")
    shop.fault("snapapi", "/v1/images/restore", {"status": 429, "headers": {"retry-after": "1"}})
    output = shop.order("later/cat.jpg", operation="restore", provider="snapapi")
    assert shop.manifest(output)["status"] == "succeeded"
    assert shop.charges("snapapi") == before + 1


@pytest.mark.parametrize(
    ("name", "fault", "charged"),
    [
        ("500", {"status": 500, "body": "oops"}, 0),
        ("lost", {"drop": "after"}, 1),
        ("broken", {"malformed": True}, 1),
    ],
)
def test_a_doubtful_call_without_a_key_ends_unknown_and_is_not_repeated(
    shop: Shop, name: str, fault: dict[str, Any], charged: int
) -> None:
    """SnapAPI can neither be asked nor told again: a person decides."""
    before = shop.charges("snapapi")
    shop.fault("snapapi", "/v1/images/hairstyle", fault)
    output = shop.order(
        f"doubt-{name}/cat.jpg", operation="hairstyle", provider="snapapi", params={"style": "bob"}
    )
    manifest = shop.manifest(output)
    assert (manifest["status"], manifest["failure"]["code"]) == ("unknown", "unknown-outcome")
    assert manifest["cost"]["settled"] is False
    assert shop.charges("snapapi") == before + charged


@pytest.mark.parametrize(
    ("name", "fault"),
    [("500", {"status": 500}), ("lost", {"drop": "after"}), ("broken", {"malformed": True})],
)
def test_a_doubtful_call_under_a_key_is_repeated_and_charged_once(
    shop: Shop, name: str, fault: dict[str, Any]
) -> None:
    """Apiframe knows the key: the same call again brings the same job."""
    before = shop.charges("apiframe")
    shop.fault("apiframe", "/v2/images/background-remove", fault)
    output = shop.order(f"key-{name}/cat.jpg", operation="remove-background", provider="apiframe")
    manifest = shop.manifest(output)
    assert manifest["status"] == "succeeded"
    assert manifest["attempts"][0]["replays"] == 1
    assert shop.charges("apiframe") == before + 1


@pytest.mark.parametrize("do", [{"status": 404}, {"status": 403}, {"truncate": 300}])
def test_a_result_that_is_not_there_yet_is_fetched_when_it_is(
    shop: Shop, do: dict[str, Any]
) -> None:
    """It was paid for: whatever its address says, it is asked again."""
    before = shop.charges("snapapi")
    shop.fault("snapapi", "/outputs/*", do, method="GET")
    output = shop.order(
        f"late-{next(iter(do.values()))}/cat.jpg", operation="enhance-art", provider="snapapi"
    )
    assert shop.manifest(output)["status"] == "succeeded"
    assert shop.charges("snapapi") == before + 1


def test_a_failed_job_is_refunded_and_the_next_provider_takes_over(shop: Shop) -> None:
    """Fallback happens after a confirmed, uncharged failure, and the manifest tells of both."""
    shop.fault("apiframe", "/v2/images/background-remove", {"job": "fail"})
    output = shop.order(
        "fallback/cat.jpg", operation="remove-background", provider=["apiframe", "snapapi"]
    )
    manifest = shop.manifest(output)
    assert manifest["status"] == "succeeded"
    told = [(attempt["provider"], attempt["outcome"]) for attempt in manifest["attempts"]]
    assert told == [("apiframe", "failed"), ("snapapi", "succeeded")]


def wait_for_any_manifest(shop: Shop, prefix: str, but: set[str] | None = None) -> dict[str, Any]:
    """The one manifest that appears under a prefix."""
    for _ in range(400):
        new = [k for k in shop.keys(prefix) if k not in (but or set()) and "manifest" in k]
        if new:
            return shop.manifest(new[0].removesuffix(".manifest.json"))
        shop.pause()
    raise AssertionError(f"no manifest came under {prefix}")
