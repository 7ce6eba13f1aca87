"""The template of a small stack with every kind of resource that the local environment supports."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.emulator import REGION, AwsEmulator

FUNCTIONS = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function"

WORKFLOW = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.does", "StringEquals": "wait", "Next": "Wait"},
                {"Variable": "$.does", "StringEquals": "reserved", "Next": "Reserved"},
            ],
            "Default": "Step",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.s", "Next": "Step"},
        "Step": {
            "Type": "Task",
            "Resource": "${StepFunction}",
            "ResultPath": "$.step",
            "TimeoutSeconds": 20,
            "Retry": [
                {"ErrorEquals": ["LookupError"], "IntervalSeconds": 1, "MaxAttempts": 1},
            ],
            "Catch": [
                {"ErrorEquals": ["Sandbox.Timedout"], "ResultPath": "$.error", "Next": "Done"},
            ],
            "Next": "Done",
        },
        "Reserved": {"Type": "Fail", "ErrorPath": "$.error", "Cause": "as requested"},
        "Done": {"Type": "Succeed"},
    },
}


@dataclass
class Stack:
    """The deployed sample stack. `notes_file` is where its functions write their events."""

    emulator: AwsEmulator
    outputs: dict[str, str]
    notes_file: Path
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator; one attempt."""
        if service not in self.clients:
            self.clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.emulator.url,
                region_name=REGION,
                aws_access_key_id="local",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self.clients[service]

    def notes(self) -> list[Any]:
        """What the functions have written so far, oldest first."""
        if not self.notes_file.exists():
            return []
        return [json.loads(line) for line in self.notes_file.read_text().splitlines()]

    def notes_with(self, *words: str) -> list[Any]:
        """The notes that contain all of these words."""
        return [note for note in self.notes() if all(word in json.dumps(note) for word in words)]


def build_template(notes: Path) -> dict[str, Any]:
    """The template of the sample stack."""
    return {
        "Resources": dict(_build_resources(notes)),
        "Outputs": {
            name: {"Value": value}
            for name, value in {
                "Bucket": {"Ref": "Bucket"},
                "Bus": {"Ref": "Bus"},
                "Queue": {"Ref": "Queue"},
                "Dead": {"Ref": "Dead"},
                "Heard": {"Ref": "Heard"},
                "Machine": {"Ref": "Machine"},
                "Secret": {"Ref": "Secret"},
                "Table": {"Ref": "Table"},
            }.items()
        },
    }


def _build_resources(notes: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    role = {"Service": "lambda.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": role, "Action": "sts:AssumeRole"}
    yield (
        "Role",
        _resource(
            "IAM::Role",
            AssumeRolePolicyDocument={"Statement": [statement]},
            Policies=[{"PolicyName": "all", "PolicyDocument": {"Statement": _build_rights()}}],
        ),
    )
    yield "Dead", _resource("SQS::Queue", QueueName="dead")
    yield "Heard", _resource("SQS::Queue", QueueName="heard")
    redrive = {"deadLetterTargetArn": _attribute("Dead", "Arn"), "maxReceiveCount": 2}
    yield (
        "Queue",
        _resource("SQS::Queue", QueueName="intake", VisibilityTimeout=1, RedrivePolicy=redrive),
    )
    yield (
        "Bucket",
        _resource(
            "S3::Bucket",
            BucketName="small-stack",
            VersioningConfiguration={"Status": "Enabled"},
            NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        ),
    )
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    yield (
        "Table",
        _resource(
            "DynamoDB::Table",
            KeySchema=[key],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ),
    )
    yield (
        "Secret",
        _resource("SecretsManager::Secret", Name="small/secret", SecretString='{"a": "b"}'),
    )
    yield "Bus", _resource("Events::EventBus", Name="small-bus")
    variables = {
        "NOTES": str(notes),
        "BUS": {"Ref": "Bus"},
        "SECRET": {"Ref": "Secret"},
        "TABLE": {"Ref": "Table"},
    }
    for name, handler in {
        "Echo": "echo",
        "Fail": "fail",
        "Note": "note",
        "NoteAndFail": "note_and_fail",
        "Batch": "batch",
        "Step": "step",
    }.items():
        yield (
            f"{name}Function",
            _resource(
                "Lambda::Function",
                FunctionName=handler,
                Handler=f"tiny.{handler}",
                Runtime="python3.14",
                Code={"S3Bucket": "never-uploaded", "S3Key": "code.zip"},
                Role=_attribute("Role", "Arn"),
                Timeout=3,
                Environment={"Variables": variables},
                LoggingConfig={"LogFormat": "JSON"},
                DeadLetterConfig={"TargetArn": _attribute("Dead", "Arn")},
            ),
        )
    yield (
        "Mapping",
        _resource(
            "Lambda::EventSourceMapping",
            EventSourceArn=_attribute("Queue", "Arn"),
            FunctionName={"Ref": "BatchFunction"},
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        ),
    )
    yield (
        "Machine",
        _resource(
            "StepFunctions::StateMachine",
            StateMachineName="small-machine",
            DefinitionString=json.dumps(WORKFLOW),
            DefinitionSubstitutions={"StepFunction": _attribute("StepFunction", "Arn")},
            RoleArn=_attribute("Role", "Arn"),
        ),
    )
    yield from _build_rules()


def _build_rules() -> Iterator[tuple[str, dict[str, Any]]]:
    heard = [{"Id": "heard", "Arn": _attribute("Heard", "Arn")}]
    note = [{"Id": "note", "Arn": _attribute("NoteFunction", "Arn")}]
    uploads = {"source": ["aws.s3"], "detail-type": ["Object Created", "Object Deleted"]}
    ends = {"source": ["aws.states"], "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]}}
    # Deployed first on purpose: a target that moto does not support must not stop the others.
    yield (
        "EveryMinute",
        _resource("Events::Rule", ScheduleExpression="rate(1 minute)", Targets=note),
    )
    yield "Uploads", _resource("Events::Rule", EventPattern=uploads, Targets=heard)
    off = {"EventPattern": uploads, "Targets": heard, "State": "DISABLED"}
    yield "Disabled", _resource("Events::Rule", **off)
    wrong_bus = {"EventPattern": uploads, "Targets": heard, "EventBusName": {"Ref": "Bus"}}
    yield "UploadsOnWrongBus", _resource("Events::Rule", **wrong_bus)
    asked = {"EventPattern": {"detail-type": ["Asked"]}, "EventBusName": {"Ref": "Bus"}}
    yield "Asked", _resource("Events::Rule", **asked, Targets=heard)
    yield "BadEnds", _resource("Events::Rule", EventPattern=ends, Targets=note)
    permission = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    yield (
        "NoteRules",
        _resource("Lambda::Permission", FunctionName={"Ref": "NoteFunction"}, **permission),
    )
    let_in = _allow("sqs:SendMessage", _attribute("Heard", "Arn"))
    let_in["Principal"] = {"Service": "events.amazonaws.com"}
    policy = {"Statement": [let_in]}
    yield (
        "HeardRules",
        _resource("SQS::QueuePolicy", Queues=[{"Ref": "Heard"}], PolicyDocument=policy),
    )


def _build_rights() -> list[dict[str, Any]]:
    """What Lambda's poller, the dead letters and the state machine need."""
    queue = _attribute("Queue", "Arn")
    return [
        *(
            _allow(f"sqs:{action}", queue)
            for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
        ),
        _allow("sqs:SendMessage", _attribute("Dead", "Arn")),
        _allow("lambda:InvokeFunction", {"Fn::Sub": f"{FUNCTIONS}:step"}),
    ]


def _allow(action: str, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def _attribute(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}
