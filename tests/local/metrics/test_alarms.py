"""An alarm is judged by the last complete periods, as CloudWatch's documentation says."""

from typing import Any

import pytest

from infra.local.metrics.alarms import TYPE, Alarm, State, read_alarms
from infra.local.metrics.samples import Metric, Sample
from infra.local.metrics.series import UnsupportedError

ERRORS = Metric.of("AWS/Lambda", "Errors", {"FunctionName": "submit"})
GIVEN = {
    "AlarmName": "errors",
    "AlarmDescription": "Look at the log.",
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Dimensions": [{"Name": "FunctionName", "Value": "submit"}],
    "Statistic": "Sum",
    "Period": 60,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 2,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "TreatMissingData": "notBreaching",
}
NOW = 600.0


def alarm(**changed: Any) -> Alarm:
    """An alarm of a template."""
    [found] = read_alarms({"Resources": {"A": {"Type": TYPE, "Properties": GIVEN | changed}}})
    return found


def errors(*minutes: int) -> list[Sample]:
    """Two errors in each of these minutes before now, where 1 is the last complete one."""
    return [Sample(ERRORS, NOW - 60 * minute, 2.0) for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "state"),
    [((1, 2), "ALARM"), ((1, 3), "ALARM"), ((1,), "OK"), ((3, 4), "OK"), ((0, 1), "OK")],
)
def test_so_many_of_the_last_periods_are_alarming(minutes: tuple[int, ...], state: State) -> None:
    """The period that is under way does not count, nor one that is over for long."""
    assert alarm().judge(errors(*minutes), NOW + 30) == state


@pytest.mark.parametrize(
    ("treatment", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA")],
)
def test_missing_data_counts_as_the_alarm_says(treatment: str, state: State) -> None:
    """SWEEP's alarm begins because nothing is measured."""
    assert alarm(TreatMissingData=treatment).judge([], NOW) == state


def test_expression_is_of_several_metrics() -> None:
    """With the statistics and periods that each of them has."""
    stat = {"Metric": {**GIVEN, "MetricName": "Invocations"}, "Stat": "Sum", "Period": 60}
    share = alarm(
        Metrics=[
            {"Id": "share", "Expression": "100 * errors / calls"},
            {"Id": "calls", "MetricStat": stat, "ReturnData": False},
            {"Id": "errors", "MetricStat": {**stat, "Metric": GIVEN}, "ReturnData": False},
        ],
        Threshold=50,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
    )
    calls = Metric.of("AWS/Lambda", "Invocations", {"FunctionName": "submit"})
    few, many = ([*errors(1), Sample(calls, NOW - 60, number)] for number in (4.0, 5.0))
    assert share.judge(few, NOW) == "ALARM"
    assert share.judge(many, NOW) == "OK"


def test_unknown_treatment_is_refused() -> None:
    """What is not known here is not guessed."""
    with pytest.raises(UnsupportedError, match="ignore"):
        alarm(TreatMissingData="ignore")
