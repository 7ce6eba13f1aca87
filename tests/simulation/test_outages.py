"""Outages, account problems, late results and unreadable items do what their names say."""

import pytest

from darkroom.domain.errors import AccountBlocked, ResultGone
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES
from tests.simulation.fault_injection import FunctionError
from tests.simulation.fault_kinds import CALLS, CHANCES, NoFaults
from tests.simulation.outages import OUTAGES
from tests.simulation.results import build_png, read_title
from tests.simulation.scenarios import PHOTO, SCENARIOS, SPEC
from tests.simulation.single_fault import SingleFault
from tests.simulation.system import SimulatedSystem


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_refuses_its_calls_while_it_lasts(kind: str) -> None:
    """Each call gets an error; afterwards it works as before."""
    system = SimulatedSystem(NoFaults())
    system.outages.begin(kind, 60)
    assert system.injector.outages.keys() == set(OUTAGES[kind].calls) <= set(CALLS)
    for call in OUTAGES[kind].calls:
        assert system.injector.before_call(call) in ("refused-by-us", "busy-of-ours")
    system.scheduler.run()
    assert not system.injector.outages
    assert not system.injector.outage_since
    assert [system.injector.before_call(call) for call in OUTAGES[kind].calls] == [None] * len(
        OUTAGES[kind].calls
    )


def test_a_refused_call_raises_in_its_process() -> None:
    """It is not carried out, and its process is harmed, but not excused."""
    system = SimulatedSystem(NoFaults())
    system.outages.begin("table-down", 60)
    result = system.injector.invoke("submit", None, 60, lambda: system.ports.tasks.get("a task"))
    assert isinstance(result, FunctionError)
    assert result.name in ("ClientError", "Busy")


def test_a_process_that_finds_every_store_down_is_excused() -> None:
    """One store alone is no excuse for losing what was paid for."""
    system = SimulatedSystem(NoFaults())

    def write() -> tuple[bool, bool]:
        mine = system.injector.current
        assert mine is not None
        system.injector.before_call("tasks.replace")
        alone = mine.excused
        system.outages.begin("bucket-down", 60)
        system.injector.before_call("tasks.replace")
        return alone, mine.excused

    system.outages.begin("table-down", 60)
    assert system.injector.invoke("submit", None, 60, write) == (False, True)


def test_an_account_is_blocked_for_a_while() -> None:
    """Without credits known jobs continue; with a refused key nothing does."""
    accounts = SimulatedSystem(NoFaults()).providers.accounts
    accounts.begin("beta", "no-credits", 60)
    accounts.check_payment("beta", known=True)
    accounts.check_key("beta")
    with pytest.raises(AccountBlocked) as caught:
        accounts.check_payment("beta", known=False)
    assert caught.value.failure.code == "no-credits"
    accounts.begin("gamma", "key-refused", 60)
    with pytest.raises(AccountBlocked) as caught:
        accounts.check_key("gamma")
    assert caught.value.failure.code == "bad-credentials"


def test_another_account_has_another_digest_and_knows_no_job() -> None:
    """Until the right key is in the secret again."""
    scenario = SCENARIOS["none, a job"]
    system = scenario.play(SingleFault())
    route = next(route for route in ROUTES if route.operation == JOB_NONE)
    before = system.providers.account("gamma")
    assert len(before) == 16
    system.providers.accounts.begin("gamma", "other-account", 60)
    assert system.providers.account("gamma") != before
    assert getattr(system.providers.poll(route, "job-1"), "code", None) == "job-lost"
    system.scheduler.run()
    assert system.providers.account("gamma") == before
    assert getattr(system.providers.poll(route, "job-1"), "code", None) is None


def test_a_late_result_is_available_in_the_end() -> None:
    """Its URL answers that there is nothing, until the result is available."""
    system = SCENARIOS["key, a job"].play(SingleFault())
    job = system.providers.ledger.jobs["job-1"]
    job.available_at = system.scheduler.now + 30
    url = system.providers.result_store.finished(job).results[0].url
    assert url is not None
    with pytest.raises(ResultGone):
        system.providers.fetch(url, 1000)
    system.scheduler.advance(31)
    with system.providers.fetch(url, 1000) as fetched:
        assert read_title(fetched.body.read()) == "job-1-0"
    assert job.results_gone == 0


def test_a_whole_image_has_a_title_and_a_truncated_one_does_not() -> None:
    """A truncated image has no title."""
    whole = build_png("job-1-0")
    assert read_title(whole) == "job-1-0"
    assert read_title(whole[:-1]) is None


def test_an_undeleted_file_is_not_uploaded_again() -> None:
    """It is the same version."""
    system = SimulatedSystem(NoFaults())
    system.users.upload(PHOTO)
    there = system.inputs.find(PHOTO)
    system.users.delete(PHOTO)
    assert system.inputs.find(PHOTO) is None
    system.users.undelete(PHOTO)
    assert system.inputs.find(PHOTO) == there


def test_reading_an_unreadable_task_raises() -> None:
    """A process that reads it gets an error, as for an item of another version."""
    system = SimulatedSystem(NoFaults())
    system.users.upload(PHOTO)
    system.users.upload_spec(SPEC, JOB_KEY)
    system.run_until_idle()
    (task_id,) = system.tasks.stored
    system.tasks.unreadable.add(task_id)
    assert system.injector.invoke("poll", task_id, 60, lambda: system.ports.tasks.get(task_id)) == (
        FunctionError("Unreadable")
    )


def test_every_outage_has_a_probability() -> None:
    """Otherwise it would begin in no simulation."""
    assert set(CHANCES) >= set(OUTAGES)
