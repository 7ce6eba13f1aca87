"""The six functions: their variables, code, runtime and logs."""

from pathlib import Path

import pytest

from infra.aws.environments import PROVIDERS
from tests.infra.conftest import Synthesis
from tests.infra.template import VERBS, Template, as_text, machine_arn, references

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


PREFERENCES = {
    "bank": ("DARKROOM_MONEY",),
    "local": tuple(
        f"DARKROOM_{name}" for name in ("LINGER_S", "LOOPBACK", "SETTLED_S", "TYPICAL_S")
    ),
}
"""Environment -> the variables of its settings."""


@pytest.mark.parametrize("verb", VERBS)
def test_functions_know_the_resources_of_their_own_stack(template: Template, verb: str) -> None:
    """Each variable refers to the resource that it is named after."""
    variables = template.variables(verb)
    assert variables["DARKROOM_ENVIRONMENT"] == template.environment
    assert variables["POWERTOOLS_SERVICE_NAME"] == verb
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Darkroom"
    expected = {
        "DARKROOM_INPUT_BUCKET": template.one("S3::Bucket", "Input"),
        "DARKROOM_OUTPUT_BUCKET": template.one("S3::Bucket", "Output"),
        "DARKROOM_TABLE": template.one("DynamoDB::Table"),
        "DARKROOM_EVENT_BUS": template.one("Events::EventBus"),
    }
    if verb == "intake":
        expected["DARKROOM_DEAD_LETTER_QUEUE_URL"] = template.one("SQS::Queue", "DeadLetters")
        expected["DARKROOM_INTAKE_QUEUE_URL"] = template.one("SQS::Queue", "IntakeQueue")
    assert {name: variables[name] for name in expected} == {
        name: {"Ref": resource.id} for name, resource in expected.items()
    }
    # By name: the state machine refers to the functions.
    assert as_text(variables["DARKROOM_STATE_MACHINE_ARN"]) == machine_arn(template)
    secrets = {
        f"DARKROOM_SECRET_{provider.upper()}": template.one(
            "SecretsManager::Secret", provider.capitalize()
        )["Name"]
        for provider in PROVIDERS
        if verb != "deliver"
    }
    assert {name: variables[name] for name in secrets} == secrets
    assert set(variables) == {
        *expected,
        *secrets,
        *PREFERENCES.get(template.environment, ()),
        "DARKROOM_ENVIRONMENT",
        "DARKROOM_STATE_MACHINE_ARN",
        "POWERTOOLS_LOG_LEVEL",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_SERVICE_NAME",
    }


@pytest.mark.parametrize("verb", VERBS)
def test_functions_have_their_file_in_the_asset(prod: Template, verb: str) -> None:
    """The handler of a function is in the code that is deployed with it."""
    function = prod.function(verb)
    assert function["Handler"] == f"{verb}.handler"
    assert (prod.asset(function, "Code") / f"{verb}.py").is_file()


def test_asset_is_the_functions_folder_without_caches(prod: Template) -> None:
    """Everything in the folder except notes for contributors and this machine's bytecode."""
    asset = prod.asset(prod.function("submit"), "Code")
    deployed = {path.relative_to(asset) for path in asset.rglob("*") if path.is_file()}
    source = {
        path.relative_to(FUNCTIONS)
        for path in FUNCTIONS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    }
    assert deployed == source


@pytest.mark.parametrize("verb", VERBS)
def test_functions_share_one_runtime_and_its_layer(template: Template, verb: str) -> None:
    """The layers are built for this runtime and this processor, and declare both."""
    function = template.function(verb)
    layers = {layer.id: layer for layer in template.of_type("Lambda::LayerVersion")}
    found = [layers[each["Ref"]] for each in function["Layers"]]
    for layer in found:
        assert [function["Runtime"]] == layer["CompatibleRuntimes"] == ["python3.14"]
        assert function["Architectures"] == layer["CompatibleArchitectures"] == ["arm64"]
    assert found[0].id.startswith("RuntimeLayer")
    others = [layer.id.startswith("PicturesLayer") for layer in found[1:]]
    assert others == [True] * (verb in ("submit", "poll", "deliver"))
    assert function["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("verb", VERBS)
def test_functions_write_json_logs_with_a_retention(template: Template, verb: str) -> None:
    """The log group belongs to the stack; the level never shows keys."""
    logging = template.function(verb)["LoggingConfig"]
    (log_group,) = references(logging["LogGroup"])
    assert template[log_group]["LogGroupName"].endswith(f"darkroom-{template.environment}-{verb}")
    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] == "INFO"
    assert template.variables(verb)["POWERTOOLS_LOG_LEVEL"] == "INFO"
    for each in template.of_type("Logs::LogGroup"):
        assert each["RetentionInDays"] > 0


def test_functions_have_the_settings_of_their_environment(synthesis: Synthesis) -> None:
    """Log level, retention, and how many run at once."""
    bank, guest = synthesis.templates["bank"], synthesis.guest
    for verb in VERBS:
        assert guest.function(verb)["LoggingConfig"]["ApplicationLogLevel"] == "WARN"
        assert guest.variables(verb)["POWERTOOLS_LOG_LEVEL"] == "WARN"
        reserved = bank.function(verb).get("ReservedConcurrentExecutions")
        assert reserved == (20 if verb == "submit" else None)
        (log_group,) = references(bank.function(verb)["LoggingConfig"]["LogGroup"])
        assert bank[log_group]["RetentionInDays"] == 90


@pytest.mark.parametrize("verb", VERBS)
def test_functions_keep_their_logical_ids(template: Template, verb: str) -> None:
    """With another one, a deployment would create a second function with the same name."""
    function = template.function(verb)
    assert function.id.startswith(f"{verb.capitalize()}DoorFunction")
    assert template.role(function).id.startswith(f"{verb.capitalize()}DoorRole")
