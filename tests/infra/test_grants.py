"""Who may do what: exactly what each door needs, and nothing by wildcard."""

import pytest

from tests.infra.template import VERBS, Template

# AWS accepts only "*" for these; each list says what needs it.
NEEDS_EVERY_RESOURCE = {
    "xray:PutTelemetryRecords",  # X-Ray has no resource for traces
    "xray:PutTraceSegments",  # the same
    "xray:GetSamplingRules",  # the same, for the state machine
    "xray:GetSamplingTargets",  # the same, for the state machine
    "logs:CreateLogDelivery",  # the state machine's log: the delivery API has no resource
    "logs:DeleteLogDelivery",  # the same
    "logs:DescribeLogGroups",  # the same
    "logs:DescribeResourcePolicies",  # the same
    "logs:GetLogDelivery",  # the same
    "logs:ListLogDeliveries",  # the same
    "logs:PutResourcePolicy",  # the same
    "logs:UpdateLogDelivery",  # the same
}

READ = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
WRITE = {"s3:PutObject", "s3:AbortMultipartUpload"}
KEEP = {
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
}
EVERYWHERE = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "secretsmanager:GetSecretValue",
    *KEEP,
    *READ,
    *WRITE,
}
ACTIONS = {
    "intake": {
        "events:PutEvents",
        "states:StartExecution",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    "submit": set(),
    "poll": set(),
    "deliver": {"events:PutEvents"},
    "fail": {"events:PutEvents", "sqs:SendMessage"},
    "sweep": {
        "events:PutEvents",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
    },
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_door_may_do_what_it_does_and_no_more(template: Template, verb: str) -> None:
    """Its role holds the written-out actions, and no policy comes from elsewhere."""
    role = template.role(template.function(verb))
    assert set(template.allowed(role)) == EVERYWHERE | ACTIONS[verb]
    assert role.get("ManagedPolicyArns") is None
    assert not template.of_type("IAM::Policy")


@pytest.mark.parametrize("verb", VERBS)
def test_a_door_reaches_the_resources_of_its_own_stack_only(template: Template, verb: str) -> None:
    """Each action is allowed on the very resource that it is for."""
    allowed = template.allowed(template.role(template.function(verb)))
    source, results = (f"<{template.one('S3::Bucket', word).id}>" for word in ("Input", "Output"))
    table = f"<{template.one('DynamoDB::Table').id}>"
    machine = f"<{template.one('StepFunctions::StateMachine').id}>"
    queue, dead_letters = (
        f"<{template.one('SQS::Queue', word).id}>" for word in ("IntakeQueue", "DeadLetters")
    )
    readable = {results} if verb in {"poll", "sweep"} else {source, results}
    expected = {
        "s3:GetObject": {f"{bucket}/*" for bucket in readable},
        "s3:GetObjectVersion": {f"{bucket}/*" for bucket in readable},
        "s3:ListBucket": readable,
        "s3:PutObject": {f"{results}/*"},
        "s3:AbortMultipartUpload": {f"{results}/*"},
        "dynamodb:PutItem": {table},
        "secretsmanager:GetSecretValue": {
            f"<{each.id}>" for each in template.of_type("SecretsManager::Secret")
        },
        "events:PutEvents": {f"<{template.one('Events::EventBus').id}>"},
        "states:StartExecution": {machine},
        "sqs:ReceiveMessage": {queue},
        "sqs:DeleteMessage": {queue},
        "sqs:SendMessage": {dead_letters},
    }
    for action, resources in expected.items():
        if action in allowed:
            assert allowed[action] == resources, action


def test_only_sweep_asks_the_indexes(template: Template) -> None:
    """It asks each of them by name; the others know what they look for."""
    table = template.one("DynamoDB::Table")
    indexes = {
        f"<{table.id}>/index/{each['IndexName']}" for each in table["GlobalSecondaryIndexes"]
    }
    for verb in VERBS:
        queried = template.allowed(template.role(template.function(verb)))["dynamodb:Query"]
        assert queried == {f"<{table.id}>"} | (indexes if verb == "sweep" else set()), verb


def test_sweep_tends_the_runs_of_its_own_machine(template: Template) -> None:
    """A run's name is not known before it starts; its machine's is."""
    allowed = template.allowed(template.role(template.function("sweep")))
    machine = template.one("StepFunctions::StateMachine")
    for action in ("states:DescribeExecution", "states:StopExecution"):
        (arn,) = allowed[action]
        assert arn.endswith(f":execution:<{machine.id}>:*")


def test_the_workflow_invokes_its_four_doors_only(template: Template) -> None:
    """Intake and sweep are none of its business."""
    role = template.role(template.one("StepFunctions::StateMachine"), "RoleArn")
    allowed = template.allowed(role)
    assert allowed["lambda:InvokeFunction"] == {
        f"<{template.function(verb).id}>" for verb in ("submit", "poll", "deliver", "fail")
    }
    assert {action.split(":")[0] for action in allowed} == {"lambda", "logs", "xray"}


def test_no_permission_is_given_by_wildcard(template: Template) -> None:
    """Except where AWS knows no narrower resource; an action is never one."""
    for role in template.of_type("IAM::Role"):
        for action, resources in template.allowed(role).items():
            assert "*" not in action
            if "*" in resources:
                assert action in NEEDS_EVERY_RESOURCE


def test_each_door_writes_to_its_own_log(template: Template) -> None:
    """One door's role cannot write another door's lines."""
    for verb in VERBS:
        function = template.function(verb)
        allowed = template.allowed(template.role(function))
        log_group = function["LoggingConfig"]["LogGroup"]["Ref"]
        assert allowed["logs:PutLogEvents"] == {f"<{log_group}>"}
