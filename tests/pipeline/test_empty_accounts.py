"""An account without credits: who waits, who goes elsewhere, what is announced, who comes first."""

import random
from datetime import timedelta
from itertools import pairwise

import pytest

from darkroom.domain.circuit_state import ASK_BALANCE_S, CircuitState
from darkroom.domain.errors import AccountBlocked, Busy, ProviderRefused
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.task import Task
from darkroom.pipeline.admission.circuit import record_success
from darkroom.pipeline.money.empty_accounts import Waiting, count_waiting
from darkroom.ports import Step
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PipelineHarness

EMPTY = AccountBlocked("no-credits", "The account at alpha has too few credits.", "Add credits.")
REFUSED = ProviderRefused("bad-request", "beta does not take it.")
CONTENT = ProviderRefused("content-refused", "alpha refused the content.")
NOTHING = Balance(0.0)


def _many(harness: PipelineHarness, count: int, **fields: object) -> list[str]:
    """Tasks of one operation, one after the other; the ids in order."""
    for number in range(count):
        harness.upload(f"photos/{number}.jpg")
        harness.upload_spec(SYNC_NONE, f"photos/{number}.jpg.json", **fields)
        harness.clock.advance(0.01)
    return [task.task_id for task in sorted(harness.tasks.all, key=lambda one: one.created_at)]


def _task(harness: PipelineHarness, task_id: str) -> Task:
    task = harness.tasks.get(task_id)
    assert task is not None
    return task


def _events(harness: PipelineHarness) -> list[dict[str, object]]:
    return [dict(e.detail) for e in harness.events.published if e.kind == "Account Empty"]


def _run_started(harness: PipelineHarness, since: int) -> None:
    """One step of SUBMIT of every run that was started since then."""
    for task_id, run in harness.workflows.started[since:]:
        harness.step("submit", task_id, run)


def _find_empty(harness: PipelineHarness, ids: list[str]) -> None:
    """The first task is refused, the others come to a paused provider: all are in line."""
    harness.providers.script("submit", EMPTY)
    for task_id in (*ids, ids[0]):
        harness.step("submit", task_id)
    assert len(harness.lines.first("alpha", 99)) == len(ids)


# --- announced ------------------------------------------------------------------------------------


def test_one_event_for_each_time_that_an_account_is_empty(harness: PipelineHarness) -> None:
    """With who waits for how much; the next time has another id."""
    ids = _many(harness, 5, provider="alpha")
    harness.providers.balances["alpha"] = NOTHING
    _find_empty(harness, ids)
    for _ in range(5):
        harness.sweep()
        harness.clock.advance(60)
    (event,) = _events(harness)
    assert (event["provider"], event["tasks"], event["credits_needed"]) == ("alpha", 5, 10.0)
    assert event["sentence"] == "No credits at alpha: 5 tasks wait, about 10 credits needed."
    assert "Add credits at alpha" in str(event["next_step"])

    del harness.providers.balances["alpha"]
    harness.run()
    _find_empty(harness, _many(harness, 2, provider="alpha", metadata={"again": True})[-2:])
    harness.sweep()
    assert len({event["event_id"] for event in _events(harness)}) == 2


def test_event_that_the_bus_did_not_take_is_published_by_the_next_sweep(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is that of the first refusal."""
    _find_empty(harness, _many(harness, 2, provider="alpha"))
    with monkeypatch.context() as broken:

        def refuse(*_: object) -> None:
            raise Busy("event-not-taken", "No.")

        broken.setattr(harness.events, "publish", refuse)
        with pytest.raises(Busy):
            harness.sweep()
    harness.sweep()
    assert len(_events(harness)) == 1


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (Waiting("apiframe", 152, 456.0), "152 tasks wait, about 456 credits needed"),
        (Waiting("apiframe", 1, 0.5), "1 task waits, about 0.5 credits needed"),
        (Waiting("apiframe", 1200, None), "1,200 tasks wait"),
        (Waiting("apiframe", 0, None), "no task waits"),
    ],
)
def test_who_waits_is_said_in_one_sentence(waiting: Waiting, sentence: str) -> None:
    """Amounts only where prices are known."""
    assert waiting.sentence == f"no credits at apiframe: {sentence}"


def test_needed_credits_of_a_long_line_are_estimated(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By those at its head."""
    monkeypatch.setattr("darkroom.pipeline.money.empty_accounts.MAX_READ", 3)
    _find_empty(harness, _many(harness, 9, provider="alpha"))
    assert count_waiting(harness.ports, "alpha") == Waiting("alpha", 9, 18.0)


# --- looked at ------------------------------------------------------------------------------------


def test_nobody_tries_while_the_balance_is_too_low(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for every two minutes; with enough for the first in line all go on, in order."""
    ids = _many(harness, 6, provider="alpha")
    asked: list[float] = []
    ask, begin = harness.providers.balance, harness.clock.now()

    def balance(provider: str) -> Balance | None:
        asked.append((harness.clock.now() - begin).total_seconds())
        return ask(provider)

    monkeypatch.setattr(harness.providers, "balance", balance)
    harness.providers.balances["alpha"] = Balance(1.0)  # a call costs 2
    _find_empty(harness, ids)
    started = len(harness.workflows.started)
    for _ in range(20):
        harness.sweep()
        harness.clock.advance(60)
    assert len(harness.workflows.started) == started
    assert len(harness.providers.sent) == 1
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert all(gap >= ASK_BALANCE_S for gap in gaps)
    assert len(asked) == 10

    harness.providers.balances["alpha"] = Balance(2.0)
    harness.run()
    assert {task.state for task in harness.tasks.all} == {"succeeded"}
    assert [paid.task_id for paid in harness.providers.charged] == ids
    assert harness.limiter.circuit("alpha") == CircuitState()


@pytest.mark.parametrize("balance", [None, Balance(None), AccountBlocked("bad-credentials", "No.")])
def test_one_task_tries_where_nobody_says_what_is_left(
    harness: PipelineHarness,
    balance: Balance | Exception | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first in line, one at a time."""
    ids = _many(harness, 4, provider="alpha")

    def ask(_provider: str) -> Balance | None:
        if isinstance(balance, Exception):
            raise balance
        return balance

    monkeypatch.setattr(harness.providers, "balance", ask)
    _find_empty(harness, ids)
    harness.providers.script("submit", *[EMPTY] * 3)
    for _ in range(10):
        harness.clock.advance(60)
        started = len(harness.workflows.started)
        harness.sweep()
        assert harness.workflows.started[started:] in ([], [(ids[0], _task(harness, ids[0]).run)])
        _run_started(harness, started)
        if _task(harness, ids[0]).place is None and _task(harness, ids[0]).state == "queued":
            harness.step("submit", ids[0])
    assert harness.providers.charged[0].task_id == ids[0]
    harness.run()
    assert [paid.task_id for paid in harness.providers.charged] == ids


def test_refill_serves_the_line_in_its_order_whoever_asks_first(harness: PipelineHarness) -> None:
    """Also where the provider has a rate, and runs ask in any order."""
    harness.providers.rules_of["alpha"] = Rules(Rate(60, 60))
    ids = _many(harness, 12, provider="alpha")
    shuffled = random.Random(7).sample(ids, len(ids))  # noqa: S311 - the same again, not a secret
    harness.providers.script("submit", EMPTY)
    harness.step("submit", ids[0])
    for task_id in shuffled:
        harness.step("submit", task_id)
    harness.clock.advance(300)
    harness.run()
    assert [paid.task_id for paid in harness.providers.charged] == ids


def test_call_that_was_begun_before_does_not_end_the_wait(harness: PipelineHarness) -> None:
    """It was accepted with the last credits; a later one ends it."""
    _find_empty(harness, _many(harness, 2, provider="alpha"))
    now = harness.clock.now()
    assert not record_success(harness.ports, "alpha", now - timedelta(seconds=30))
    assert harness.limiter.circuit("alpha").empty_since is not None
    assert record_success(harness.ports, "alpha", now + timedelta(seconds=30))
    assert harness.limiter.circuit("alpha") == CircuitState()


def test_refusal_of_a_file_does_not_end_the_wait(harness: PipelineHarness) -> None:
    """It says nothing about the account: nobody else is sent there because of it."""
    first, second = _many(harness, 2, provider="alpha")
    harness.providers.balances["alpha"] = None
    _find_empty(harness, [first, second])
    harness.clock.advance(100)
    harness.providers.script("prepare", ProviderRefused("bad-request", "It does not take it."))
    harness.sweep()
    assert harness.step("submit", first).next == "fail"
    assert harness.limiter.circuit("alpha").empty_since is not None
    assert _task(harness, second).state == "queued"


def test_account_with_credits_that_nobody_waits_for_is_open(harness: PipelineHarness) -> None:
    """The next task calls at once."""
    (only,) = _many(harness, 1, provider="alpha")
    _find_empty(harness, [only])
    harness.delete("photos/0.jpg.json")
    harness.run()
    harness.sweep()
    assert harness.limiter.circuit("alpha") == CircuitState()


# --- elsewhere ------------------------------------------------------------------------------------


def test_task_that_agrees_to_any_provider_goes_to_the_next_at_once(
    harness: PipelineHarness,
) -> None:
    """After the refusal, and without a call once the account is known to be empty."""
    first, second = _many(harness, 2, fallback="any")
    harness.providers.script("submit", EMPTY)
    for task_id in (first, second):
        assert harness.step("submit", task_id) == Step("submit")
        assert harness.step("submit", task_id).next == "poll"
    assert harness.providers.sent == ["alpha", "beta", "beta"]
    for task_id in (first, second):
        left, taken = _task(harness, task_id).attempts
        assert (left.provider, left.outcome, left.charged) == ("alpha", "refused", "no")
        assert left.failure is not None
        assert left.failure.code == "no-credits"
        assert (taken.provider, taken.outcome) == ("beta", "accepted")
    assert "was not called" in str(_task(harness, second).attempts[0].failure)


@pytest.mark.parametrize(
    "fields",
    [{}, {"fallback": "same-or-cheaper"}, {"fallback": "never"}, {"provider": ["alpha", "beta"]}],
)
def test_task_whose_spec_does_not_say_so_never_moves_on(
    harness: PipelineHarness, fields: dict[str, object]
) -> None:
    """Though another provider could do it."""
    harness.providers.balances["alpha"] = NOTHING
    _find_empty(harness, _many(harness, 2, **fields))
    for _ in range(30):
        harness.clock.advance(60)
        harness.sweep()
    assert harness.providers.sent == ["alpha"]
    del harness.providers.balances["alpha"]
    harness.run()
    assert {paid.provider for paid in harness.providers.charged} == {"alpha"}
    assert {task.state for task in harness.tasks.all} == {"succeeded"}


def test_sweep_sends_those_elsewhere_that_were_in_line_before(harness: PipelineHarness) -> None:
    """The others stay."""
    harness.providers.rules_of["alpha"] = Rules(Rate(1, 600))
    harness.providers.balances["alpha"] = NOTHING
    stays = _many(harness, 2)
    harness.upload("photos/any.jpg")
    harness.upload_spec(SYNC_NONE, "photos/any.jpg.json", fallback="any")
    goes = next(t.task_id for t in harness.tasks.all if t.task_id not in stays)
    assert _task(harness, goes).place is not None
    harness.providers.script("submit", EMPTY)
    harness.step("submit", stays[0])
    started = len(harness.workflows.started)
    harness.sweep()
    assert harness.workflows.started[started:] == [(goes, 1)]
    harness.step("submit", goes, 1)
    assert harness.step("submit", goes, 1).next == "poll"
    assert harness.providers.sent == ["alpha", "beta"]


def test_provider_that_was_left_empty_is_the_last_choice(harness: PipelineHarness) -> None:
    """If the others refuse, the task waits for its credits instead of failing."""
    (only,) = _many(harness, 1, fallback="any")
    harness.providers.script("submit", EMPTY, REFUSED)
    harness.run()
    assert harness.providers.sent == ["alpha", "beta", "alpha"]
    assert _task(harness, only).state == "succeeded"


# --- a job that failed for lack of credits --------------------------------------------------------


def test_job_that_failed_for_lack_of_credits_is_made_again_by_the_same_provider(
    harness: PipelineHarness,
) -> None:
    """It cost nothing; the account's circuit opens, and the task waits as after a refusal."""
    harness.upload("cat.jpg")
    harness.upload_spec(JOB_KEY, "cat.jpg.json", fallback="same-or-cheaper")
    harness.providers.script("poll", JobFailed("no-credits", "beta has too few credits.", "no"))
    harness.run(until=["running"])
    assert harness.step("poll", harness.task.task_id).next == "submit"
    assert harness.limiter.circuit("beta").empty_since is not None
    assert (harness.task.state, harness.task.wait_reason) == (
        "queued",
        "beta is paused: beta has too few credits.",
    )
    harness.clock.advance(200)
    while harness.step("submit", harness.task.task_id).next == "submit":
        harness.clock.advance(1)
    harness.run()
    assert harness.task.state == "succeeded"
    assert [paid.provider for paid in harness.providers.charged] == ["beta", "beta"]
    assert [paid.attempt for paid in harness.providers.charged] == [1, 2]


def test_job_that_failed_for_credits_and_may_have_cost_something_is_not_made_again(
    harness: PipelineHarness,
) -> None:
    """Nothing is paid twice."""
    harness.upload("cat.jpg")
    harness.upload_spec(JOB_KEY, "cat.jpg.json", fallback="never")
    harness.providers.script("poll", JobFailed("no-credits", "It has too few.", "unknown"))
    harness.run()
    assert harness.task.state == "failed"
    assert len(harness.providers.charged) == 1


# --- a refusal for the content --------------------------------------------------------------------


@pytest.mark.parametrize("fallback", [None, "any", "same-or-cheaper"])
@pytest.mark.parametrize("provider", [None, ["alpha", "beta"]])
def test_picture_whose_content_is_refused_is_offered_to_nobody_else(
    harness: PipelineHarness, fallback: str | None, provider: list[str] | None
) -> None:
    """The task fails with the vendor's reason."""
    given = {"fallback": fallback, "provider": provider}
    (only,) = _many(harness, 1, **{name: value for name, value in given.items() if value})
    harness.providers.script("submit", CONTENT)
    harness.run()
    assert harness.providers.sent == ["alpha"]
    assert _task(harness, only).state == "failed"
    assert harness.manifest()["failure"]["code"] == "content-refused"
    assert harness.manifest()["failure"]["sentence"] == "alpha refused the content."


def test_job_whose_content_is_refused_is_given_to_nobody_else(harness: PipelineHarness) -> None:
    """Though it cost nothing."""
    harness.upload("cat.jpg")
    harness.upload_spec(JOB_KEY, "cat.jpg.json", fallback="any")
    harness.providers.script("poll", JobFailed("content-refused", "beta refused it.", "no"))
    harness.run()
    assert harness.providers.sent == ["beta"]
    assert harness.manifest()["failure"]["code"] == "content-refused"
