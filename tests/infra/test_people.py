"""The policies for people: this stack's things only, and small enough for IAM.

That the command needs no other rights is held by its own tests (`tests/cli/conftest.py`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.aws.environments import MAX_NAME_LENGTH
from infra.aws.people_rights import DESCRIPTIONS, rights_of
from infra.local.permissions.intrinsics import Resolver
from tests.infra.static_stack import ACCOUNT, StaticStack
from tests.infra.template import Template, as_list

MAX_CHARACTERS = 6144
"""Of a managed policy, white space left out (IAM guide, "IAM and AWS STS quotas")."""
ALL = ("dev", "prod", "bank")


def policies(name: str, template: Template) -> dict[str, Any]:
    """Whose policy -> its document, as deployed."""
    resolve = Resolver(ACCOUNT, StaticStack(template.body))
    return {
        resolve(each["ManagedPolicyName"]).removeprefix(f"darkroom-{name}-"): resolve(
            each["PolicyDocument"]
        )
        for each in template.of_type("IAM::ManagedPolicy")
    }


def granted(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each action with each of its resources."""
    for statement in document["Statement"]:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield action, resource


@pytest.mark.parametrize("name", ALL)
def test_each_kind_of_people_has_a_policy(name: str, templates: Mapping[str, Template]) -> None:
    """Attached to nobody: an account knows its own people."""
    template = templates[name]
    assert policies(name, template).keys() == DESCRIPTIONS.keys()
    for each in template.of_type("IAM::ManagedPolicy"):
        assert not any(each.get(attached) for attached in ("Groups", "Roles", "Users"))


@pytest.mark.parametrize("name", ALL)
def test_rights_are_on_this_environment_alone(name: str, templates: Mapping[str, Template]) -> None:
    """Except where AWS has no resources, and for the roles of the CDK's bootstrap."""
    named = {"bank": ("darkroom-bank", "darkroom/bank", "bank-", "key/")}.get(
        name, (f"darkroom-{name}", f"darkroom/{name}")
    )
    for person, document in policies(name, templates[name]).items():
        for action, resource in granted(document):
            if action in rights_of("operators")["account"]:
                assert resource == "*"
            elif action == "sts:AssumeRole":
                assert "role/cdk-hnb659fds-" in resource
            else:
                assert any(part in resource for part in named), f"{person}: {action} on {resource}"


def test_policies_fit_into_iam(templates: Mapping[str, Template]) -> None:
    """With the longest names, too, and a key; else a deployment would fail half-way."""
    longest = f"darkroom-{'x' * MAX_NAME_LENGTH}"
    for document in policies("bank", templates["bank"]).values():
        text = json.dumps(document, separators=(",", ":"))
        text = text.replace("darkroom-bank", longest).replace(ACCOUNT.region, "ap-northeast-3")
        assert len(text) <= MAX_CHARACTERS


def test_only_operators_may_touch_keys_and_tasks() -> None:
    """A user cannot read a key, change a task, or start a run."""
    users = {action for actions in rights_of("users").values() for action in actions}
    assert not {action for action in users if action.startswith(("secretsmanager:", "states:"))}
    assert rights_of("users")["table"] == (
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
    )


def test_users_write_batches_alone_into_the_table(prod: Template) -> None:
    """By the condition on partition keys; `put --expect` does."""
    document = policies("prod", prod)["users"]
    [statement] = [each for each in document["Statement"] if each["Action"] == "dynamodb:PutItem"]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["batch#*"]}
    }


def test_files_are_deleted_by_those_who_delete_what_is_not_kept() -> None:
    """With the stack; nobody deletes a file of a kept environment."""
    for person in DESCRIPTIONS:
        for keep in (True, False):
            rights = rights_of(person, keep=keep)
            deletes = any("s3:Delete" in one for actions in rights.values() for one in actions)
            assert deletes == (person == "deployers" and not keep)
