"""Samples are read from logs as CloudWatch reads them, and what AWS measures is recorded so."""

import json
from pathlib import Path

from infra.local.metrics.recorder import LOG, Recorder
from infra.local.metrics.samples import Metric, Sample, read_folder, read_samples

POLLS = Metric.of("Darkroom", "Polls", {"environment": "local"})


def line(value: object) -> str:
    """A line of a function's log."""
    directive = {
        "Namespace": "Darkroom",
        "Dimensions": [["environment"]],
        "Metrics": [{"Name": "Polls"}],
    }
    marked = {"Timestamp": 5000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": marked, "environment": "local", "Polls": value})


def test_each_value_of_a_line_is_a_sample() -> None:
    """One value, or a list of several."""
    assert list(read_samples([line(2), line([3, 4])])) == [
        Sample(POLLS, 5.0, value) for value in (2.0, 3.0, 4.0)
    ]


def test_other_lines_are_left_out() -> None:
    """Text, JSON without metrics, and a line that was cut off."""
    others = ["START", '{"message": "done"}', line(1)[:40], '{"_aws": 3}', '["_aws"]']
    assert list(read_samples(others)) == []


def test_order_of_dimensions_does_not_matter() -> None:
    """CloudWatch compares them as a set."""
    assert Metric.of("n", "m", {"a": "1", "b": "2"}) == Metric.of("n", "m", {"b": "2", "a": "1"})


def test_what_aws_measures_is_read_from_the_recorders_log(tmp_path: Path) -> None:
    """Under the names and dimensions that AWS gives it."""
    recorder = Recorder(tmp_path / "logs", lambda: 60.0)
    recorder.invoked("submit", failed=True)
    recorder.throttled("submit")
    recorder.looked_at("intake", visible=3, oldest_s=7.5)
    function, queue = {"FunctionName": "submit"}, {"QueueName": "intake"}
    assert {(one.metric, one.value) for one in read_folder(tmp_path / "logs")} == {
        (Metric.of("AWS/Lambda", "Invocations", function), 1.0),
        (Metric.of("AWS/Lambda", "Errors", function), 1.0),
        (Metric.of("AWS/Lambda", "Throttles", function), 1.0),
        (Metric.of("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue), 3.0),
        (Metric.of("AWS/SQS", "ApproximateAgeOfOldestMessage", queue), 7.5),
    }
    assert (tmp_path / "logs" / LOG).is_file()
