"""The account's quotas against the environment's settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from darkroom.domain.rate_limits import Rate, Rules
from infra.aws.environments import Environment
from infra.cli.doctor.quotas import check_concurrency, check_throttles, check_transitions
from tests.cli.doctor.scripted_aws import denial, examined, find
from tests.pipeline.harness import PipelineHarness


def account(total: int, unreserved: int | None = None) -> Mapping[str, Any]:
    """Lambda's answer."""
    limits = {
        "ConcurrentExecutions": total,
        "UnreservedConcurrentExecutions": total if unreserved is None else unreserved,
    }
    return {"lambda.get_account_settings": {"AccountLimit": limits}}


def figures(*values: Sequence[float]) -> Mapping[str, Any]:
    """CloudWatch's answer, one list for each metric."""
    results = [{"Id": f"m{number}", "Values": each} for number, each in enumerate(values)]
    return {"cloudwatch.get_metric_data": {"MetricDataResults": results}}


def test_usual_account_runs_enough_functions() -> None:
    """A thousand."""
    [found] = find(check_concurrency, examined(account(1000)))
    assert (found.level, found.sentence) == ("ok", "the account runs 1,000 functions at once")


def test_new_account_runs_too_few() -> None:
    """INTAKE alone takes its ten, and the others are throttled."""
    [found] = find(check_concurrency, examined(account(10)))
    assert found.level == "warning"
    assert "INTAKE alone may take 10" in found.sentence
    assert "--service-code lambda --quota-code L-B99A9384 --desired-value 1000" in found.fix


def test_what_is_reserved_elsewhere_is_not_there() -> None:
    """Also what INTAKE has reserved for itself: it takes nothing of the rest then."""
    [shared] = find(check_concurrency, examined(account(1000, 15)))
    assert shared.level == "warning"
    own = Environment("shop", reserved_concurrency={"intake": 10})
    [reserved] = find(check_concurrency, examined(account(1000, 15), settings=own))
    assert reserved.level == "ok"


def test_missing_right_is_named() -> None:
    """And nothing else is said."""
    answers = {"lambda.get_account_settings": denial("lambda:GetAccountSettings")}
    [found] = find(check_concurrency, examined(answers))
    assert (found.level, found.sentence) == ("not checked", "no right to lambda:GetAccountSettings")


def test_throttled_functions_are_named() -> None:
    """Those of the environment, of the last hour."""
    [none] = find(check_throttles, examined(figures([], [0.0], [], [], [], [])))
    assert none.level == "ok"
    [some] = find(check_throttles, examined(figures([3, 4], [], [], [1], [], [])))
    assert some.level == "warning"
    assert "intake 7, deliver 1;" in some.sentence


@pytest.mark.parametrize(
    ("throttled", "rate", "level"),
    [([], [5000], "ok"), ([7], [5000], "warning"), ([], [4], "warning"), ([], [], "not checked")],
)
def test_transitions_must_suffice_for_the_providers_rates(
    throttled: list[float], rate: list[float], level: str
) -> None:
    """One call a second at one provider needs about five."""
    harness = PipelineHarness()
    harness.providers.rules_of["snapapi"] = Rules(Rate(60, 60))
    subject = examined(figures(throttled, rate), open_ports=lambda: harness.ports)
    [found] = find(check_transitions, subject)
    assert found.level == level
    assert bool(found.fix) == (level == "warning")


@pytest.mark.parametrize("check", [check_concurrency, check_throttles, check_transitions])
def test_this_machine_has_no_quotas(check: Any) -> None:
    """Nothing is asked."""
    [found] = find(check, examined(name="local"))
    assert found.level == "not checked"
