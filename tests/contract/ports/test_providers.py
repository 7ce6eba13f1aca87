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
from tests.contract.ports.provider_benches import (
    ASKED_S,
    WAYS,
    ProvidersBench,
    Way,
    submitted,
)

every_way = pytest.mark.parametrize("way", WAYS)


# --- what they say of themselves -----------------------------------------------------------------


def test_every_provider_declares_routes_and_a_tariff(bench: ProvidersBench) -> None:
    """No route is there twice; a tariff says since when it holds, and where it was read."""
    routes = bench.providers.routes()
    named = [(route.provider, route.operation, route.model) for route in routes]
    assert len(set(named)) == len(named) > 0

    for provider in {route.provider for route in routes}:
        tariff = bench.providers.tariff(provider)
        assert date.fromisoformat(tariff.as_of)
        assert tariff.source
        assert tariff.usd_per_credit is None or tariff.usd_per_credit > 0


def test_the_order_of_preference_does_not_change(bench: ProvidersBench) -> None:
    """Asked again, the same routes come in the same order."""
    assert list(bench.providers.routes()) == list(bench.providers.routes())


def test_a_provider_is_set_up_as_long_as_it_has_a_key(bench: ProvidersBench) -> None:
    """The hint names the provider that lacks one; the others work on."""
    other, lacking = (bench.route(way).provider for way in ("at once", "keyed job"))
    assert bench.providers.set_up(lacking) is True
    bench.forget_key(lacking)

    assert bench.providers.set_up(lacking) is False
    assert bench.providers.set_up(other) is True
    assert lacking in bench.providers.set_up_hint(lacking)


def test_without_a_key_nothing_is_asked_or_paid(bench: ProvidersBench) -> None:
    """It is refused before there is an intent; the next step is the hint."""
    work = bench.work("keyed job")
    bench.forget_key(work.route.provider)
    before = bench.charges()

    intended: list[Prepared] = []
    with pytest.raises(AccountBlocked) as caught:
        bench.providers.submit(work, intended.append)
    assert caught.value.failure.code == "not-set-up"
    assert caught.value.failure.next_step == bench.providers.set_up_hint(work.route.provider)
    assert intended == []
    assert bench.charges() == before


# --- a paid call that goes well ------------------------------------------------------------------


@every_way
def test_two_tasks_are_two_jobs_and_two_charges(bench: ProvidersBench, way: Way) -> None:
    """Nothing is taken for a repetition that is none."""
    before = bench.charges()
    one, other = (submitted(bench, way) for _ in range(2))

    assert one != other
    assert bench.charges() == before + 2


# --- the intent ----------------------------------------------------------------------------------


@every_way
def test_the_intent_comes_once_and_before_the_money(bench: ProvidersBench, way: Way) -> None:
    """It holds the exact request, and a digest of every input."""
    work = bench.work(way)
    before = bench.charges()
    intended: list[Prepared] = []
    charged: list[int] = []

    def intend(prepared: Prepared) -> None:
        intended.append(prepared)
        charged.append(bench.charges())

    bench.providers.submit(work, intend)
    assert charged == [before]
    assert intended[0].request
    assert set(intended[0].sha256) == {file.key for files in work.inputs.values() for file in files}
    for digest in intended[0].sha256.values():
        assert re.fullmatch("[0-9a-f]{64}", digest)


@every_way
def test_what_the_intent_raises_passes_through_unpaid(bench: ProvidersBench, way: Way) -> None:
    """An intent that could not be written down is no leave to pay."""
    before = bench.charges()
    lost = Conflict("Someone else was first.")

    def intend(_prepared: Prepared) -> None:
        raise lost

    with pytest.raises(Conflict) as caught:
        bench.providers.submit(bench.work(way), intend)
    assert caught.value is lost
    assert bench.charges() == before


def test_trouble_while_preparing_leaves_no_intent(bench: ProvidersBench) -> None:
    """Those calls are free, so even a lost answer is only a reason to come back."""
    bench.trouble_before_paying()
    before = bench.charges()
    intended: list[Prepared] = []

    with pytest.raises(Busy):
        bench.providers.submit(bench.work("keyed job"), intended.append)
    assert intended == []
    assert bench.charges() == before


# --- the same again ------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer-lost"])
def test_a_request_repeated_under_its_key_is_one_job_and_one_charge(
    bench: ProvidersBench, *, lost: bool
) -> None:
    """However often it is sent, and whether or not the first answer arrived."""
    work = bench.work("keyed job")
    before = bench.charges()
    intended: list[Prepared] = []
    named = []
    if lost:
        bench.trouble("keyed job", "answer lost")
        with pytest.raises(Unclear):
            bench.providers.submit(work, intended.append)
    else:
        named.append(bench.providers.submit(work, intended.append))

    named += [bench.providers.repeat(work, intended[0].request) for _ in range(2)]
    assert isinstance(named[0], Accepted)
    assert named == [named[0]] * len(named)
    assert bench.charges() == before + 1
    assert isinstance(bench.providers.poll(work.route, named[0].job_id), Pending)


def test_another_request_under_the_same_key_is_unclear(bench: ProvidersBench) -> None:
    """Something was paid under this key, and it was not this."""
    work = bench.work("keyed job", scale=2)
    other = replace(work, params=work.route.params.model_validate({"scale": 4}))
    before = bench.charges()
    intended: list[Prepared] = []
    bench.providers.submit(work, intended.append)

    with pytest.raises(Unclear) as caught:
        bench.providers.submit(other, intended.append)
    assert caught.value.failure.code == "key-conflict"
    assert len(intended) == 2
    assert bench.charges() == before + 1


@pytest.mark.parametrize("way", ["at once", "job"])
def test_what_has_no_key_is_not_repeated(bench: ProvidersBench, way: Way) -> None:
    """It would be paid twice."""
    work = bench.work(way)
    intended: list[Prepared] = []
    bench.providers.submit(work, intended.append)
    before = bench.charges()

    with pytest.raises(ValueError, match="must not be repeated"):
        bench.providers.repeat(work, intended[0].request)
    assert bench.charges() == before


# --- a paid call that goes wrong -----------------------------------------------------------------


@every_way
def test_a_refused_call_is_not_charged(bench: ProvidersBench, way: Way) -> None:
    """The provider said no before it accepted anything; asked anew, it may say yes."""
    bench.trouble(way, "refused")
    before = bench.charges()
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, way)

    assert caught.value.failure.code == "provider-refused"
    assert bench.charges() == before
    submitted(bench, way)
    assert bench.charges() == before + 1


@every_way
def test_a_throttled_call_says_when_to_come_back(bench: ProvidersBench, way: Way) -> None:
    """The seconds that the provider asked for; nothing was charged."""
    bench.trouble(way, "throttled")
    before = bench.charges()
    with pytest.raises(Throttled) as caught:
        submitted(bench, way)

    assert caught.value.retry_after_s == ASKED_S
    assert bench.charges() == before


@every_way
def test_a_lost_answer_is_unclear_and_was_charged_once(bench: ProvidersBench, way: Way) -> None:
    """The intent is there to settle it by; nobody sends the call a second time on his own."""
    bench.trouble(way, "answer lost")
    before = bench.charges()
    intended: list[Prepared] = []
    with pytest.raises(Unclear) as caught:
        bench.providers.submit(bench.work(way), intended.append)

    assert caught.value.money_moved == "maybe"
    assert len(intended) == 1
    assert bench.charges() == before + 1
