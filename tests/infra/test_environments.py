"""What differs between environments, and what must not."""

from typing import Any

import pytest

from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.money_settings import read_money_settings
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.price_settings import PriceSettings
from darkroom.domain.rate_limits import AccountLimits
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.registry import Adapters
from darkroom.settings import Settings
from infra.aws import environments
from infra.aws.environments import (
    MAX_NAME_LENGTH,
    PROVIDERS,
    Environment,
    check_preferences,
    find_environment,
)
from tests.fakes.inputs import InMemoryInputs

# The longest region name has 15 characters today; account ids have 12 digits.
ENDING_OF_MAX_LENGTH = "-output-" + 12 * "1" + "-" + 15 * "r"


@pytest.mark.parametrize("name", ["", "7up", "-a", "a-", "Prod", "a_b", "a.b", "a b", "a" * 19])
def test_name_that_is_invalid_in_a_bucket_name_is_refused(name: str) -> None:
    """Before any synthesis, with a message that says what is allowed."""
    with pytest.raises(ValueError, match="beginning with a letter"):
        find_environment(name)


def test_longest_name_fits_a_bucket_name() -> None:
    """Bucket names have at most 63 characters."""
    longest = find_environment("e" * MAX_NAME_LENGTH)
    assert len(longest.stack_name + ENDING_OF_MAX_LENGTH) <= 63


@pytest.mark.parametrize("name", ["staging", "prod", "feature-7"])
def test_data_is_kept_in_every_environment_that_is_not_for_development(name: str) -> None:
    """Also for a name that is not listed."""
    assert find_environment(name).keep


@pytest.mark.parametrize("name", ["local", "dev"])
def test_data_of_a_development_environment_is_deleted(name: str) -> None:
    """Its stack can be removed and created again with the same names."""
    assert not find_environment(name).keep


def test_every_provider_and_environment_has_its_own_secret() -> None:
    """Two environments never share a credential by accident."""
    names = {
        Environment(environment).secret_name(provider)
        for environment in ("dev", "prod")
        for provider in PROVIDERS
    }
    assert len(names) == 2 * len(PROVIDERS)


def test_preferences_reach_the_functions_as_json() -> None:
    """Only those that are set; loopback addresses are allowed in `local`, for the sandboxes."""
    variables = Environment(
        "shop",
        order={"upscale": ["perfect", "snapapi"]},
        options={"goapi": {"service_mode": "private"}},
        pace={"snapapi": {"share": 0.5}},
        money={"budget": {"usd": 50}, "max_price": {"credits": 3}, "guard_tasks": 6000},
        price={"apiframe": {"usd_per_credit": 0.01, "credits": {"upscale:topaz": 12}}},
        assume_price={"goapi": 250, "*": 20},
        linger_s=0,
    ).preferences
    needed = ("ENVIRONMENT", "INPUT_BUCKET", "OUTPUT_BUCKET", "TABLE", "EVENT_BUS")
    read = Settings.from_environment({**{f"DARKROOM_{name}": "x" for name in needed}, **variables})
    assert read.order == {"upscale": ("perfect", "snapapi")}
    assert read.options == {"goapi": {"service_mode": "private"}}
    assert read.pace == {"snapapi": AccountLimits(share=0.5)}
    rules = read_money_settings(read.money).as_rules()
    assert rules.budgets == (Budget(ENVIRONMENT, usd=50),)
    assert (rules.max_price, rules.guard_tasks) == (PriceLimit(credits=3), 6000)
    assert read.price == {"apiframe": PriceSettings(0.01, {"upscale:topaz": 12})}
    assert read.assume_price == {"goapi": 250, "*": 20}
    assert (read.linger_s, read.typical_s) == (0, None)
    assert not read.loopback
    assert Environment("shop").preferences == {}
    assert find_environment("local").preferences == {
        "DARKROOM_LOOPBACK": "1",
        "DARKROOM_LINGER_S": "4",
        "DARKROOM_TYPICAL_S": "2",
        "DARKROOM_SETTLED_S": "2",
    }


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_preferences_of_every_environment_are_valid(name: str) -> None:
    """A mistake in the list of environments is found here, not by a function that cannot start."""
    known = find_environment(name)
    driver = Driver(
        Adapters(known.options),
        lambda _provider: {},
        InMemoryInputs(),
        name,
        preferences=Preferences(known.order),
    )
    assert driver.routes()
    check_preferences(known)


@pytest.mark.parametrize(
    ("preferences", "sentence"),
    [
        ({"order": {"upscale": ["snapapy"]}}, "unknown one: 'snapapy'"),
        ({"options": {"snapapy": {}}}, "no options for: snapapy"),
        ({"pace": {"perfect": {"share": 0.5}}}, "set its share to at least 1,"),
        ({"pace": {"perfect": {"share": 2}}}, "share must be above 0 and at most 1"),
        ({"money": {"budget": {"per": "day"}}}, "'budget' is wrong: .*'credits', 'usd' or both"),
        ({"money": {"guard_tasks": 0}}, "'guard_tasks' is wrong"),
        ({"money": {"gard_tasks": 600}}, "'gard_tasks' is wrong"),
        ({"price": {"apifram": {}}}, "price names an unknown provider 'apifram'.*apiframe"),
        ({"price": {"apiframe": {"usd": 1}}}, "price of apiframe has no 'usd'"),
        ({"price": {"apiframe": {"usd_per_credit": -1}}}, "price must be a number that is not neg"),
        ({"price": {"apiframe": {"credits": {"upscal": 1}}}}, "has no 'upscal'.*upscale"),
        ({"price": {"apiframe": {"credits": {"upscale:tapaz": 1}}}}, "upscale:topaz"),
        ({"price": {"apiframe": {"as_of": "today"}}}, "as_of must be a date like 2026-01-31"),
        ({"assume_price": {"apifram": 1}}, "assume_price names an unknown provider 'apifram'"),
        ({"assume_price": {"*": float("nan")}}, "price must be a number that is not negative"),
    ],
)
def test_preferences_that_cannot_be_met_are_refused(
    monkeypatch: pytest.MonkeyPatch, preferences: dict[str, Any], sentence: str
) -> None:
    """Before a deployment, whose functions could not start."""
    monkeypatch.setitem(environments._KNOWN, "shop", Environment("shop", **preferences))
    with pytest.raises(ValueError, match=sentence):
        find_environment("shop")


@pytest.mark.parametrize(
    "preferences",
    [
        {"pace": {"perfect": {"share": 0.5, "open_jobs": 2}, "snapapi": {"share": 0.01}}},
        {"pace": {"goapi": {"share": 0.05}}, "order": {"*": ["goapi"]}},
        {
            "pace": {},
            "price": {"goapi": {"credits": {"animate": 9, "task:kling:effects": 30}}},
            "assume_price": {"*": 0},
        },
    ],
)
def test_preferences_that_can_be_met_are_accepted(
    monkeypatch: pytest.MonkeyPatch, preferences: dict[str, Any]
) -> None:
    """Shares of at least one job, small ones where jobs are not limited, prices of what exists."""
    monkeypatch.setitem(environments._KNOWN, "shop", Environment("shop", **preferences))
    assert find_environment("shop").pace == preferences["pace"]
