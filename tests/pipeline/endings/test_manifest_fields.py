"""The manifest word for word, and what it makes of every price that is known or is not."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt, Charged
from darkroom.domain.routes import Tariff
from darkroom.domain.task import Task
from darkroom.pipeline.endings.manifest import build_manifest, cost_of, read_results
from tests.fakes.clock import START
from tests.fakes.task_factory import full_task, sample_task

PRICED = Tariff(0.01, "2026-02-01", "the list")
TARIFFS = {"beta": PRICED, "gamma": Tariff(None, "2026-01-01", "no list")}
ID = "0007" * 8


def test_manifest_has_every_field_with_its_value() -> None:
    """Programs read manifests by these names."""
    task = replace(full_task(), state="failed", updated_at=START + timedelta(days=2))
    document = json.loads(build_manifest(task, TARIFFS))
    attempt = {
        "number": 3,
        "provider": "beta",
        "model": "beta-1",
        "outcome": "accepted",
        "job_id": "job-1",
        "charged": "yes",
        "credits": 1.5,
        "replays": 2,
        "started_at": "2026-03-01T12:00:00.000+00:00",
        "accepted_at": "2026-03-01T12:00:00.000+00:00",
        "ended_at": "2026-03-02T12:00:00.000+00:00",
        "facts": {"nested": {"deeper": [{"a": ""}]}},
        "failure": {"code": "code", "sentence": "A sentence."},
    }
    assert document.pop("attempts") == [attempt | {"number": 1, "outcome": "failed"}, attempt]
    assert document.pop("spec")["on_unknown"] == "retry"
    assert document == {
        "manifest": 1,
        "status": "failed",
        "task_id": ID,
        "run": 2,
        "trigger": {
            "kind": "upload",
            "bucket": "darkroom-input",
            "key": "photos/7.jpg.json",
            "version": "v7",
        },
        "request_id": None,
        "batch": "night-7",
        "operation": "upscale",
        "metadata": {"sku": "A-113", "nothing": None, "whole": 2.0},
        "defaults": [{"key": "photos/_darkroom.json", "version_id": "v3"}],
        "source": "photos/7.jpg",
        "warnings": [],
        "inputs": {
            "image": [
                {
                    "key": "photos/ä +%.jpg",
                    "version_id": "v1",
                    "etag": "abc",
                    "size": 10**12,
                    "sha256": "f" * 64,
                }
            ]
        },
        "results": [
            {
                "key": "photos/7.jpg/upscale.png",
                "kind": "image",
                "content_type": "image/png",
                "size": 5,
                "sha256": "0" * 64,
            }
        ],
        "cost": {
            "credits": 3.0,
            "usd": 0.03,
            "settled": True,
            "prices_as_of": {"beta": "2026-02-01"},
        },
        "timings": {
            "created_at": "2026-03-01T12:00:00.000+00:00",
            "finished_at": "2026-03-03T12:00:00.000+00:00",
            "total_s": 172800.0,
            "queued_s": 0.0,
            "provider_s": 86400.0,
            "delivery_s": 86400.0,
        },
        "provider": "beta",
        "model": "beta-1",
        "job_id": "job-1",
        "failure": {"code": "a", "sentence": "B.", "next_step": "C."},
    }


def test_manifest_without_an_attempt_has_the_same_form() -> None:
    """Absent values are empty or null."""
    task = replace(sample_task(1, "failed"), order=None, source=None)
    body = build_manifest(replace(task, output="bücher"), {})
    document = json.loads(body)

    assert (document["spec"], document["inputs"], document["attempts"]) == (None, {}, [])
    assert document["cost"] == {"credits": 0, "usd": 0.0, "settled": True, "prices_as_of": {}}
    assert document["timings"]["queued_s"] is None
    assert document["timings"]["provider_s"] is None
    assert document["timings"]["delivery_s"] is None
    assert not {"model", "job_id", "failure"} & set(document)
    assert (document["operation"], document["provider"], document["metadata"]) == (None, None, {})
    assert b"\n  " in body
    assert "photos/ä" in build_manifest(full_task(), TARIFFS).decode()


def test_manifest_times_have_milliseconds() -> None:
    """An attempt that has not ended has no time at its provider."""
    task = full_task()
    started = START + timedelta(microseconds=1_234_567)
    open_one = replace(task.attempts[-1], started_at=started, ended_at=None)
    timings = json.loads(build_manifest(replace(task, attempts=(open_one,)), TARIFFS))["timings"]
    assert timings["queued_s"] == 1.235
    assert (timings["provider_s"], timings["delivery_s"]) == (None, None)


def _spent(*attempts: tuple[str, Charged, float | None]) -> Task:
    made = tuple(
        Attempt(number, provider, "m", START, START, charged=charged, credits=spent)
        for number, (provider, charged, spent) in enumerate(attempts, 1)
    )
    return replace(sample_task(), attempts=made)


@pytest.mark.parametrize(
    ("task", "spent", "usd", "settled"),
    [
        (_spent(), 0, 0.0, True),
        (_spent(("beta", "no", 5.0)), 0, 0.0, True),
        (_spent(("beta", "yes", 0.0)), 0, 0.0, True),
        (_spent(("beta", "yes", 2.0), ("beta", "yes", 3.0)), 5.0, 0.05, True),
        (_spent(("beta", "unknown", 2.0)), 2.0, 0.02, False),
        (_spent(("beta", "yes", None)), None, None, True),
        (_spent(("beta", "yes", None), ("beta", "yes", 1.0)), None, None, True),
        (_spent(("gamma", "yes", 2.0)), 2.0, None, True),
        (_spent(("gamma", "yes", 2.0), ("beta", "unknown", 1.0)), 3.0, None, False),
        (_spent(("beta", "yes", 0.33333)), 0.33333, 0.003333, True),
    ],
)
def test_cost_is_given_only_when_all_of_it_is_known(
    task: Task, spent: float | None, usd: float | None, settled: Any
) -> None:
    """A sum that lacks one attempt's part would be taken for the whole."""
    cost = cost_of(task, TARIFFS)
    assert (cost["credits"], cost["usd"], cost["settled"]) == (spent, usd, settled)


def test_read_results_accepts_only_this_attempts_success() -> None:
    """Not another task's, another attempt's, or a failure's manifest."""
    task = replace(full_task(), state="succeeded")
    body = build_manifest(task, TARIFFS)
    assert read_results(body, task) == task.results

    other = replace(task.attempts[-1], number=4)
    for wrong in (
        replace(task, task_id="1" * 32),
        replace(task, attempts=(*task.attempts, other)),
    ):
        assert read_results(body, wrong) is None
    failed = build_manifest(replace(task, state="failed"), TARIFFS)
    assert read_results(failed, task) is None
