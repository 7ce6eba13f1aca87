"""What differs between environments, and what never may."""

import pytest

from darkroom.domain.rate_limits import AccountLimits
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.registry import build_adapters
from darkroom.settings import Settings
from infra.aws.environments import MAX_NAME_LENGTH, PROVIDERS, Environment, find_environment
from tests.fakes.inputs import InMemoryInputs

# The longest that AWS uses today is 15 long; account ids have 12 digits.
ENDING_OF_MAX_LENGTH = "-output-" + 12 * "1" + "-" + 15 * "r"


@pytest.mark.parametrize("name", ["", "7up", "-a", "a-", "Prod", "a_b", "a.b", "a b", "a" * 19])
def test_a_name_that_no_bucket_can_bear_is_refused(name: str) -> None:
    """The refusal comes before any synthesis and says what is allowed."""
    with pytest.raises(ValueError, match="beginning with a letter"):
        find_environment(name)


def test_the_longest_name_still_fits_a_bucket() -> None:
    """Bucket names have at most 63 characters."""
    longest = find_environment("e" * MAX_NAME_LENGTH)
    assert len(longest.stack_name + ENDING_OF_MAX_LENGTH) <= 63


@pytest.mark.parametrize("name", ["staging", "prod", "feature-7"])
def test_what_is_stored_is_kept_unless_the_environment_is_for_trying(name: str) -> None:
    """A name that is not listed is on the safe side, too."""
    assert find_environment(name).keep


@pytest.mark.parametrize("name", ["local", "dev"])
def test_an_environment_for_trying_leaves_nothing_behind(name: str) -> None:
    """Its stack can be removed and made again under the same names."""
    assert not find_environment(name).keep


def test_every_provider_has_a_secret_of_its_own_in_every_environment() -> None:
    """Two environments never share a credential by accident."""
    names = {
        Environment(environment).secret_name(provider)
        for environment in ("dev", "prod")
        for provider in PROVIDERS
    }
    assert len(names) == 2 * len(PROVIDERS)


def test_what_is_preferred_reaches_the_functions_as_json() -> None:
    """Only what an environment says; the sandboxes' machine is allowed where they run."""
    said = Environment(
        "shop",
        order={"upscale": ["perfect", "snapapi"]},
        options={"goapi": {"service_mode": "private"}},
        pace={"snapapi": {"share": 0.5}},
    ).preferences
    needed = ("ENVIRONMENT", "INPUT_BUCKET", "OUTPUT_BUCKET", "TABLE", "EVENT_BUS")
    read = Settings.from_environment({**{f"DARKROOM_{name}": "x" for name in needed}, **said})
    assert read.order == {"upscale": ("perfect", "snapapi")}
    assert read.options == {"goapi": {"service_mode": "private"}}
    assert read.pace == {"snapapi": AccountLimits(share=0.5)}
    assert not read.loopback
    assert Environment("shop").preferences == {}
    assert find_environment("local").preferences == {"DARKROOM_LOOPBACK": "1"}


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_what_an_environment_prefers_is_understood(name: str) -> None:
    """A slip in the list of environments is found here and not by a function that cannot start."""
    known = find_environment(name)
    driver = Driver(
        build_adapters(known.options),
        lambda _provider: {},
        InMemoryInputs(),
        name,
        preferences=Preferences(known.order),
    )
    assert driver.routes()
