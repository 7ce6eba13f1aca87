"""What all providers behind one face promise: what a paid call means for money, however it ends."""

import re
from dataclasses import replace
from datetime import date

import pytest

from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    Conflict,
    ProviderRefused,
    Throttled,
    Unclear,
)
from darkroom.domain.provider_jobs import Accepted, Pending, Prepared
from tests.contract.ports.provider_harnesses import (
    ASKED_S,
    WAYS,
    ProvidersHarness,
    Way,
    submitted,
)

every_way = pytest.mark.parametrize("way", WAYS)


# --- what they say of themselves -----------------------------------------------------------------


def test_every_provider_declares_routes_and_a_tariff(harness: ProvidersHarness) -> None:
    """No route is there twice; a tariff says since when it holds, and where it was read."""
    routes = harness.providers.routes()
    named = [(route.provider, route.operation, route.model) for route in routes]
    assert len(set(named)) == len(named) > 0

    for provider in {route.provider for route in routes}:
        tariff = harness.providers.tariff(provider)
        assert date.fromisoformat(tariff.as_of)
        assert tariff.source
        assert tariff.usd_per_credit is None or tariff.usd_per_credit > 0


def test_the_order_of_preference_does_not_change(harness: ProvidersHarness) -> None:
    """Asked again, the same routes come in the same order."""
    assert list(harness.providers.routes()) == list(harness.providers.routes())


def test_a_provider_is_set_up_as_long_as_it_has_a_key(harness: ProvidersHarness) -> None:
    """The hint names the provider that lacks one; the others work on."""
    other, lacking = (harness.route(way).provider for way in ("at once", "keyed job"))
    assert harness.providers.set_up(lacking) is True
    harness.forget_key(lacking)

    assert harness.providers.set_up(lacking) is False
    assert harness.providers.set_up(other) is True
    assert lacking in harness.providers.set_up_hint(lacking)


def test_without_a_key_nothing_is_asked_or_paid(harness: ProvidersHarness) -> None:
    """It is refused before there is an intent; the next step is the hint."""
    work = harness.work("keyed job")
    harness.forget_key(work.route.provider)
    before = harness.charges()

    intended: list[Prepared] = []
    with pytest.raises(AccountBlocked) as caught:
        harness.providers.submit(work, intended.append)
    assert caught.value.failure.code == "not-set-up"
    assert caught.value.failure.next_step == harness.providers.set_up_hint(work.route.provider)
    assert intended == []
    assert harness.charges() == before


# --- a paid call that goes well ------------------------------------------------------------------


@every_way
def test_two_tasks_are_two_jobs_and_two_charges(harness: ProvidersHarness, way: Way) -> None:
    """Nothing is taken for a repetition that is none."""
    before = harness.charges()
    one, other = (submitted(harness, way) for _ in range(2))

    assert one != other
    assert harness.charges() == before + 2


# --- the intent ----------------------------------------------------------------------------------


@every_way
def test_the_intent_comes_once_and_before_the_money(harness: ProvidersHarness, way: Way) -> None:
    """It holds the exact request, and a digest of every input."""
    work = harness.work(way)
    before = harness.charges()
    intended: list[Prepared] = []
    charged: list[int] = []

    def intend(prepared: Prepared) -> None:
        intended.append(prepared)
        charged.append(harness.charges())

    harness.providers.submit(work, intend)
    assert charged == [before]
    assert intended[0].request
    assert set(intended[0].sha256) == {file.key for files in work.inputs.values() for file in files}
    for digest in intended[0].sha256.values():
        assert re.fullmatch("[0-9a-f]{64}", digest)


@every_way
def test_what_the_intent_raises_passes_through_unpaid(harness: ProvidersHarness, way: Way) -> None:
    """An intent that could not be written down is no leave to pay."""
    before = harness.charges()
    lost = Conflict("Someone else was first.")

    def intend(_prepared: Prepared) -> None:
        raise lost

    with pytest.raises(Conflict) as caught:
        harness.providers.submit(harness.work(way), intend)
    assert caught.value is lost
    assert harness.charges() == before


def test_trouble_while_preparing_leaves_no_intent(harness: ProvidersHarness) -> None:
    """Those calls are free, so even a lost answer is only a reason to come back."""
    harness.trouble_before_paying()
    before = harness.charges()
    intended: list[Prepared] = []

    with pytest.raises(Busy):
        harness.providers.submit(harness.work("keyed job"), intended.append)
    assert intended == []
    assert harness.charges() == before


# --- the same again ------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer-lost"])
def test_a_request_repeated_under_its_key_is_one_job_and_one_charge(
    harness: ProvidersHarness, *, lost: bool
) -> None:
    """However often it is sent, and whether or not the first answer arrived."""
    work = harness.work("keyed job")
    before = harness.charges()
    intended: list[Prepared] = []
    named = []
    if lost:
        harness.trouble("keyed job", "answer lost")
        with pytest.raises(Unclear):
            harness.providers.submit(work, intended.append)
    else:
        named.append(harness.providers.submit(work, intended.append))

    named += [harness.providers.repeat(work, intended[0].request) for _ in range(2)]
    assert isinstance(named[0], Accepted)
    assert named == [named[0]] * len(named)
    assert harness.charges() == before + 1
    assert isinstance(harness.providers.poll(work.route, named[0].job_id), Pending)


def test_another_request_under_the_same_key_is_unclear(harness: ProvidersHarness) -> None:
    """Something was paid under this key, and it was not this."""
    work = harness.work("keyed job", scale=2)
    other = replace(work, params=work.route.params.model_validate({"scale": 4}))
    before = harness.charges()
    intended: list[Prepared] = []
    harness.providers.submit(work, intended.append)

    with pytest.raises(Unclear) as caught:
        harness.providers.submit(other, intended.append)
    assert caught.value.failure.code == "key-conflict"
    assert len(intended) == 2
    assert harness.charges() == before + 1


@pytest.mark.parametrize("way", ["at once", "job"])
def test_what_has_no_key_is_not_repeated(harness: ProvidersHarness, way: Way) -> None:
    """It would be paid twice."""
    work = harness.work(way)
    intended: list[Prepared] = []
    harness.providers.submit(work, intended.append)
    before = harness.charges()

    with pytest.raises(ValueError, match="must not be repeated"):
        harness.providers.repeat(work, intended[0].request)
    assert harness.charges() == before


# --- a paid call that goes wrong -----------------------------------------------------------------


@every_way
def test_a_refused_call_is_not_charged(harness: ProvidersHarness, way: Way) -> None:
    """The provider said no before it accepted anything; asked anew, it may say yes."""
    harness.trouble(way, "refused")
    before = harness.charges()
    with pytest.raises(ProviderRefused) as caught:
        submitted(harness, way)

    assert caught.value.failure.code == "provider-refused"
    assert harness.charges() == before
    submitted(harness, way)
    assert harness.charges() == before + 1


@every_way
def test_a_throttled_call_says_when_to_come_back(harness: ProvidersHarness, way: Way) -> None:
    """The seconds that the provider asked for; nothing was charged."""
    harness.trouble(way, "throttled")
    before = harness.charges()
    with pytest.raises(Throttled) as caught:
        submitted(harness, way)

    assert caught.value.retry_after_s == ASKED_S
    assert harness.charges() == before


@every_way
def test_a_lost_answer_is_unclear_and_was_charged_once(harness: ProvidersHarness, way: Way) -> None:
    """The intent is there to settle it by; nobody sends the call a second time on his own."""
    harness.trouble(way, "answer lost")
    before = harness.charges()
    intended: list[Prepared] = []
    with pytest.raises(Unclear) as caught:
        harness.providers.submit(harness.work(way), intended.append)

    assert caught.value.money_moved == "maybe"
    assert len(intended) == 1
    assert harness.charges() == before + 1
