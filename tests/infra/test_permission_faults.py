"""A fault in a policy is found: by a denied request, by a right never used, or by its wording."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.infra.permission_faults import FAULTS, Fault
from tests.infra.policy_checks import find_open_services, find_plain_http, find_wildcards
from tests.infra.step_requests import Made
from tests.infra.template import Template
from tests.infra.template_rights import TemplateRights


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_is_found(
    fault: Fault, prod: Template, step_requests: Sequence[Made]
) -> None:
    """The recorded requests stay the same, and the template gets one fault."""
    body = copy.deepcopy(prod.body)
    fault.plant(body)
    match fault.kind:
        case "deny":
            lines = TemplateRights(body).judge(step_requests).denied
        case "spare":
            lines = TemplateRights(body).unused(step_requests)
        case "open":
            lines = [*find_open_services(body), *find_plain_http(body), *find_wildcards(body)]
    assert [line for line in lines if all(part in line for part in fault.found)] != []


def test_fault_of_a_deny_shows_at_its_step_alone(
    prod: Template, step_requests: Sequence[Made]
) -> None:
    """What is reported leads to the fault."""
    for fault in FAULTS:
        if fault.kind == "deny":
            body = copy.deepcopy(prod.body)
            fault.plant(body)
            denied = TemplateRights(body).judge(step_requests).denied
            step = fault.found[0].partition(":")[0]
            assert {line.partition(":")[0] for line in denied} == {step}, fault.name


def test_condition_check_in_a_transaction_needs_a_right_of_its_own(
    prod: Template, step_requests: Sequence[Made]
) -> None:
    """No step makes any; one that begins to is denied until it is granted."""
    made = next(one for one in step_requests if one.request.target.endswith("TransactWriteItems"))
    checked = made.request.body.replace(b'"Put"', b'"ConditionCheck"', 1)
    request = replace(made, request=replace(made.request, body=checked))
    denied = TemplateRights(prod.body).judge([request]).denied
    assert [line.partition(" on ")[0] for line in denied] == [
        f"{made.step}: dynamodb:ConditionCheckItem"
    ]
