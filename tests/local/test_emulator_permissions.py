"""The emulator denies to functions, state machines, queue pollers and rules what policies deny."""

import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.deploy import DeployError
from infra.local.emulator import ACCOUNT, REGION
from infra.local.permissions.decision_point import DecisionPoint, NotAuthorizedError
from infra.local.permissions.intrinsics import Account
from infra.local.permissions.record import Record
from infra.local.queue_poller import EventSourceMapping, QueuePoller
from tests.local.sample_template import Stack
from tests.local.wait import wait_for

ECHO = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"


def denied(stack: Stack, *words: str) -> list[str]:
    """The sentences about what was denied that have all of these words."""
    return [one for one in stack.emulator.permissions.denied if all(word in one for word in words)]


def test_function_calls_with_its_own_key_and_the_rights_of_its_role(stack: Stack) -> None:
    """The key is in its variables; the user's key may do everything."""
    answer = stack.client("lambda").invoke(FunctionName="echo", Payload=b"{}")
    variables = json.loads(answer["Payload"].read())["environment"]
    key = variables["AWS_ACCESS_KEY_ID"]
    assert key == stack.emulator._point.key_of(ECHO)
    session = boto3.Session(key, variables["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    table = session.resource("dynamodb", endpoint_url=stack.emulator.url).Table(
        stack.outputs["Table"]
    )
    with pytest.raises(ClientError, match=r"assumed-role/.*/echo is not authorized") as caught:
        table.put_item(Item={"pk": "a"})
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    queue = session.client("sqs", endpoint_url=stack.emulator.url)
    queue.send_message(QueueUrl=stack.outputs["Dead"], MessageBody="allowed")
    stack.client("dynamodb").put_item(TableName=stack.outputs["Table"], Item={"pk": {"S": "a"}})


def test_rule_sends_to_a_queue_only_if_its_policy_lets_it_in(stack: Stack) -> None:
    """A queue that a user has made gets its policy from the user, as on AWS."""
    sqs, events = stack.client("sqs"), stack.client("events")
    url = sqs.create_queue(QueueName="closed")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    bus = {"EventBusName": stack.outputs["Bus"]}
    rule = events.put_rule(Name="own", EventPattern='{"source": ["own"]}', **bus)["RuleArn"]
    events.put_targets(Rule="own", Targets=[{"Id": "closed", "Arn": arn}], **bus)
    entry = {"Source": "own", "DetailType": "any", "Detail": "{}", **bus}

    events.put_events(Entries=[entry])
    assert denied(stack, "events.amazonaws.com", "sqs:sendmessage", arn)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_events(Entries=[entry])
    assert "Messages" in sqs.receive_message(QueueUrl=url)


def test_rule_calls_a_function_only_with_its_permission(stack: Stack) -> None:
    """ECHO has none."""
    events, word = stack.client("events"), str(uuid.uuid4())
    events.put_rule(Name="calls", EventPattern=json.dumps({"source": [word]}))
    events.put_targets(Rule="calls", Targets=[{"Id": "echo", "Arn": ECHO}])
    events.put_events(Entries=[{"Source": word, "DetailType": "any", "Detail": "{}"}])
    assert denied(stack, "events.amazonaws.com", "lambda:InvokeFunction", ECHO)


def test_state_machine_calls_a_function_only_if_its_role_may(stack: Stack) -> None:
    """Else the task fails, and with it the execution."""
    states = stack.client("stepfunctions")
    task: dict[str, Any] = {"Type": "Task", "Resource": ECHO, "End": True}
    machine = states.create_state_machine(
        name="without-rights",
        definition=json.dumps({"StartAt": "Echo", "States": {"Echo": task}}),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/none",
    )["stateMachineArn"]
    run = states.start_execution(stateMachineArn=machine)["executionArn"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=run)
        return None if found["status"] == "RUNNING" else found

    assert "is not authorized to perform: lambda:InvokeFunction" in wait_for(ended)["cause"]
    assert denied(stack, "assumed-role/none/", "lambda:InvokeFunction", ECHO)


def test_queue_is_not_polled_for_a_function_without_the_rights() -> None:
    """Lambda polls with the function's role."""
    mapping = EventSourceMapping(f"arn:aws:sqs:{REGION}:{ACCOUNT}:intake", ECHO)
    point = DecisionPoint(Account(ACCOUNT, REGION), Record())
    poller = QueuePoller(mapping, lambda *_: pytest.fail("it was called"), point)
    with pytest.raises(NotAuthorizedError, match="sqs:getqueueattributes"):
        poller._receive()


def test_template_with_a_policy_that_cannot_be_evaluated_is_not_deployed(stack: Stack) -> None:
    """A function would otherwise have other rights than on AWS."""
    managed = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    properties = {"AssumeRolePolicyDocument": {"Statement": []}, "ManagedPolicyArns": managed}
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    with pytest.raises(DeployError, match="AdministratorAccess is not known here"):
        stack.emulator.deploy({"Resources": {"Role": role}}, "unknown-policy")
