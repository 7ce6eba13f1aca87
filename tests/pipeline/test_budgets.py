"""A budget stops tasks at its limit, to the last credit, and lets them go on when it has room."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.budgets import ENVIRONMENT, MILLIONTHS, Budget
from darkroom.domain.errors import ProviderRefused, Refused, Unclear
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.price_table import fixed_price
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.task import Task
from darkroom.pipeline.cancel import cancel_for_user
from darkroom.pipeline.money.held import FORGET_AFTER, approve
from darkroom.pipeline.submit import submit
from tests.fakes.providers import FakeProviders, Lost
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES, SYNC_NONE
from tests.pipeline.harness import NO_ROOM, Died, PipelineHarness

PRICE = 2
"""Credits of every call of the fake providers; each costs $0.01."""
UNCLEAR = Unclear("no-answer", "The provider did not answer.")


def _with_budget(**budget: float | str) -> PipelineHarness:
    owned = Budget(ENVIRONMENT, **budget)  # type: ignore[arg-type]
    return PipelineHarness(money=MoneyRules(budgets=(owned,)))


def _upload(harness: PipelineHarness, photos: int, operation: str = SYNC_NONE) -> None:
    for number in range(photos):
        harness.upload(f"photos/{number:03}.jpg")
        harness.upload_spec(operation, f"photos/{number:03}.jpg.json")
        harness.clock.advance(1)


def _states(harness: PipelineHarness) -> list[str]:
    return [task.state for task in harness.tasks.all]


def _held(harness: PipelineHarness) -> list[Task]:
    return [task for task in harness.tasks.all if task.state == "held"]


def _accounts(harness: PipelineHarness) -> list[float]:
    return [held / MILLIONTHS for held in harness.tasks.accounts.values() if held]


def test_budget_stops_tasks_at_its_limit() -> None:
    """What exceeds it is held, unpaid, and says why."""
    harness = _with_budget(credits=5 * PRICE)
    _upload(harness, 8)
    harness.run(until=["held"])

    assert _states(harness) == ["succeeded"] * 5 + ["held"] * 3
    assert len(harness.providers.charged) == 5
    assert _accounts(harness) == [5 * PRICE]
    (reason,) = {task.wait_reason for task in _held(harness)}
    assert reason == (
        "is held: the budget of this environment of 10 credits a day at alpha has no room for it"
    )


@pytest.mark.parametrize("budget", [{"credits": 5.0}, {"usd": 0.05}])
def test_budget_is_used_as_far_as_a_call_fits(budget: dict[str, float]) -> None:
    """In credits or in dollars: two calls of 2 credits fit into 5."""
    harness = _with_budget(**budget)
    _upload(harness, 4)
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 2 + ["held"] * 2


def test_held_tasks_go_on_by_themselves_on_the_next_day_and_in_order() -> None:
    """A day is one in UTC; nobody is overtaken."""
    harness = _with_budget(credits=2 * PRICE)
    _upload(harness, 5)
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 2 + ["held"] * 3

    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 4 + ["held"]
    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 5


def test_budget_for_ever_has_no_next_day() -> None:
    """Only a change of it makes room."""
    harness = _with_budget(credits=PRICE, per="ever")
    _upload(harness, 2)
    harness.run(until=["held"])
    harness.clock.advance(48 * 3600)
    harness.sweep()
    assert _states(harness) == ["succeeded", "held"]


def test_held_tasks_go_on_when_the_budget_is_raised() -> None:
    """Within a minute of the deployment."""
    harness = _with_budget(credits=PRICE)
    _upload(harness, 3)
    harness.run(until=["held"])
    more = MoneyRules(budgets=(Budget(ENVIRONMENT, credits=2 * PRICE),))
    harness.ports = replace(harness.ports, money=more)
    harness.sweep()
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 2 + ["held"]


def test_call_that_cost_nothing_makes_room_for_another() -> None:
    """A refusal reserves nothing any more, and neither does a job that failed without a charge."""
    harness = _with_budget(credits=PRICE)
    harness.providers.script("submit", ProviderRefused("bad-request", "No."))
    _upload(harness, 2, JOB_NONE)
    harness.run(until=["held"])
    assert _states(harness) == ["failed", "succeeded"]

    harness = _with_budget(credits=PRICE)
    failed = JobFailed("provider-failed", "It failed.", "no")
    harness.providers.script("poll", failed)
    _upload(harness, 1, JOB_NONE)
    harness.run()
    assert _states(harness) == ["failed"]
    assert _accounts(harness) == []


def test_charged_amount_takes_the_place_of_the_reserved_one() -> None:
    """The fake's jobs report 3 credits where the price list says 2."""
    harness = _with_budget(credits=2 * PRICE)
    harness.providers.script("submit", Died())
    _upload(harness, 1, JOB_KEY)
    with pytest.raises(Died):
        harness.step("submit", harness.task.task_id)
    assert _accounts(harness) == [PRICE]
    harness.run()
    assert _states(harness) == ["succeeded"]
    assert _accounts(harness) == [3]


def test_unclear_call_counts_as_paid() -> None:
    """The provider may have charged it."""
    harness = _with_budget(credits=PRICE)
    harness.providers.script("submit", Lost(UNCLEAR))
    _upload(harness, 2, JOB_NONE)
    harness.run(until=["held"])
    assert _states(harness) == ["unknown", "held"]
    assert _accounts(harness) == [PRICE]


def test_last_room_is_taken_by_one_of_two_at_once() -> None:
    """Both have read that there is room; the write that states the intent decides."""
    harness = _with_budget(credits=PRICE)
    _upload(harness, 2)
    one, two = (task.task_id for task in harness.tasks.all)
    real = harness.providers.submit

    def submitted(job_request: object, intend: object) -> object:
        harness.providers.submit = real  # type: ignore[method-assign]
        submit(harness.ports, two, 1)
        return real(job_request, intend)  # type: ignore[arg-type]

    harness.providers.submit = submitted  # type: ignore[method-assign, assignment]
    assert submit(harness.ports, one, 1).next == "done"
    assert _states(harness) == ["held", "delivering"]
    assert len(harness.providers.charged) == 1


def test_folder_has_a_budget_of_its_own_and_its_file_changes_it(harness: PipelineHarness) -> None:
    """Photos with a spec of their own count, too; other folders do not."""
    default = {"operation": SYNC_NONE, "budget": {"credits": 2 * PRICE}, "settle_s": 0}
    harness.upload("shop/_darkroom.json", json.dumps(default).encode())
    for number in range(2):
        harness.upload(f"shop/{number}.jpg")
    harness.upload("shop/own.jpg")
    harness.upload("else/a.jpg")
    harness.upload_spec(SYNC_NONE, "else/a.jpg.json")
    harness.run(until=["held"])
    assert sorted(_states(harness)) == ["held", *["succeeded"] * 3]
    (held,) = _held(harness)
    assert held.wait_reason == (
        "is held: the budget of shop/_darkroom.json of 4 credits a day at alpha has no room for it"
    )

    default["budget"] = {"credits": 3 * PRICE}
    harness.upload("shop/_darkroom.json", json.dumps(default).encode())
    harness.sweep()
    harness.run()
    assert _states(harness) == ["succeeded"] * 4


def test_budget_that_is_removed_holds_nothing_any_more(harness: PipelineHarness) -> None:
    """Also when the whole file is."""
    default = {"operation": SYNC_NONE, "budget": {"credits": 1}, "settle_s": 0}
    harness.upload("shop/_darkroom.json", json.dumps(default).encode())
    harness.upload("shop/0.jpg")
    harness.run(until=["held"])
    assert _states(harness) == ["held"]
    harness.delete("shop/_darkroom.json")
    harness.sweep()
    harness.run()
    assert _states(harness) == ["succeeded"]


def test_unknown_price_is_held_until_it_is_known() -> None:
    """A limit that cannot be checked is not passed."""
    harness = _with_budget(usd=100.0)
    known = harness.providers.tariff
    harness.providers.tariff = lambda provider: replace(known(provider), usd_per_credit=None)  # type: ignore[method-assign]
    _upload(harness, 1)
    harness.run(until=["held"])
    assert "what the call costs is not known" in (harness.task.wait_reason or "")

    harness.providers.tariff = known  # type: ignore[method-assign]
    harness.sweep()
    harness.run()
    assert _states(harness) == ["succeeded"]


def test_held_task_can_be_cancelled_and_leaves_its_line() -> None:
    """The next one is not kept waiting by it."""
    harness = _with_budget(credits=PRICE)
    _upload(harness, 3)
    harness.run(until=["held"])
    cancel_for_user(harness.ports, _held(harness)[0].task_id)
    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run()
    assert _states(harness) == ["succeeded", "cancelled", "succeeded"]


def test_budget_cannot_be_passed_by_approving_a_task() -> None:
    """The answer says when it goes on."""
    harness = _with_budget(credits=1)
    _upload(harness, 1)
    harness.run(until=["held"])
    with pytest.raises(Refused, match="budget of this environment") as refused:
        approve(harness.ports, harness.task.task_id)
    assert "goes on by itself" in refused.value.failure.next_step
    assert _states(harness) == ["held"]


def test_only_a_held_task_can_be_approved(harness: PipelineHarness) -> None:
    """Twice is refused the second time."""
    _upload(harness, 1)
    harness.run()
    with pytest.raises(Refused, match="not held"):
        approve(harness.ports, harness.task.task_id)
    with pytest.raises(Refused, match="no task"):
        approve(harness.ports, "0" * 32)


def test_held_task_ends_after_a_month() -> None:
    """Its manifest says that nothing was paid, and why."""
    harness = _with_budget(credits=1)
    _upload(harness, 1)
    harness.run(until=["held"])
    harness.clock.advance(harness.limits.held_s - 60)
    harness.sweep()
    assert _states(harness) == ["held"]
    harness.clock.advance(60)
    harness.sweep()
    harness.run()
    assert harness.manifest()["failure"]["code"] == "held-too-long"


def test_line_without_tasks_is_forgotten_when_no_function_can_hold_one_in_it() -> None:
    """A sweep then looks at it no longer."""
    harness = _with_budget(credits=PRICE)
    _upload(harness, 2)
    harness.run(until=["held"])
    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run()
    assert len(harness.ports.budgets.holding()) == 1
    harness.clock.advance(FORGET_AFTER.total_seconds() + 1)
    harness.sweep()
    assert harness.ports.budgets.holding() == []


def test_call_above_the_ceiling_of_its_spec_is_not_made(harness: PipelineHarness) -> None:
    """The task fails, and says the price and the ceiling."""
    harness.upload("photos/cat.jpg")
    harness.upload_spec(SYNC_NONE, max_price={"credits": 1.5})
    harness.run()
    error = harness.manifest()["failure"]
    assert error["code"] == "above-max-price"
    assert error["sentence"] == (
        "alpha was not called because of its max_price: it costs 2 credits, and 1.5 credits is "
        "the most allowed."
    )
    assert not harness.providers.sent


@pytest.mark.parametrize(("ceiling", "state"), [(0.02, "succeeded"), (0.0199, "failed")])
def test_ceiling_of_the_environment_holds_for_every_spec(ceiling: float, state: str) -> None:
    """A call that costs as much as it is made."""
    harness = PipelineHarness(money=MoneyRules(max_price=PriceLimit(usd=ceiling)))
    _upload(harness, 1)
    harness.run()
    assert harness.task.state == state


@pytest.mark.parametrize(
    ("most", "asked"),
    [(None, "alpha"), (PriceLimit(credits=2), "alpha"), (PriceLimit(credits=1), "beta")],
)
def test_provider_that_is_dearer_than_the_environment_allows_is_left_out(
    most: PriceLimit | None, asked: str
) -> None:
    """Another one that may stand in does it, and the task does not fail."""
    routes = [
        replace(route, credits=fixed_price(1.0)) if route.provider == "beta" else route
        for route in ROUTES
    ]
    harness = PipelineHarness(providers=FakeProviders(routes), money=MoneyRules(max_price=most))
    _upload(harness, 1)
    harness.run()
    assert (harness.task.state, harness.task.last_attempt.provider) == ("succeeded", asked)


def test_budget_of_nothing_like_the_price_never_pays() -> None:
    """Not even on a new day."""
    harness = PipelineHarness(money=MoneyRules(budgets=(NO_ROOM,)))
    _upload(harness, 1)
    harness.run(until=["held"])
    harness.clock.advance(timedelta(days=3).total_seconds())
    harness.sweep()
    assert _states(harness) == ["held"]
    assert not harness.providers.sent


def test_task_whose_route_is_gone_does_not_keep_the_others_back() -> None:
    """It stays held until a deployment has the route again."""
    harness = _with_budget(usd=0.02)
    _upload(harness, 1, JOB_KEY)
    harness.run()
    _upload(harness, 1, JOB_NONE)
    harness.upload("photos/b.jpg")
    harness.upload_spec(SYNC_NONE, "photos/b.jpg.json")
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded", "held", "held"]

    offered = harness.providers.offered
    harness.providers.offered = [route for route in offered if route.operation != JOB_NONE]
    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded", "held", "succeeded"]

    harness.providers.offered = offered
    harness.clock.advance(24 * 3600)
    harness.sweep()
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded"] * 3


def test_unreadable_task_does_not_keep_the_others_back() -> None:
    """The sweep reports the error at its end."""
    harness = _with_budget(credits=PRICE)
    _upload(harness, 3)
    harness.run(until=["held"])
    hidden = _held(harness)[0].task_id
    real = harness.tasks.get

    def get(task_id: str) -> Task | None:
        if task_id == hidden:
            raise ValueError("another version wrote it")
        return real(task_id)

    harness.tasks.get = get  # type: ignore[method-assign]
    harness.clock.advance(24 * 3600)
    with pytest.raises(ValueError, match="another version"):
        harness.sweep()
    harness.tasks.get = real  # type: ignore[method-assign]
    harness.run(until=["held"])
    assert _states(harness) == ["succeeded", "held", "succeeded"]
