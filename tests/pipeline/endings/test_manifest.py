"""The manifest holds what the README says, and nothing that is secret."""

import json

from darkroom.domain.errors import Unclear
from tests.fakes.providers import AS_OF, PNG, Lost
from tests.fakes.routes import JOB_KEY, JOB_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness


def _succeeded(harness: PipelineHarness) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, params={"scale": 4}, metadata={"sku": "A-113"})
    harness.run()
    return harness


def test_manifest_has_the_resolved_spec(harness: PipelineHarness) -> None:
    """The capable providers, the files, and the sender's metadata."""
    manifest = _succeeded(harness).manifest()

    assert manifest["spec"] == {
        "operation": "upscale",
        "choices": [
            {"provider": "beta", "model": "beta-1"},
            {"provider": "gamma", "model": "gamma-1"},
        ],
        "inputs": {"image": [f"/{PHOTO}"]},
        "params": {"scale": 4},
        "metadata": {"sku": "A-113"},
        "on_unknown": "hold",
        "priority": 5,
        "output": {},
    }
    assert manifest["trigger"]["key"] == SPEC
    assert manifest["source"] == PHOTO


def test_manifest_pins_every_input(harness: PipelineHarness) -> None:
    """Key, version, ETag, size, and the digest of the sent bytes."""
    (image,) = _succeeded(harness).manifest()["inputs"]["image"]

    found = harness.inputs.find(PHOTO)
    assert found
    assert (image["key"], image["version_id"]) == (PHOTO, found.version_id)
    assert (image["etag"], image["size"]) == (found.etag, len(PNG))
    assert image["sha256"] == "d" * 64


def test_manifest_has_attempts_and_cost(harness: PipelineHarness) -> None:
    """Provider, model, job, the attempt, credits, money, and the date of the price."""
    manifest = _succeeded(harness).manifest()

    assert (manifest["status"], manifest["provider"]) == ("succeeded", "beta")
    assert (manifest["model"], manifest["job_id"]) == ("beta-1", "job-1")
    (attempt,) = manifest["attempts"]
    assert (attempt["outcome"], attempt["charged"], attempt["credits"]) == ("succeeded", "yes", 3.0)
    assert manifest["cost"] == {
        "credits": 3.0,
        "usd": 0.03,
        "settled": True,
        "prices_as_of": {"beta": AS_OF},
    }
    assert manifest["results"][0]["key"] == f"{PHOTO}/upscale.png"
    assert len(manifest["results"][0]["sha256"]) == 64


def test_manifest_timings_add_up(harness: PipelineHarness) -> None:
    """Queue, provider and delivery make the whole."""
    timings = _succeeded(harness).manifest()["timings"]

    parts = [timings[name] for name in ("queued_s", "provider_s", "delivery_s")]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == timings["total_s"]
    assert timings["provider_s"] > 0


def test_manifest_has_no_url_request_or_token(harness: PipelineHarness) -> None:
    """Neither does the event, nor the task once it has ended."""
    _succeeded(harness)
    doubtful = PipelineHarness()
    doubtful.upload(PHOTO)
    doubtful.upload_spec(JOB_NONE)
    doubtful.providers.script("submit", Lost(Unclear("no-answer", "Gamma did not answer.")))
    doubtful.run()

    for one in (harness, doubtful):
        said = json.dumps([one.manifest(), *(dict(e.detail) for e in one.events.published)])
        kept = repr(one.task)
        for secret in ("://", "signature", "secret-token", "request-body"):
            assert secret not in said
            assert secret not in kept


def test_event_names_results_manifest_and_cost(harness: PipelineHarness) -> None:
    """With the sender's metadata; a failure adds its code and sentence."""
    _succeeded(harness)
    (event,) = harness.events.published

    assert event.kind == "Task Succeeded"
    assert event.detail["results"] == [f"{PHOTO}/upscale.png"]
    assert event.detail["manifest"] == f"{PHOTO}/upscale.manifest.json"
    assert event.detail["metadata"] == {"sku": "A-113"}
    assert event.detail["cost"]["credits"] == 3.0

    harness.upload("other.jpg.json", b"{}")
    failed = harness.events.published[-1]
    assert failed.kind == "Task Failed"
    assert failed.detail["code"] == "not-a-spec"
    assert failed.detail["sentence"]
