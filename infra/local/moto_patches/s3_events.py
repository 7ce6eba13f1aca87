"""Patches for S3's events on EventBridge: one event for each change, as AWS sends it."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from moto.s3 import notifications
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from infra.local.moto_patches.event_targets import build_event, publish
from infra.local.moto_patches.patch import Patch, around

# `reason` of an S3 event ("EventBridge event message structure", S3 user guide): moto's -> AWS's.
REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
DELETIONS = {
    "ObjectRemoved:Delete": "Permanently Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}

_ROOT = re.compile("(?P<start><NotificationConfiguration[^>]*?)(?P<end>/?>)")

_sequence = itertools.count(time.time_ns())


def patches() -> Iterator[Patch]:
    """The patches, in the order in which an upload meets them."""
    yield Patch(notifications, "_send_event_bridge_message", _send_s3_event)
    yield around(S3Backend, "_set_delete_marker", _announce_delete_marker)
    yield around(S3Backend, "complete_multipart_upload", _announce_once)
    yield around(S3Response, "get_bucket_notification", _show_event_bridge)


def _send_s3_event(account: str, bucket: Any, event_name: str, key: Any) -> None:
    """Moto writes `eTag`, a constant sequencer and its own reasons, and sends to every bus."""
    action = str(getattr(event_name, "value", event_name)).removeprefix("s3:")
    deleted = action in DELETIONS
    described = {"key": key.name}
    if not deleted:
        described |= {"size": key.size, "etag": key.etag.replace('"', "")}
    if bucket.is_versioned:
        described["version-id"] = key.version_id
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {**described, "sequencer": f"{next(_sequence):018X}"},
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account,
        "source-ip-address": "127.0.0.1",
    }
    if action in REASONS:
        detail["reason"] = REASONS[action]
    if deleted:
        detail["deletion-type"] = DELETIONS[action]
    region = bucket.region_name
    kind = notifications._detail_type(event_name)  # noqa: SLF001 - moto's own table of names
    publish(build_event("aws.s3", kind, [bucket.arn], detail, account, region), account, region)


def _announce_delete_marker(
    original: Callable[..., Any], backend: Any, bucket_name: str, key: str
) -> Any:
    """Moto sends no event when a delete in a versioned bucket makes a delete marker."""
    marker = original(backend, bucket_name, key)
    bucket = backend.get_bucket(bucket_name)
    kind = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
    configuration = bucket.notification_configuration
    if configuration is not None and configuration.event_bridge is not None:
        _send_s3_event(backend.account_id, bucket, kind, marker)
    return marker


def _announce_once(original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    """Moto sends two events for a multipart upload, the first as if it were a simple PUT."""
    return original(_SilentBackend(backend), *args, **kwargs)


def _show_event_bridge(original: Callable[..., Any], response: Any) -> Any:
    """Moto keeps that a bucket notifies EventBridge, and does not say so."""
    answer = original(response)
    bucket = response.backend.get_bucket(response.bucket_name)
    configuration = bucket.notification_configuration
    if configuration is None or configuration.event_bridge is None:
        return answer
    status, headers, body = answer
    return status, headers, _ROOT.sub(_insert_event_bridge, body, count=1)


def _insert_event_bridge(root: re.Match[str]) -> str:
    end = "</NotificationConfiguration>" if root["end"] == "/>" else ""
    return f"{root['start']}><EventBridgeConfiguration/>{end}"


class _SilentBackend:
    """A backend whose `put_object` sends no event."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def put_object(self, *args: Any, **kwargs: Any) -> Any:
        return self._backend.put_object(*args, **{**kwargs, "disable_notification": True})
