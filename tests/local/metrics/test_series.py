"""Samples become one value for each period, and expressions are computed of such values."""

import pytest

from infra.local.metrics.samples import Metric, Sample
from infra.local.metrics.series import UnsupportedError, Value, aggregate, begin_of, compute

METRIC = Metric.of("Darkroom", "Polls", {})
SAMPLES = [Sample(METRIC, at, value) for at, value in ((60, 1.0), (119, 5.0), (120, 2.0))]
BEGINS = [60.0, 120.0, 180.0]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("Sum", [6, 2, None]),
        ("Average", [3, 2, None]),
        ("Maximum", [5, 2, None]),
        ("Minimum", [1, 2, None]),
        ("SampleCount", [2, 1, None]),
    ],
)
def test_period_has_the_samples_from_its_begin_on(statistic: str, expected: list[Value]) -> None:
    """Its end belongs to the next one; without samples it has no value."""
    assert aggregate(SAMPLES, METRIC, statistic, BEGINS, 60) == expected


def test_another_metric_does_not_count() -> None:
    """Nor does the same one with other dimensions."""
    other = Metric.of("Darkroom", "Polls", {"provider": "goapi"})
    assert aggregate(SAMPLES, other, "Sum", BEGINS, 60) == [None, None, None]


def test_periods_begin_at_multiples_of_their_length() -> None:
    """As CloudWatch's do."""
    assert begin_of(299.9, 300) == 0
    assert begin_of(300, 300) == 300


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("100 * failed / all", 25.0),
        ("IF(all >= 4, failed, 0)", 1.0),
        ("IF(all > 4, failed, 0)", 0.0),
        ("FILL(none, 7) + 1", 8.0),
        ("none + 1", None),
        ("IF(none > 1, 2, 3)", None),
        ("failed / (all - 4)", None),
    ],
)
def test_expressions_are_computed_as_cloudwatch_does(expression: str, value: Value) -> None:
    """What is missing makes the whole missing, and so does a division by zero."""
    assert compute(expression, {"failed": 1.0, "all": 4.0, "none": None}) == value


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(all, 2)", "all ++", "unheard_of"])
def test_unknown_expression_is_refused(expression: str) -> None:
    """An alarm that is judged wrongly would be worse."""
    with pytest.raises(UnsupportedError):
        compute(expression, {"all": 1.0})


def test_unknown_statistic_is_refused() -> None:
    """A percentile needs more than the tests have."""
    with pytest.raises(UnsupportedError, match="p99"):
        aggregate(SAMPLES, METRIC, "p99", BEGINS, 60)
