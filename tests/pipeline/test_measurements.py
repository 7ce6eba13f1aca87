"""What is measured when a task ends, and by each sweep."""

from dataclasses import replace

import pytest

from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.errors import AccountBlocked, ProviderRefused, Unclear
from darkroom.domain.money_rules import MoneyRules
from darkroom.ports import NoMetrics
from tests.fakes.routes import JOB_NONE, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness


@pytest.fixture
def harness() -> PipelineHarness:
    """An environment with one photo and its spec."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    return harness


def test_end_of_a_task_is_counted_by_outcome_and_operation(harness: PipelineHarness) -> None:
    """And what it cost, by provider."""
    harness.upload_spec(SYNC_NONE, SPEC)
    harness.run()
    values = harness.metrics.values
    assert values("TasksEnded", outcome="succeeded") == [1]
    assert values("TasksEnded", outcome="succeeded", operation=SYNC_NONE) == [1]
    assert values("Attempts", provider="alpha") == [1]
    assert values("AttemptsFailed", provider="alpha") == [0]
    assert values("Credits", provider="alpha") == [2]
    assert values("Usd", provider="alpha") == [pytest.approx(0.02)]


def test_time_of_a_task_is_the_providers_or_ours(harness: PipelineHarness) -> None:
    """The job takes most of it; waiting for a file counts for neither."""
    harness.upload_spec(JOB_NONE, SPEC)
    harness.run()
    (whole,) = harness.metrics.values("TaskSeconds")
    (provider,) = harness.metrics.values("ProviderSeconds", provider="gamma")
    (overhead,) = harness.metrics.values("OverheadSeconds")
    assert 0 < provider <= whole
    assert overhead == pytest.approx(whole - provider, abs=1)
    assert len(harness.metrics.values("Polls", provider="gamma")) >= 1


def test_refusal_is_no_failure_of_the_provider(harness: PipelineHarness) -> None:
    """It has answered."""
    harness.providers.script("submit", ProviderRefused("no", "It refuses this picture."))
    harness.upload_spec(SYNC_NONE, SPEC, provider="alpha")
    harness.run()
    assert harness.metrics.values("TasksEnded", outcome="failed") == [1]
    assert harness.metrics.values("AttemptsFailed", provider="alpha") == [0]


def test_doubtful_call_is_a_failure_of_the_provider(harness: PipelineHarness) -> None:
    """And its task ends as unknown."""
    harness.providers.script("submit", Unclear("no-answer", "It did not answer."))
    harness.upload_spec(SYNC_NONE, SPEC, provider="alpha")
    harness.run()
    assert harness.metrics.values("TasksEnded", outcome="unknown") == [1]
    assert harness.metrics.values("AttemptsFailed", provider="alpha") == [1]
    assert harness.metrics.values("Credits", provider="alpha") == []


def test_operation_that_nobody_offers_is_no_dimension(harness: PipelineHarness) -> None:
    """A spec may ask for any text, and each value of a dimension costs money."""
    harness.upload_spec("cook-a-soup", SPEC)
    harness.run()
    assert harness.metrics.values("TasksEnded", outcome="failed", operation="none") == [1]


def test_sweep_measures_lines_and_circuits(harness: PipelineHarness) -> None:
    """Each minute, for every provider, also where nothing waits."""
    harness.providers.script("submit", AccountBlocked("no-credits", "The account is empty."))
    harness.upload_spec(SYNC_NONE, SPEC, provider="alpha")
    for _ in range(2):
        harness.step("submit", harness.task.task_id)
    harness.clock.advance(60)
    harness.metrics.emitted.clear()
    harness.sweep()
    values = harness.metrics.values
    assert (values("InLine", provider="alpha"), values("InLine", provider="beta")) == ([1], [0])
    assert values("FirstInLineSeconds", provider="alpha")[0] >= 60
    assert (values("Paused", provider="alpha"), values("Paused", provider="beta")) == ([1], [0])
    assert values("Paused", provider="delivery") == [0]
    assert values("Sweeps") == [1]


def test_sweep_measures_budgets_of_the_environment() -> None:
    """Reserved and spent, in percent, dollars and each provider's credits."""
    budget = Budget(ENVIRONMENT, usd=1, credits=4)
    harness = PipelineHarness(money=MoneyRules(budgets=(budget,)))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, SPEC, provider="alpha")
    harness.run()
    harness.metrics.emitted.clear()
    harness.sweep()
    values = harness.metrics.values
    assert values("BudgetUsed", budget="credits-alpha") == [50]
    assert values("BudgetUsed", budget="credits-beta") == [0]
    assert values("BudgetUsed", budget="usd") == [pytest.approx(2)]
    assert values("HeldLines") == [0]


def test_where_nobody_collects_metrics_nothing_is_read_for_them(harness: PipelineHarness) -> None:
    """As in the command, which may end tasks too."""
    ports = replace(harness.ports, metrics=NoMetrics())
    harness.ports = ports
    harness.upload_spec(SYNC_NONE, SPEC)
    harness.run()
    assert harness.task.state == "succeeded"
    assert harness.metrics.emitted == []
