"""What is in the account: the free call of each provider that has one, against its sandbox."""

import pytest

from darkroom.domain.errors import AccountBlocked, Busy
from darkroom.domain.provider_jobs import Accepted
from tests.contract.providers.conftest import AnyHarness
from tests.contract.providers.harness import ProviderHarness

WITHOUT = "snapapi"
"""Documents no such call."""
ASKING = {
    "apiframe": "/v2/me",
    "perfect": "/s2s/v1.0/client/credit",
    "goapi": "/account/info",
}
"""Provider -> the path of its call."""
asked = pytest.mark.parametrize("harness", ASKING, indirect=True)


def _left(harness: ProviderHarness) -> int:
    harness.sandbox.world.jobs.settle()
    return harness.sandbox.world.ledger.balance


def test_balance_is_what_the_sandboxes_ledger_has(harness: ProviderHarness) -> None:
    """Before and after a paid job; asking costs nothing. One provider cannot be asked."""
    name = harness.sandbox.name
    if name == WITHOUT:
        assert harness.driver.balance(name) is None
        return
    harness.sandbox.account(credits=1234)
    before = harness.driver.balance(name)
    assert before is not None
    assert before.credits == 1234
    out = harness.submit(harness.work(harness.job_route))
    assert isinstance(out, Accepted)
    harness.finish(harness.job_route, out)
    charges = harness.charges()
    after = harness.driver.balance(name)
    assert after is not None
    assert after.credits == _left(harness) < 1234
    assert harness.charges() == charges


@asked
def test_balance_in_dollars_is_the_vendors_or_by_its_tariff(harness: ProviderHarness) -> None:
    """Where nobody says what a credit costs, it is not known."""
    harness.sandbox.account(credits=500)
    balance = harness.driver.balance(harness.sandbox.name)
    assert balance is not None
    assert balance.usd == {"goapi": 1.0}.get(harness.sandbox.name)


def test_balance_of_a_provider_without_a_key_is_refused(provider: AnyHarness) -> None:
    """With what to do, as its other calls."""
    name = provider.default_route.provider
    provider.forget_key()
    if name == WITHOUT:
        return
    with pytest.raises(AccountBlocked) as caught:
        provider.providers.balance(name)
    assert caught.value.failure.code == "not-set-up"
    assert caught.value.failure.next_step == provider.providers.set_up_hint(name)


@asked
def test_refused_key_is_named(harness: ProviderHarness) -> None:
    """Not the key itself."""
    name = harness.sandbox.name
    rule = {"match": {"path": ASKING[name]}, "do": {"status": 401, "body": {}}}
    harness.sandbox.faults(*[rule] * (harness.renewals + 1))
    with pytest.raises(AccountBlocked) as caught:
        harness.driver.balance(name)
    assert caught.value.failure.code == "bad-credentials"


@asked
@pytest.mark.parametrize("effect", [{"malformed": True}, {"truncate": 9}, {"status": 500}])
def test_answer_that_cannot_be_read_is_no_balance(
    harness: ProviderHarness, effect: dict[str, object]
) -> None:
    """Ask again later; an account is never empty because of it."""
    harness.sandbox.faults({"match": {"path": ASKING[harness.sandbox.name]}, "do": effect})
    with pytest.raises(Busy):
        harness.driver.balance(harness.sandbox.name)
