"""A template that cannot come to life as it is written is refused, by name."""

from typing import Any

import pytest

from infra.local.deploy import DeployError, find_references, prepare
from tests.local.stack import Stack

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {}}


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    """A template of these resources and a queue."""
    return {"Resources": {"Queue": QUEUE, **resources}}


def test_every_way_to_refer_is_found() -> None:
    """References, attributes, substitutions and order; pseudo parameters are none."""
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


def test_what_nothing_here_acts_on_is_left_out() -> None:
    """And nobody waits for it."""
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


def test_all_problems_are_named_at_once() -> None:
    """An unsupported type, a reference to nothing, an output of nothing."""
    broken = template(
        Face={"Type": "AWS::Rekognition::Collection", "Properties": {}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Nothing"}}},
    )
    broken["Outputs"] = {"Url": {"Value": {"Ref": "Nowhere"}}}
    with pytest.raises(DeployError) as caught:
        prepare(broken)
    message = str(caught.value)
    assert "Face: AWS::Rekognition::Collection is not supported on one machine" in message
    assert "Topic: refers to Nothing, which is not there" in message
    assert "Outputs: refers to Nowhere, which is not there" in message


def test_a_circle_is_refused() -> None:
    """CloudFormation refuses it too; moto would deploy half of it."""
    with pytest.raises(DeployError, match="a circle of references"):
        prepare(
            template(
                A={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "B"}}},
                B={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "A"}}},
            )
        )


def refuse(stack: Stack, name: str, **resources: dict[str, Any]) -> str:
    """What a stack of these resources is refused with."""
    with pytest.raises(DeployError) as caught:
        stack.cloud.deploy(template(**resources), name)
    return str(caught.value)


def test_an_attribute_without_a_value_is_refused(stack: Stack) -> None:
    """Otherwise a function's variable would silently be missing."""
    value = {"Fn::GetAtt": ["Sub", "Arn"]}
    said = refuse(
        stack,
        "attribute",
        Sub={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": value}},
    )
    assert "Sub" in said


def test_a_placeholder_without_a_substitution_is_refused(stack: Stack) -> None:
    """Otherwise the workflow would call a function named `${...}`."""
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${Forgotten}"}}}'
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": definition, "RoleArn": "arn:aws:iam::1:role/a"},
    }
    assert "no substitution for ${Forgotten}" in refuse(stack, "placeholder", Machine=machine)


def test_a_notification_that_would_never_come_is_refused(stack: Stack) -> None:
    """Only EventBridge is fed here."""
    wanted = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": "arn:a:b:c:d:e"}]}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"NotificationConfiguration": wanted}}
    assert "QueueConfigurations" in refuse(stack, "notification", Bucket=bucket)


def test_what_moto_cannot_make_is_named(stack: Stack) -> None:
    """Type, logical id and reason, instead of a page of HTML."""
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": "nobody", "EventSourceArn": "arn:aws:sqs:us-east-1:1:q"},
    }
    said = refuse(stack, "mapping", Mapping=mapping)
    assert "Mapping (AWS::Lambda::EventSourceMapping)" in said


def test_a_schedule_that_cannot_be_kept_is_refused(stack: Stack) -> None:
    """Nothing here waits for a date."""
    from infra.local.scheduler import UnknownScheduleError  # noqa: PLC0415 - used once

    rule = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "cron(0 8 * * ? *)"}}
    with pytest.raises(UnknownScheduleError, match="cron"):
        stack.cloud.deploy(template(Rule=rule), "dates")
