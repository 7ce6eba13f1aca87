"""The deployed functions: whether they can start, have their layers, and today's settings."""

import json
from typing import Any

from infra.aws.environments import Environment
from infra.aws.sizes import LAYERS
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding
from infra.cli.doctor.functions import PREFERENCES, check_functions
from tests.cli.doctor.scripted_aws import examined, find, levels, refusal

WITH_ALL = Environment(
    "shop",
    order={"upscale": ["perfect"]},
    options={"goapi": {}},
    pace={"snapapi": {"share": 0.5}},
    money={"guard_tasks": 9},
    price={"apiframe": {"usd_per_credit": 1}},
    assume_price={"*": 1},
    linger_s=1,
    typical_s=1,
    settled_s=1,
)


def configuration(name: str, **changes: Any) -> dict[str, Any]:
    """A function as deployed, with megabytes of layers."""
    verb: Any = name.rpartition("-")[2]
    arn = "arn:aws:lambda:eu-central-1:111122223333:layer:RuntimeLayer:3"
    layers = [{"Arn": arn, "CodeSize": 9_000_000} for _ in LAYERS[verb]]
    return {"State": "Active", "Layers": layers} | changes


def subject(settings: Environment | None = None, **of_poll: Any) -> Examined:
    """An environment in which POLL may differ."""

    def answer(FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        changes = of_poll if FunctionName.endswith("-poll") else {}
        return configuration(FunctionName, **changes)

    answers = {"lambda.get_function_configuration": answer}
    return examined(answers, **({"settings": settings} if settings else {}))


def find_one(check: str, found: list[Finding]) -> Finding:
    """The finding of one check."""
    [one] = [each for each in found if each.check == check]
    return one


def test_all_is_well() -> None:
    """Each has one finding."""
    found = find(check_functions, subject())
    assert levels(found) == ["ok", "ok", "ok"]


def test_function_that_is_missing_is_named() -> None:
    """Then the others say nothing."""
    answers = {"lambda.get_function_configuration": refusal("ResourceNotFoundException")}
    [found] = find(check_functions, examined(answers))
    assert (found.level, found.fix) == ("problem", "make deploy ENV=shop")
    assert found.sentence == "missing: intake, submit, poll, deliver, fail, sweep"


def test_function_that_lambda_cannot_run_is_named() -> None:
    """With Lambda's reason."""
    found = find(check_functions, subject(State="Failed", StateReason="the image is gone"))
    broken = find_one("functions", found)
    assert (broken.level, broken.sentence) == ("problem", "poll cannot run: the image is gone")


def test_placeholder_of_a_layer_is_a_problem() -> None:
    """It has a hundred bytes in place of megabytes."""
    arn = "arn:aws:lambda:eu-central-1:111122223333:layer:PicturesLayer:3"
    layers = [{"Arn": arn, "CodeSize": 160}] * 2
    empty = find_one("layers", find(check_functions, subject(Layers=layers)))
    assert (empty.level, empty.fix) == ("problem", "make layers && make deploy ENV=shop")
    assert empty.sentence == "poll has an empty layer (PicturesLayer)"
    none = find_one("layers", find(check_functions, subject(Layers=[])))
    assert none.sentence == "poll lacks a layer and cannot start"


def test_settings_that_were_not_deployed_are_named() -> None:
    """The functions go on with the old ones."""
    settings = Environment("shop", money={"guard_tasks": 600}, linger_s=4)
    found = find_one("settings", find(check_functions, subject(settings)))
    assert (found.level, found.fix) == ("warning", "make deploy ENV=shop")
    assert found.sentence == "intake has another money, linger_s than infra/environments.toml"
    variables = {"DARKROOM_ORDER": "{}"}
    removed = find_one(
        "settings", find(check_functions, subject(Environment={"Variables": variables}))
    )
    assert "poll has another order" in removed.sentence


def test_same_settings_in_another_layout_are_the_same() -> None:
    """What counts is the value."""
    settings = Environment("shop", money={"guard_tasks": 600})
    deployed = {"DARKROOM_MONEY": json.dumps({"guard_tasks": 600}, indent=2)}

    def answer(FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return configuration(FunctionName, Environment={"Variables": deployed})

    found = find(
        check_functions,
        examined({"lambda.get_function_configuration": answer}, settings=settings),
    )
    assert find_one("settings", found).level == "ok"


def test_every_preference_is_compared() -> None:
    """A new one must get into the list."""
    assert set(WITH_ALL.preferences) == set(PREFERENCES)
