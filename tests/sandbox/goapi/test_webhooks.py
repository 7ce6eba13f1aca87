"""GoAPI's webhooks: at the end of a task and on request at its creation, with retries."""

import pytest

from infra.sandbox.goapi.api.webhooks import is_reachable
from tests.sandbox.goapi.client import JOB_S, TOOLKIT, GoApiClient
from tests.sandbox.images import as_data, png_photo
from tests.sandbox.webhook_receiver import WebhookReceiver

UPSCALE = (TOOLKIT, "upscale", {"image": as_data(png_photo())})


def test_webhook_is_sent_at_the_end_without_polling(
    goapi: GoApiClient, receiver: WebhookReceiver
) -> None:
    """The body has a timestamp and the task; the secret is a header."""
    webhook = {"endpoint": receiver.url, "secret": "s3"}
    created = goapi.create(*UPSCALE, webhook_config=webhook).json()["data"]
    goapi.advance(JOB_S)
    delivery = receiver.next()

    assert set(delivery.body) == {"timestamp", "data"}
    assert delivery.body["timestamp"] == int(goapi.http.get("/_sandbox/clock").json()["now"])
    assert delivery.body["data"] == goapi.task(created["task_id"])
    assert delivery.body["data"]["status"] == "completed"
    assert delivery.headers["x-webhook-secret"] == "s3"


def test_webhook_of_a_failed_task_is_sent(goapi: GoApiClient, receiver: WebhookReceiver) -> None:
    """Without a secret there is no header for it."""
    config = {"webhook_config": {"endpoint": receiver.url}}
    goapi.create(TOOLKIT, "upscale", {"image": "no image"}, **config)
    goapi.advance(JOB_S)
    delivery = receiver.next()

    assert delivery.body["data"]["status"] == "failed"
    assert "x-webhook-secret" not in delivery.headers


def test_webhook_can_also_be_sent_at_creation(
    goapi: GoApiClient, receiver: WebhookReceiver
) -> None:
    """With the knob set, first the pending task is sent, then its end."""
    goapi.set(webhook_on_creation=True)
    goapi.create(*UPSCALE, webhook_config={"endpoint": receiver.url})
    first = receiver.next().body
    goapi.advance(JOB_S)
    second = receiver.next().body

    assert (first["data"]["status"], second["data"]["status"]) == ("pending", "completed")


def test_webhook_is_attempted_three_times(goapi: GoApiClient, receiver: WebhookReceiver) -> None:
    """An unsuccessful response causes a retry and does not affect the task."""
    receiver.status = 500
    goapi.set(webhook_retry_s=0)
    task = goapi.create(*UPSCALE, webhook_config={"endpoint": receiver.url}).json()["data"]
    goapi.advance(JOB_S)
    task_ids = [receiver.next().body["data"]["task_id"] for _ in range(3)]

    assert task_ids == [task["task_id"]] * 3
    assert goapi.task(task["task_id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("endpoint", "reachable"),
    [
        ("https://hook.example.com/?task=1", True),
        ("http://127.0.0.1:8/x", True),
        ("https://hook.invalid/?task=1", False),
        ("https://invalid/", False),
        ("ftp://example.com/", False),
        ("http://[broken/", False),
        ("", False),
    ],
)
def test_only_reachable_http_urls_are_called(endpoint: str, *, reachable: bool) -> None:
    """Hosts under `.invalid` do not exist."""
    assert is_reachable(endpoint) is reachable
