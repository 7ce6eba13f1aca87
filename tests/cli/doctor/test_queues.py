"""The queues: depth is no trouble by itself, age and dead letters are."""

from typing import Any

import pytest

from infra.cli.doctor.queues import check_age, check_dead_letters, check_depth
from tests.cli.doctor.scripted_aws import denial, examined, find


def counts(visible: int, hidden: int = 0) -> dict[str, Any]:
    """SQS's answer."""
    return {
        "Attributes": {
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
        }
    }


def test_depth_is_only_said() -> None:
    """A burst waits in the queue on purpose."""
    [found] = find(check_depth, examined({"sqs.get_queue_attributes": counts(12_000, 30)}))
    assert found.level == "ok"
    assert found.sentence.startswith("12,000 messages wait, 30 ")


@pytest.mark.parametrize(
    ("ages", "level"),
    [([3, 899], "ok"), ([900, 4], "warning"), ([3600], "problem"), ([], "not checked")],
)
def test_oldest_message_must_not_wait_for_long(ages: list[float], level: str) -> None:
    """The highest figure of the last minutes counts."""
    answer = {"MetricDataResults": [{"Id": "m0", "Values": ages}]}
    [found] = find(check_age, examined({"cloudwatch.get_metric_data": answer}))
    assert found.level == level
    assert bool(found.fix) == (level in ("warning", "problem"))


def test_age_needs_a_right_of_its_own() -> None:
    """The other figures of the queue are there without it."""
    answers = {"cloudwatch.get_metric_data": denial("cloudwatch:GetMetricData")}
    [found] = find(check_age, examined(answers))
    assert found.sentence == "no right to cloudwatch:GetMetricData"


def test_dead_letters_are_a_problem() -> None:
    """Nothing happens to them by itself."""
    [none] = find(check_dead_letters, examined({"sqs.get_queue_attributes": counts(0)}))
    assert none.level == "ok"
    [some] = find(check_dead_letters, examined({"sqs.get_queue_attributes": counts(3)}))
    assert (some.level, some.fix) == ("problem", "darkroom redrive --dry-run --env shop")
    assert some.sentence.startswith("3 messages were given up")
