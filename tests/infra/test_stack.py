"""The stack as a whole: it deploys as it is, and environments do not collide."""

import json
from collections import Counter
from collections.abc import Mapping
from graphlib import TopologicalSorter

from tests.infra.conftest import Synthesis
from tests.infra.template import Template, as_text, references

PHYSICAL_NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def test_template_has_no_parameters(template: Template) -> None:
    """It deploys as it is, also where a parameter cannot be looked up."""
    assert "Parameters" not in template.body
    assert references([template.body["Resources"], template.body["Outputs"]]) <= set(
        template.body["Resources"]
    )


def test_resources_have_no_circular_references(template: Template) -> None:
    """The state machine calls functions that start its runs; that must not be a circle."""
    graph = {
        each.id: references(each.body) | set(each.body.get("DependsOn", ())) for each in template
    }
    assert set(TopologicalSorter(graph).static_order()) == set(graph)


def test_functions_that_are_invoked_at_once_are_created_after_the_workflow(
    template: Template,
) -> None:
    """They start its runs, and know it by name only."""
    machine = template.one("StepFunctions::StateMachine")
    for verb in ("intake", "sweep"):
        assert machine.id in template.function(verb).body["DependsOn"]


def test_two_environments_share_no_physical_name(templates: Mapping[str, Template]) -> None:
    """Several environments fit in one account."""
    owners: dict[tuple[str, str], str] = {}
    for name, template in templates.items():
        for resource in template:
            if resource.type in PHYSICAL_NAMES:
                own = as_text(resource[PHYSICAL_NAMES[resource.type]])
                assert f"darkroom-{name}" in own or f"darkroom/{name}/" in own
                assert owners.setdefault((resource.type, own), name) == name


def test_table_of_physical_names_is_complete(prod: Template) -> None:
    """A resource type with a physical name is in the table above."""
    unnamed = {each.type for each in prod} - set(PHYSICAL_NAMES)
    assert unnamed == {
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
    }
    for each in prod.of_type("IAM::Role"):
        assert each.get("RoleName") is None


def test_stack_is_pinned_and_protected_as_its_environment_says(synthesis: Synthesis) -> None:
    """The CDK's command compares the account with that of the credentials, and protects it."""
    assert _manifest(synthesis.guest) == ("aws://111122223333/eu-central-1", True)
    assert _manifest(synthesis.templates["prod"]) == ("aws://unknown-account/unknown-region", True)
    assert _manifest(synthesis.templates["dev"])[1] is False


def test_alarms_have_a_topic(synthesis: Synthesis) -> None:
    """By a topic of the stack for an e-mail address; an existing topic is only named."""
    bank = synthesis.templates["bank"]
    topic = bank.one("SNS::Topic")
    assert topic["TopicName"] == "darkroom-bank-alarms"
    subscription = bank.one("SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "night@example.com")
    statements = bank.one("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert {each["Effect"]: each["Condition"] for each in statements} == {
        "Allow": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        "Deny": {"Bool": {"aws:SecureTransport": "false"}},
    }
    for other in (synthesis.guest, synthesis.templates["prod"]):
        assert not other.of_type("SNS::Topic")


def test_every_resource_that_takes_tags_has_those_of_the_environment(
    templates: Mapping[str, Template],
) -> None:
    """So that its cost can be separated from others."""
    tag = {"Key": "team", "Value": "photos"}
    tagged = {each.type for each in templates["bank"] if tag in (each.get("Tags") or ())}
    assert tagged >= {
        f"AWS::{name}"
        for name in (
            *("DynamoDB::Table", "IAM::Role", "Lambda::Function", "Logs::LogGroup", "S3::Bucket"),
            *("SQS::Queue", "SecretsManager::Secret", "StepFunctions::StateMachine"),
        )
    }
    assert not any(each.get("Tags") for each in templates["prod"])


def test_extension_adds_to_the_stack(synthesis: Synthesis) -> None:
    """It gets the construct, with its bus, queues, buckets and table."""
    rule = synthesis.guest.one("Events::Rule", "FailedTasks")
    assert references(rule["EventBusName"]) == {synthesis.guest.one("Events::EventBus").id}
    (target,) = rule["Targets"]
    assert references(target["Arn"]) == {synthesis.guest.one("SQS::Queue", "DeadLetters").id}


def test_construct_works_in_a_stack_of_somebody_else(synthesis: Synthesis) -> None:
    """With what they need as properties, and the outputs that the command needs."""
    own, dev = synthesis.own, synthesis.templates["dev"]
    assert Counter(each.type for each in own) == Counter(each.type for each in dev)
    outputs = {name: each["Value"] for name, each in own.body["Outputs"].items()}
    assert set(outputs) > set(dev.body["Outputs"])
    assert outputs["PhotosName"] == outputs["InputBucket"]
    assert outputs["ResultsName"] == outputs["OutputBucket"]
    assert outputs["QueueName"] == outputs["IntakeQueueUrl"]
    assert outputs["BusName"] == outputs["EventBus"]
    assert outputs["TasksName"] == outputs["Table"]
    assert references(outputs["SubmitName"]) == {own.function("submit").id}


def test_stack_has_the_outputs_that_the_command_needs(template: Template) -> None:
    """Each output refers to the resource that it is named after."""
    assert {name: each["Value"] for name, each in template.body["Outputs"].items()} == {
        name: {"Ref": resource.id}
        for name, resource in {
            "InputBucket": template.one("S3::Bucket", "Input"),
            "OutputBucket": template.one("S3::Bucket", "Output"),
            "Table": template.one("DynamoDB::Table"),
            "StateMachineArn": template.one("StepFunctions::StateMachine"),
            "IntakeQueueUrl": template.one("SQS::Queue", "IntakeQueue"),
            "DeadLetterQueueUrl": template.one("SQS::Queue", "DeadLetters"),
            "EventBus": template.one("Events::EventBus"),
        }.items()
    }


def _manifest(template: Template) -> tuple[str, bool]:
    """Account and region of a stack, and whether it is protected, as the CDK's command reads it."""
    manifest = json.loads((template.folder / "manifest.json").read_text("utf-8"))
    (stack,) = (
        each
        for each in manifest["artifacts"].values()
        if each["type"] == "aws:cloudformation:stack"
    )
    return stack["environment"], bool(stack["properties"].get("terminationProtection"))
