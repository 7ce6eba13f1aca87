"""SWEEP ran lately: by its metrics, on one machine by its log."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.cli.doctor.sweep import check_sweep
from tests.cli.doctor.scripted_aws import examined, find
from tests.fakes.clock import START


def figures(runs: list[float], errors: list[float]) -> dict[str, Any]:
    """CloudWatch's answer."""
    results = [{"Id": "m0", "Values": runs}, {"Id": "m1", "Values": errors}]
    return {"cloudwatch.get_metric_data": {"MetricDataResults": results}}


@pytest.mark.parametrize(
    ("runs", "errors", "level", "fix"),
    [
        ([1, 1, 1], [], "ok", ""),
        ([1, 1, 1], [0, 1, 0], "warning", "aws logs tail /aws/lambda/darkroom-shop-sweep"),
        ([], [], "problem", "aws lambda invoke --function-name darkroom-shop-sweep"),
    ],
)
def test_it_runs_every_minute(runs: list[float], errors: list[float], level: str, fix: str) -> None:
    """And without errors."""
    [found] = find(check_sweep, examined(figures(runs, errors)))
    assert found.level == level
    assert fix in found.fix


def test_after_a_deployment_it_has_some_minutes() -> None:
    """The metrics are late."""
    subject = examined(figures([], []), deployed_at=START - timedelta(minutes=3))
    [found] = find(check_sweep, subject)
    assert found.level == "not checked"


@pytest.mark.parametrize(
    ("ago_s", "level"), [(5, "ok"), (60, "ok"), (61, "problem"), (None, "not checked")]
)
def test_on_one_machine_its_log_shows_it(tmp_path: Path, ago_s: int | None, level: str) -> None:
    """It runs every ten seconds there."""
    if ago_s is not None:
        log = tmp_path / "darkroom-local-sweep.log"
        log.write_text("{}\n")
        at = START.timestamp() - ago_s
        os.utime(log, (at, at))
    [found] = find(check_sweep, examined(name="local", logs=tmp_path))
    assert found.level == level
