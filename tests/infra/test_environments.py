"""What differs between environments, and what must not."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.money_settings import read_money_settings
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.price_settings import PriceSettings
from darkroom.domain.rate_limits import AccountLimits
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.registry import Adapters
from darkroom.settings import Settings
from infra.aws.environments import (
    FILE,
    LOG_DAYS,
    MAX_NAME_LENGTH,
    PROVIDERS,
    Environment,
    build_environment,
    build_schema,
    check_preferences,
    find_environment,
)
from tests.fakes.environments_file import write_environments
from tests.fakes.inputs import InMemoryInputs

# The longest region name has 15 characters today; account ids have 12 digits.
ENDING_OF_MAX_LENGTH = "-output-" + 12 * "1" + "-" + 15 * "r"


@pytest.mark.parametrize("name", ["", "7up", "-a", "a-", "Prod", "a_b", "a.b", "a b", "a" * 19])
def test_name_that_is_invalid_in_a_bucket_name_is_refused(name: str) -> None:
    """Before any synthesis, with a message that says what is allowed."""
    with pytest.raises(ValueError, match="beginning with a letter"):
        Environment(name)


def test_longest_name_fits_a_bucket_name() -> None:
    """Bucket names have at most 63 characters."""
    longest = Environment("e" * MAX_NAME_LENGTH)
    assert len(longest.stack_name + ENDING_OF_MAX_LENGTH) <= 63


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_data_is_kept_in_every_environment_that_is_not_for_development(name: str) -> None:
    """Deleting it takes a setting that says so."""
    assert find_environment(name).keep


def test_data_is_kept_where_nothing_else_is_said() -> None:
    """An environment of the user's own begins safe."""
    assert Environment("shop").keep


def test_production_is_protected_from_deletion() -> None:
    """CloudFormation refuses to delete its stack."""
    assert find_environment("prod").termination_protection


def test_unknown_environment_is_refused_with_the_list() -> None:
    """A mistyped name would otherwise deploy a second, empty stack."""
    with pytest.raises(ValueError, match=r"local, dev, staging, prod\. Did you mean 'prod'\?"):
        find_environment("prdo")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"log_day": 7}, "'shop' has no setting 'log_day'; .*Did you mean 'log_days'?"),
        ({"name": "other"}, "'shop' has no setting 'name'"),
        ({"log_days": 10}, "log_days is 10, and CloudWatch keeps logs for one of 1, 3, 5, 7, 14, "),
        ({"log_days": True}, "'shop': log_days: "),
        ({"log_level": "DEBUG"}, "'shop': log_level: .*'INFO', 'WARN' or 'ERROR'"),
        ({"removal": "destroy"}, "'shop': removal: .*'keep' or 'delete'"),
        ({"account": "1234"}, "'shop': account: "),
        ({"account": 111122223333, "region": "eu-central-1"}, "'shop': account: "),
        ({"account": "111122223333"}, "account needs a region"),
        ({"region": "Frankfurt"}, "'shop': region: "),
        ({"intake_concurrency": 1}, "'shop': intake_concurrency: "),
        ({"reserved_concurrency": {"sumbit": 5}}, "'shop': reserved_concurrency"),
        ({"reserved_concurrency": {"intake": 5}}, "intake is below intake_concurrency"),
        ({"alarm_email": "nobody"}, "'shop': alarm_email: "),
        (
            {"alarm_email": "a@b.c", "alarm_topic_arn": "arn:aws:sns:eu-west-1:111122223333:a"},
            "either alarm_email or alarm_topic_arn",
        ),
        ({"input_bucket": "one-bucket", "output_bucket": "one-bucket"}, "must be two buckets"),
        ({"kms_key_arn": "alias/ours"}, "'shop': kms_key_arn: "),
        ({"permissions_boundary_arn": "boundary"}, "'shop': permissions_boundary_arn: "),
        ({"extension": "shop.py"}, "'shop': extension: "),
    ],
)
def test_setting_that_is_not_allowed_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    """With a sentence that names the environment and what would do."""
    write_environments(monkeypatch, tmp_path, {"shop": settings})
    with pytest.raises(ValueError, match=sentence):
        find_environment("shop")


def test_mistake_in_one_environment_does_not_stop_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Production can be deployed while somebody tries something."""
    write_environments(monkeypatch, tmp_path, {"shop": {"log_days": 10}, "prod": {}})
    assert find_environment("prod").name == "prod"


@pytest.mark.parametrize("days", LOG_DAYS)
def test_every_retention_that_cloudwatch_takes_is_allowed(days: int) -> None:
    """As the CDK knows them."""
    assert Environment("shop", log_days=days).log_days == days


def test_local_environment_takes_preferences_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And keeps the rest of what is right for one machine."""
    write_environments(monkeypatch, tmp_path, {"local": {"order": {"*": ["goapi"]}}})
    local = find_environment("local")
    assert (local.order, local.linger_s, local.keep) == ({"*": ["goapi"]}, 4, False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("log_days = 7", "outside of an environment"), ("[dev", "not valid TOML")],
)
def test_file_that_lists_no_environments_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, sentence: str
) -> None:
    """Instead of being read as something else."""
    write_environments(monkeypatch, tmp_path, {}).write_text(text)
    with pytest.raises(ValueError, match=sentence):
        find_environment("dev")


def test_missing_file_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its path."""
    write_environments(monkeypatch, tmp_path, {}).unlink()
    with pytest.raises(ValueError, match=r"there is no file .*environments\.toml"):
        find_environment("dev")


def test_dates_in_the_file_reach_the_functions_as_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TOML has dates, JSON has none."""
    path = write_environments(monkeypatch, tmp_path, {})
    path.write_text("[dev.price.apiframe]\nas_of = 2026-11-30\nusd_per_credit = 0.01")
    variables = find_environment("dev").preferences
    price = json.loads(variables["DARKROOM_PRICE"])
    assert price["apiframe"] == {"as_of": "2026-11-30", "usd_per_credit": 0.01}


def test_published_schema_is_that_of_the_settings() -> None:
    """If not: `python -m infra.aws.environments > infra/environments.schema.json`."""
    published = json.loads(FILE.with_name("environments.schema.json").read_text("utf-8"))
    assert published == json.loads(json.dumps(build_schema()))
    Draft202012Validator.check_schema(published)
    for each in published["additionalProperties"]["properties"].values():
        assert each["description"]


def test_shipped_file_and_its_example_satisfy_the_schema() -> None:
    """Editors accept what the product accepts, and the example in the comments works."""
    text = FILE.read_text("utf-8")
    example = re.sub(r"(?m)^# ?", "", text[text.index("# [shop]") :])
    tables = tomllib.loads(text) | tomllib.loads(example)
    validator = Draft202012Validator(build_schema())
    for name, table in tables.items():
        assert not list(validator.iter_errors({name: table})), name
        check_preferences(build_environment(name, table))
    assert list(validator.iter_errors({"shop": {"log_days": 10}}))
    assert list(validator.iter_errors({"shop": {"log_day": 7}}))


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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preferences: dict[str, Any], sentence: str
) -> None:
    """Before a deployment, whose functions could not start."""
    write_environments(monkeypatch, tmp_path, {"shop": preferences})
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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preferences: dict[str, Any]
) -> None:
    """Shares of at least one job, small ones where jobs are not limited, prices of what exists."""
    write_environments(monkeypatch, tmp_path, {"shop": preferences})
    assert find_environment("shop").pace == preferences["pace"]
