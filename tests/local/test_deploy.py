"""A template that cannot be deployed as written is refused, with the names of the resources."""

from typing import Any

import pytest

from infra.local.deploy import DeployError, find_references, prepare
from tests.local.sample_template import Stack

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {}}


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    """A template of these resources and a queue."""
    return {"Resources": {"Queue": QUEUE, **resources}}


def test_all_kinds_of_reference_are_found() -> None:
    """References, attributes, substitutions and `DependsOn`; not pseudo parameters."""
    part = {
        "DependsOn": ["A", "B"],
        "Properties": [
            {"Ref": "C"},
            {"Ref": "AWS::Region"},
            {"Fn::GetAtt": ["D", "Arn"]},
            {"Fn::GetAtt": "E.Arn"},
            {"Fn::Sub": "${F}-${G.Arn}-${!Literal}-${AWS::AccountId}"},
            {"Fn::Sub": ["${H}-${Given}", {"Given": {"Ref": "I"}}]},
        ],
    }
    assert list(find_references(part)) == list("ABCDEFGHI")


def test_ignored_types_are_left_out() -> None:
    """No `DependsOn` refers to them."""
    prepared = prepare(
        template(
            Limits={"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}]}},
            Topic={"Type": "AWS::SNS::Topic", "DependsOn": ["Limits", "Queue"]},
            Other={"Type": "AWS::SNS::Topic", "DependsOn": "Limits"},
        )
    )
    assert set(prepared["Resources"]) == {"Queue", "Topic", "Other"}
    assert prepared["Resources"]["Topic"]["DependsOn"] == ["Queue"]
    assert "DependsOn" not in prepared["Resources"]["Other"]


def test_all_problems_are_listed() -> None:
    """An unsupported type, and references of a resource and of an output to nothing."""
    broken = template(
        Face={"Type": "AWS::Rekognition::Collection", "Properties": {}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Nothing"}}},
    )
    broken["Outputs"] = {"Url": {"Value": {"Ref": "Nowhere"}}}
    with pytest.raises(DeployError) as caught:
        prepare(broken)
    message = str(caught.value)
    assert "Face: AWS::Rekognition::Collection is not supported on one machine" in message
    assert "Topic: refers to Nothing, which does not exist" in message
    assert "Outputs: refers to Nowhere, which does not exist" in message


def test_circular_references_are_refused() -> None:
    """CloudFormation refuses them too; moto would deploy half of the template."""
    with pytest.raises(DeployError, match="circular references"):
        prepare(
            template(
                A={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "B"}}},
                B={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "A"}}},
            )
        )


def refuse(stack: Stack, name: str, **resources: dict[str, Any]) -> str:
    """The message with which a stack of these resources is refused."""
    with pytest.raises(DeployError) as caught:
        stack.emulator.deploy(template(**resources), name)
    return str(caught.value)


def test_attribute_without_a_value_is_refused(stack: Stack) -> None:
    """Otherwise a function's variable would silently be missing."""
    value = {"Fn::GetAtt": ["Sub", "Arn"]}
    message = refuse(
        stack,
        "attribute",
        Sub={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": value}},
    )
    assert "Sub" in message


def test_placeholder_without_a_substitution_is_refused(stack: Stack) -> None:
    """Otherwise the workflow would call a function named `${...}`."""
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${Forgotten}"}}}'
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": definition, "RoleArn": "arn:aws:iam::1:role/a"},
    }
    assert "no substitution for ${Forgotten}" in refuse(stack, "placeholder", Machine=machine)


def test_bucket_notification_to_a_queue_is_refused(stack: Stack) -> None:
    """Only notifications to EventBridge are supported."""
    wanted = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": "arn:a:b:c:d:e"}]}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"NotificationConfiguration": wanted}}
    assert "QueueConfigurations" in refuse(stack, "notification", Bucket=bucket)


def test_resource_that_moto_cannot_create_is_named(stack: Stack) -> None:
    """Type, logical id and reason, instead of an HTML page."""
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": "nobody", "EventSourceArn": "arn:aws:sqs:us-east-1:1:q"},
    }
    message = refuse(stack, "mapping", Mapping=mapping)
    assert "Mapping (AWS::Lambda::EventSourceMapping)" in message


def test_cron_schedule_is_refused(stack: Stack) -> None:
    """Only `rate()` is supported."""
    from infra.local.scheduler import UnknownScheduleError  # noqa: PLC0415 - used once

    rule = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "cron(0 8 * * ? *)"}}
    with pytest.raises(UnknownScheduleError, match="cron"):
        stack.emulator.deploy(template(Rule=rule), "dates")
