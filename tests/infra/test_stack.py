"""The stack as a whole: it deploys as it is, and environments do not collide."""

from collections.abc import Mapping
from graphlib import TopologicalSorter

from tests.infra.template import Template, as_text, references

PHYSICAL_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
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
