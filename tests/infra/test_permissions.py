"""The IAM rights of each function: exactly what it needs, without wildcards."""

import tomllib
from collections.abc import Mapping

import pytest

from infra.aws.environments import build_environment
from tests.infra.conftest import OWN
from tests.infra.template import VERBS, Template, as_list, as_text, machine_arn

BANK = build_environment("bank", tomllib.loads(OWN.read_text("utf-8"))["bank"])

LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
TRACE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}

# Every function may end a task, and starts the runs of the next in line.
EVERY_VERB = {
    "table": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    },
    "output bucket": {"s3:ListBucket"},
    "output objects": {"s3:GetObject", "s3:PutObject"},
    "bus": {"events:PutEvents"},
    "workflow": {"states:StartExecution"},
}

# Verb -> resource, by its name in `_resources` -> the allowed actions.
ALLOWED = {
    "intake": {
        **EVERY_VERB,
        "table": EVERY_VERB["table"] | {"dynamodb:BatchGetItem"},
        "input bucket": {"s3:ListBucket"},
        "input objects": {"s3:GetObject", "s3:GetObjectVersion"},
        "secrets": {"secretsmanager:GetSecretValue"},
        "intake queue": {
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        },
        "dead letters": {"sqs:SendMessage"},
    },
    "submit": {
        **EVERY_VERB,
        "input bucket": {"s3:ListBucket"},
        "input objects": {"s3:GetObject", "s3:GetObjectVersion"},
        "secrets": {"secretsmanager:GetSecretValue"},
    },
    "poll": {
        **EVERY_VERB,
        "input objects": {"s3:GetObject", "s3:GetObjectVersion"},
        "secrets": {"secretsmanager:GetSecretValue"},
    },
    "deliver": {
        **EVERY_VERB,
        "input objects": {"s3:GetObject", "s3:GetObjectVersion"},
    },
    "fail": {
        **EVERY_VERB,
        "secrets": {"secretsmanager:GetSecretValue"},
        "dead letters": {"sqs:SendMessage"},
    },
    "sweep": {
        **EVERY_VERB,
        "table": EVERY_VERB["table"] | {"dynamodb:BatchGetItem"},
        "index by-due": {"dynamodb:Query"},
        "index by-key": {"dynamodb:Query"},
        "index by-batch": {"dynamodb:Query"},
        "input bucket": {"s3:ListBucket"},
        "input objects": {"s3:GetObject", "s3:GetObjectVersion"},
        "secrets": {"secretsmanager:GetSecretValue"},
        "runs": {"states:DescribeExecution"},
    },
}


@pytest.mark.parametrize("verb", VERBS)
def test_function_has_exactly_these_rights(template: Template, verb: str) -> None:
    """Every pair of action and resource in its role is in the table above, and none is missing."""
    role = template.role(template.function(verb))
    resources = _resources(template, verb)
    expected = {
        (action, resource)
        for place, actions in {
            **ALLOWED[verb],
            "log": LOG,
            "anywhere": TRACE,
            "key": KEY if template.environment == "bank" else set(),
        }.items()
        for action in actions
        for resource in resources[place]
    }
    assert {
        (action, resource) for action, there in template.allowed(role).items() for resource in there
    } == expected


@pytest.mark.parametrize("verb", VERBS)
def test_function_has_no_other_policies(template: Template, verb: str) -> None:
    """No managed policy, and none that a construct has added."""
    role = template.role(template.function(verb))
    assert role.get("ManagedPolicyArns") is None
    assert not template.of_type("IAM::Policy")
    assert not any(each.get("Roles") for each in template.of_type("IAM::ManagedPolicy"))


def test_functions_with_secret_names_are_those_that_may_read_them(template: Template) -> None:
    """A name without the right would fail late; a right without the name is useless."""
    for verb in VERBS:
        named = any(name.startswith("DARKROOM_SECRET_") for name in template.variables(verb))
        assert named == ("secrets" in ALLOWED[verb]), verb


def test_workflow_may_invoke_its_four_functions_only(template: Template) -> None:
    """INTAKE and SWEEP are not among them."""
    role = template.role(template.one("StepFunctions::StateMachine"), "RoleArn")
    allowed = template.allowed(role)
    assert allowed["lambda:InvokeFunction"] == {
        f"<{template.function(verb).id}>" for verb in ("submit", "poll", "deliver", "fail")
    }
    assert {action.split(":")[0] for action in allowed} == {"lambda", "logs", "xray"}


@pytest.mark.parametrize("verb", VERBS)
def test_key_is_used_through_services_that_the_function_needs(
    templates: Mapping[str, Template], verb: str
) -> None:
    """No function decrypts anything with it by itself."""
    bank = templates["bank"]
    (policy,) = bank.role(bank.function(verb))["Policies"]
    through = {
        statement["Action"]: {
            as_text(host).split(".")[0]
            for host in as_list(statement["Condition"]["StringEquals"]["kms:ViaService"])
        }
        for statement in policy["PolicyDocument"]["Statement"]
        if str(statement["Action"]).startswith("kms:")
    }
    sends = {"sqs"} if any("sqs:SendMessage" in each for each in ALLOWED[verb].values()) else set()
    secrets = {"secretsmanager"} if "secrets" in ALLOWED[verb] else set()
    assert through == {
        "kms:Decrypt": {"dynamodb", "s3"} | sends | secrets,
        "kms:GenerateDataKey": {"s3"} | sends,
    }


def test_permissions_boundary_bounds_every_role(templates: Mapping[str, Template]) -> None:
    """Some accounts allow no role without one."""
    bounds = {each.get("PermissionsBoundary") for each in templates["bank"].of_type("IAM::Role")}
    assert bounds == {BANK.permissions_boundary_arn}
    assert {each.get("PermissionsBoundary") for each in templates["prod"].of_type("IAM::Role")} == {
        None
    }


def _resources(template: Template, verb: str) -> dict[str, set[str]]:
    """Names of the table above -> resources as in a role."""
    source, results = (f"<{template.one('S3::Bucket', word).id}>" for word in ("Input", "Output"))
    table = template.one("DynamoDB::Table").id
    log_group = template.function(verb)["LoggingConfig"]["LogGroup"]["Ref"]
    return {
        "table": {f"<{table}>"},
        "index by-due": {f"<{table}>/index/by-due"},
        "index by-key": {f"<{table}>/index/by-key"},
        "index by-batch": {f"<{table}>/index/by-batch"},
        "input bucket": {source},
        "input objects": {f"{source}/*"},
        "output bucket": {results},
        "output objects": {f"{results}/*"},
        "secrets": {f"<{each.id}>" for each in template.of_type("SecretsManager::Secret")},
        "bus": {f"<{template.one('Events::EventBus').id}>"},
        "workflow": {machine_arn(template)},
        "runs": {
            f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:darkroom-{template.environment}:*"
        },
        "intake queue": {f"<{template.one('SQS::Queue', 'IntakeQueue').id}>"},
        "dead letters": {f"<{template.one('SQS::Queue', 'DeadLetters').id}>"},
        "log": {f"<{log_group}>"},
        "anywhere": {"*"},
        "key": {str(BANK.kms_key_arn)},
    }
