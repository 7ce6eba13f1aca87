"""Policies are evaluated as IAM does, and what cannot be evaluated is refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from infra.local.permissions.policy import (
    NOTHING,
    Access,
    Decision,
    Policy,
    PolicyError,
    evaluate,
    read_policy,
)

TABLE = "arn:aws:dynamodb:eu-central-1:111122223333:table/tasks"
QUEUE = "arn:aws:sqs:eu-central-1:111122223333:intake"
ROLE = "arn:aws:iam::111122223333:role/submit"
EVENTS = "events.amazonaws.com"


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """A statement about putting items into the table, with changes."""
    return {"Effect": effect, "Action": "dynamodb:PutItem", "Resource": TABLE, **more}


def identity(*statements: dict[str, Any]) -> Policy:
    """The policy of a role."""
    return Policy(read_policy({"Statement": list(statements)}, "Role", "identity-based"))


def resource(*statements: dict[str, Any]) -> Policy:
    """The policy of a resource."""
    return Policy(read_policy({"Statement": list(statements)}, "Queue", "resource-based"))


def decide(
    policy: Policy | None,
    of_resource: Policy = NOTHING,
    *,
    action: str = "dynamodb:PutItem",
    on: str = TABLE,
    context: Mapping[str, str] = MappingProxyType({}),
) -> Decision:
    """What a role, or EventBridge without a policy of its own, is answered."""
    names = frozenset({"*", EVENTS if policy is None else ROLE})
    return evaluate(Access(action, on, context), names, policy, of_resource)


def test_nothing_is_allowed_that_no_policy_allows() -> None:
    """The reason names the action, in AWS's words."""
    decision = decide(identity(statement(Action="dynamodb:GetItem")))
    assert not decision.allowed
    assert decision.reason == "because no identity-based policy allows the dynamodb:PutItem action"


@pytest.mark.parametrize("order", [1, -1], ids=["allow first", "deny first"])
def test_a_deny_wins_over_every_allow(order: int) -> None:
    """Wherever it stands."""
    decision = decide(identity(*[statement(), statement("Deny")][::order]))
    assert decision.reason == "with an explicit deny in an identity-based policy"


def test_a_deny_of_the_resource_wins_over_the_role() -> None:
    """And the other way round."""
    denies, allows = statement("Deny", Principal="*"), statement(Principal={"AWS": ROLE})
    decision = decide(identity(statement()), resource(denies))
    assert decision.reason == "with an explicit deny in a resource-based policy"
    assert not decide(identity(statement("Deny")), resource(allows)).allowed


def test_within_an_account_either_policy_allows() -> None:
    """The role's own, or the resource's that names the role; the grant says which one."""
    allows = resource(statement(Principal={"AWS": [ROLE]}))
    of_role, of_resource = decide(identity(statement())).grant, decide(identity(), allows).grant
    assert (of_role and of_role.holder, of_resource and of_resource.holder) == ("Role", "Queue")
    another = resource(statement(Principal={"AWS": f"{ROLE}-2"}))
    assert not decide(identity(), another).allowed


def test_a_service_needs_the_policy_of_the_resource() -> None:
    """It has no policy of its own, and another service's name does not let it in."""
    assert decide(None, resource(statement(Principal={"Service": EVENTS}))).allowed
    decision = decide(None, resource(statement(Principal={"Service": "sns.amazonaws.com"})))
    assert decision.reason == "because no resource-based policy allows the dynamodb:PutItem action"


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("dynamodb:putitem", "dynamodb:PutItem", True),
        ("dynamodb:Put*", "dynamodb:PutItem", True),
        ("dynamodb:???Item", "dynamodb:PutItem", True),
        ("dynamodb:??Item", "dynamodb:PutItem", False),
        ("dynamodb:*", "s3:PutObject", False),
        ("*", "s3:PutObject", True),
    ],
)
def test_actions_match_by_wildcard_in_any_case(pattern: str, action: str, *, matches: bool) -> None:
    """As in "IAM JSON policy elements: Action"."""
    assert decide(identity(statement(Action=pattern)), action=action).allowed is matches


@pytest.mark.parametrize(
    ("pattern", "arn", "matches"),
    [
        (TABLE, TABLE, True),
        (TABLE, f"{TABLE}/index/by-due", False),
        (f"{TABLE}/index/*", f"{TABLE}/index/by-due", True),
        ("arn:aws:s3:::out/*", "arn:aws:s3:::out/a/b:c\n.jpg", True),
        ("arn:aws:s3:::out/*", "arn:aws:s3:::out", False),
        ("arn:aws:s3:::out/a?c", "arn:aws:s3:::out/abc", True),
        ("arn:aws:s3:::out.x", "arn:aws:s3:::out-x", False),
        ("arn:aws:s3:::OUT", "arn:aws:s3:::out", False),
        ("arn:aws:states:*:1:execution:m:*", "arn:aws:states:eu:1:execution:m:run", True),
        # A wildcard within a part does not reach into the next one.
        ("arn:aws:sqs:e*u:1:q", "arn:aws:sqs:e:u:1:q", False),
        ("arn:aws:sqs:e?:1:q", "arn:aws:sqs:e::1:q", False),
        # One that ends a part may.
        ("arn:aws:sqs:*:q", "arn:aws:sqs:eu:1:q", True),
        ("*", "anything", True),
    ],
)
def test_resources_match_part_by_part(pattern: str, arn: str, *, matches: bool) -> None:
    """As in "IAM JSON policy elements: Resource"."""
    assert decide(identity(statement(Resource=pattern)), on=arn).allowed is matches


@pytest.mark.parametrize(
    ("operator", "key", "value", "fulfilled", "not_fulfilled"),
    [
        ("StringEquals", "aws:SourceAccount", ["1", "2"], "2", "3"),
        ("StringEquals", "aws:SourceAccount", "a*", "a*", "ab"),
        ("StringLike", "aws:SourceAccount", "a*", "ab", "ba"),
        (
            "ArnEquals",
            "aws:SourceArn",
            "arn:aws:events:eu:1:rule/*",
            "arn:aws:events:eu:1:rule/a",
            "arn:aws:events:us:1:rule/a",
        ),
        (
            "ArnLike",
            "aws:sourcearn",
            "arn:aws:events:*:1:rule/a",
            "arn:aws:events:eu:1:rule/a",
            "arn:aws:events:eu:1:rule/b",
        ),
        ("Bool", "aws:SecureTransport", False, "false", "true"),
        ("Bool", "aws:SecureTransport", "False", "false", "true"),
    ],
)
def test_condition_operators(
    operator: str, key: str, value: Any, fulfilled: str, not_fulfilled: str
) -> None:
    """Any of several values; a request without the key does not fulfil it."""
    policy = identity(statement(Condition={operator: {key: value}}))
    assert decide(policy, context={key.lower(): fulfilled}).allowed
    assert not decide(policy, context={key.lower(): not_fulfilled}).allowed
    assert not decide(policy).allowed


def test_null_asks_whether_a_key_is_absent() -> None:
    """It is "true" for a key that the request does not have."""
    absent, present = (
        identity(statement(Condition={"Null": {"aws:SourceArn": value}}))
        for value in ("true", False)
    )
    assert decide(absent).allowed
    assert not decide(present).allowed
    assert decide(present, context={"aws:sourcearn": "arn:aws:sqs:::a"}).allowed


def test_all_conditions_of_a_statement_must_hold() -> None:
    """Of several operators and keys."""
    condition = {
        "StringEquals": {"aws:SourceAccount": "1"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    policy = identity(statement(Condition=condition))
    context = {"aws:sourceaccount": "1", "aws:securetransport": "true"}
    assert decide(policy, context=context).allowed
    for name in context:
        assert not decide(policy, context={**context, name: "false"}).allowed


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"Condition": {"StringNotEquals": {"aws:SourceArn": "a"}}}, "StringNotEquals"),
        ({"Condition": {"StringEqualsIfExists": {"aws:SourceArn": "a"}}}, "StringEqualsIfExists"),
        ({"Condition": {"StringEquals": {"aws:PrincipalTag/x": "a"}}}, "aws:PrincipalTag/x"),
        ({"NotAction": "s3:*"}, "NotAction"),
        ({"NotResource": "*"}, "NotResource"),
        ({"Principal": "*"}, "Principal"),
        ({"Effect": "Maybe"}, "Maybe"),
        ({"Resource": "arn:aws:s3:::out/${aws:username}"}, "aws:username"),
        ({"Resource": {"Fn::Something": "x"}}, "Fn::Something"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(change: dict[str, Any], word: str) -> None:
    """A condition that is passed over would allow too much, or deny too little."""
    with pytest.raises(PolicyError, match=word):
        identity(statement(**change))


@pytest.mark.parametrize(
    "principal", [{"AWS": "111122223333"}, {"AWS": f"{ROLE[:-11]}:root"}, {"Federated": "x"}, "a"]
)
def test_principals_that_cannot_be_matched_are_refused(principal: Any) -> None:
    """An account stands for all of its roles that have the right themselves."""
    with pytest.raises(PolicyError, match="principal"):
        resource(statement(Principal=principal))
