"""Every policy of a template is found, and one of a kind that is not evaluated is refused."""

from typing import Any

import pytest

from infra.local.permissions.policy import Access, PolicyError, evaluate
from infra.local.permissions.template_policies import Policies, read_policies
from tests.infra.static_stack import ACCOUNT, StaticStack

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}
READ = Access("s3:GetObject", "arn:aws:s3:::photos/a.jpg")
ROLE = {"Type": "AWS::IAM::Role", "Properties": {}}
ROLE_ARN = f"arn:aws:iam::{ACCOUNT.id}:role/Role"


def read(**resources: dict[str, Any]) -> Policies:
    """The policies of a template with these resources, and a role."""
    template = {"Resources": {"Role": ROLE, **resources}}
    return read_policies(template, ACCOUNT, StaticStack(template))


def may_read(policies: Policies) -> bool:
    """Whether the role may read a photo."""
    return evaluate(READ, frozenset({ROLE_ARN}), policies.roles[ROLE_ARN]).allowed


def of(kind: str, **properties: Any) -> dict[str, Any]:
    """A resource."""
    return {"Type": f"AWS::{kind}", "Properties": properties}


def test_role_has_its_inline_policies_and_those_attached_to_it() -> None:
    """Both are evaluated; without any it has no rights."""
    document = {"Statement": [ALLOW]}
    inline = of("IAM::Role", Policies=[{"PolicyName": "a", "PolicyDocument": document}])
    attached = of("IAM::Policy", PolicyDocument=document, Roles=[{"Ref": "Role"}])
    assert not may_read(read())
    assert may_read(read(Role=inline))
    assert may_read(read(Policy=attached))


def test_lambdas_managed_policy_allows_logs() -> None:
    """The one that the CDK gives to every function."""
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = read(Role=of("IAM::Role", ManagedPolicyArns=[arn])).roles[ROLE_ARN]
    assert {grant.action for grant in role.grants()} == {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_function_names_its_role() -> None:
    """By reference."""
    policies = read(Echo=of("Lambda::Function", Role={"Fn::GetAtt": ["Role", "Arn"]}))
    assert policies.functions == {ACCOUNT.arn("lambda", "function:Echo"): ROLE_ARN}


@pytest.mark.parametrize("name", [{"Ref": "Echo"}, {"Fn::GetAtt": ["Echo", "Arn"]}])
def test_permission_lets_a_service_call_a_function(name: dict[str, Any]) -> None:
    """For the source that it names, and no other."""
    rule = ACCOUNT.arn("events", "rule/every-minute")
    permission = of(
        "Lambda::Permission",
        FunctionName=name,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
        SourceAccount=ACCOUNT.id,
    )
    echo = of("Lambda::Function", Role={"Fn::GetAtt": ["Role", "Arn"]})
    arn = ACCOUNT.arn("lambda", "function:Echo")
    policy = read(Echo=echo, Permission=permission).resources[arn]
    for source, account, allowed in (
        (rule, ACCOUNT.id, True),
        (f"{rule}-2", ACCOUNT.id, False),
        (rule, "999999999999", False),
    ):
        context = {"aws:sourcearn": source, "aws:sourceaccount": account}
        access = Access("lambda:InvokeFunction", arn, context)
        names = frozenset({"events.amazonaws.com"})
        assert evaluate(access, names, None, policy).allowed is allowed


@pytest.mark.parametrize(
    "refused",
    [
        of("IAM::ManagedPolicy", PolicyDocument={}, Roles=["Role"]),
        of("Events::EventBusPolicy", Statement={}),
        of("SecretsManager::ResourcePolicy", ResourcePolicy={}),
        of("IAM::Role", PermissionsBoundary="arn:aws:iam::aws:policy/x"),
        of("IAM::Role", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        of("DynamoDB::Table", ResourcePolicy={"PolicyDocument": {}}),
        of("Lambda::Permission", FunctionName="f", Action="a", Principal="b", EventSourceToken="t"),
        of("SQS::QueuePolicy", PolicyDocument={"Statement": []}, Queues=["https://sqs/q"]),
    ],
    ids=lambda resource: resource["Type"],
)
def test_policies_that_are_not_evaluated_are_refused(refused: dict[str, Any]) -> None:
    """They might deny, or allow, what is then decided without them."""
    with pytest.raises(PolicyError):
        read(Refused=refused)
