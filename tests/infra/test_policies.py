"""No policy of any template lets in more than it must."""

from tests.infra.policy_checks import (
    find_open_principals,
    find_open_services,
    find_plain_http,
    find_wildcards,
)
from tests.infra.template import Template


def test_services_are_let_in_for_resources_of_this_account(template: Template) -> None:
    """So nobody can make EventBridge, CloudWatch or Step Functions act on this stack for them."""
    assert find_open_services(template.body) == []


def test_nobody_is_let_in_by_name_of_everybody(template: Template) -> None:
    """Statements about everybody only deny."""
    assert find_open_principals(template.body) == []


def test_rights_are_on_named_actions_and_resources(template: Template) -> None:
    """No action has a wildcard, and a resource is `*` only if AWS has none for the action."""
    assert find_wildcards(template.body) == []


def test_buckets_and_queues_answer_over_tls_only(prod: Template) -> None:
    """Also somebody who may do everything."""
    assert find_plain_http(prod.body) == []
