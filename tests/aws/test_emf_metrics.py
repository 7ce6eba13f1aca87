"""Metrics are lines of a log that CloudWatch reads; nothing depends on them."""

import json
from collections.abc import Iterator

import pytest

from darkroom.aws.emf_metrics import NAMESPACE, EmfMetrics
from darkroom.domain.measurements import Measurement

AT = {"provider": "snapapi"}


def emit(*measurements: Measurement) -> None:
    """Emit them in an environment."""
    EmfMetrics("prod").emit(measurements)


def test_measurements_with_the_same_dimensions_share_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each line costs: CloudWatch bills what is logged."""
    emit(Measurement("Polls", 1, dimensions=AT), Measurement("InLine", 7, dimensions=AT))
    [line] = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    [directive] = written["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert sorted(directive["Dimensions"][0]) == ["environment", "provider"]
    assert (written["environment"], written["provider"]) == ("prod", "snapapi")
    assert (written["Polls"], written["InLine"]) == ([1.0], [7.0])


def test_other_dimensions_have_a_line_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """They are another metric."""
    emit(Measurement("Polls", 1, dimensions=AT), Measurement("Sweeps", 1))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "provider" in first
    assert "provider" not in second


def test_units_are_those_of_cloudwatch(capsys: pytest.CaptureFixture[str]) -> None:
    """So its graphs have the right axes."""
    emit(Measurement("TaskSeconds", 3.5, "Seconds"))
    [directive] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "TaskSeconds", "Unit": "Seconds"}]


def test_error_while_measuring_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """No metric is worth a task; the log says that some are lost."""

    def broken() -> Iterator[Measurement]:
        yield Measurement("Sweeps", 1)
        raise ConnectionError("the table does not answer")

    EmfMetrics("prod").emit(broken())
    assert "metrics were lost" in caplog.text
