"""What is new in the worlds is what it is called: spells, accounts, results, what is left out."""

import pytest

from darkroom.domain.errors import AccountBlocked, ResultGone
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES
from tests.simulation.fault_injection import Broken
from tests.simulation.fault_kinds import CALLS, CHANCES, NoFaults
from tests.simulation.outages import SPELLS
from tests.simulation.results import name_of, picture
from tests.simulation.scenarios import PHOTO, SPEC, STORIES
from tests.simulation.single_fault import SingleFault
from tests.simulation.system import SimulatedSystem


@pytest.mark.parametrize("kind", SPELLS)
def test_a_spell_refuses_its_calls_for_as_long_as_it_lasts(kind: str) -> None:
    """Each of them, with an error that its caller gets; afterwards they work as before."""
    system = SimulatedSystem(NoFaults())
    system.outages.begin(kind, 60)
    assert system.injector.shut.keys() == set(SPELLS[kind].calls) <= set(CALLS)
    for call in SPELLS[kind].calls:
        assert system.injector.begin(call) in ("refused-by-us", "busy-of-ours")
    system.scheduler.run()
    assert not system.injector.shut
    assert not system.injector.shut_since
    assert [system.injector.begin(call) for call in SPELLS[kind].calls] == [None] * len(
        SPELLS[kind].calls
    )


def test_a_refused_call_is_told_to_whoever_made_it() -> None:
    """It was not carried out, and its process is harmed, but not excused."""
    system = SimulatedSystem(NoFaults())
    system.outages.begin("table-shut", 60)
    said = system.injector.invoke("submit", None, 60, lambda: system.ports.tasks.get("a task"))
    assert isinstance(said, Broken)
    assert said.name in ("ClientError", "Busy")


def test_whoever_finds_every_store_shut_is_excused() -> None:
    """One store alone is no excuse for losing what was paid for."""
    system = SimulatedSystem(NoFaults())

    def write() -> tuple[bool, bool]:
        mine = system.injector.current
        assert mine is not None
        system.injector.begin("tasks.replace")
        alone = mine.excused
        system.outages.begin("bucket-shut", 60)
        system.injector.begin("tasks.replace")
        return alone, mine.excused

    system.outages.begin("table-shut", 60)
    assert system.injector.invoke("submit", None, 60, write) == (False, True)


def test_an_account_is_blocked_for_a_while() -> None:
    """Without credits what is known already goes on; with a refused key nothing does."""
    accounts = SimulatedSystem(NoFaults()).providers.accounts
    accounts.begin("beta", "no-credits", 60)
    accounts.check_paying("beta", known=True)
    accounts.check_key("beta")
    with pytest.raises(AccountBlocked) as caught:
        accounts.check_paying("beta", known=False)
    assert caught.value.failure.code == "no-credits"
    accounts.begin("gamma", "key-refused", 60)
    with pytest.raises(AccountBlocked) as caught:
        accounts.check_key("gamma")
    assert caught.value.failure.code == "bad-credentials"


def test_another_account_has_another_digest_and_knows_no_job() -> None:
    """Until the right key is in the secret again."""
    scenario = STORIES["none, a job"]
    system = scenario.tell(SingleFault())
    route = next(route for route in ROUTES if route.operation == JOB_NONE)
    before = system.providers.account("gamma")
    assert len(before) == 16
    system.providers.accounts.begin("gamma", "other-account", 60)
    assert system.providers.account("gamma") != before
    assert getattr(system.providers.poll(route, "job-1"), "code", None) == "job-lost"
    system.scheduler.run()
    assert system.providers.account("gamma") == before
    assert getattr(system.providers.poll(route, "job-1"), "code", None) is None


def test_a_late_result_is_there_in_the_end() -> None:
    """Its address says that there is nothing, until there is something."""
    system = STORIES["key, a job"].tell(SingleFault())
    job = system.providers.ledger.jobs["job-1"]
    job.there_at = system.scheduler.now + 30
    url = system.providers.shelf.made(job).results[0].url
    assert url is not None
    with pytest.raises(ResultGone):
        system.providers.fetch(url, 1000)
    system.scheduler.pass_(31)
    with system.providers.fetch(url, 1000) as fetched:
        assert name_of(fetched.body.read()) == "job-1-0"
    assert job.gone == 0


def test_a_picture_bears_its_name_and_a_part_of_it_does_not() -> None:
    """It is whole, to the end that its format has."""
    whole = picture("job-1-0")
    assert name_of(whole) == "job-1-0"
    assert name_of(whole[:-1]) is None


def test_a_file_that_comes_back_was_not_uploaded() -> None:
    """The same version is there again."""
    system = SimulatedSystem(NoFaults())
    system.users.drop(PHOTO)
    there = system.inputs.find(PHOTO)
    system.users.remove(PHOTO)
    assert system.inputs.find(PHOTO) is None
    system.users.bring_back(PHOTO)
    assert system.inputs.find(PHOTO) == there


def test_a_task_that_cannot_be_read_is_one_for_a_while() -> None:
    """Whoever reads it meanwhile gets an error, as for an item of another version."""
    system = SimulatedSystem(NoFaults())
    system.users.drop(PHOTO)
    system.users.ask(SPEC, JOB_KEY)
    system.rest()
    (task_id,) = system.tasks.stored
    system.tasks.unreadable.add(task_id)
    assert system.injector.invoke("poll", task_id, 60, lambda: system.ports.tasks.get(task_id)) == (
        Broken("Unreadable")
    )


def test_every_spell_has_its_chance() -> None:
    """Else it would come over no world."""
    assert set(CHANCES) >= set(SPELLS)
