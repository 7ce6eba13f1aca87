"""Granted is used: the steps' requests need every right that their roles have, and no other.

In the template of production; `test_permissions` holds that the others grant the same.
"""

from collections.abc import Sequence

from tests.infra.step_requests import STEPS, Made
from tests.infra.template import Template
from tests.infra.template_rights import USED_BY_LAMBDA, TemplateRights


def test_every_request_of_a_step_is_allowed(prod: Template, step_requests: Sequence[Made]) -> None:
    """On the rarest paths, too; the names in the functions' variables are those in their rights."""
    assert {made.step for made in step_requests} == STEPS
    assert TemplateRights(prod.body).judge(step_requests).denied == []


def test_every_right_of_a_step_is_used(prod: Template, step_requests: Sequence[Made]) -> None:
    """By a request of the step, or by Lambda as `USED_BY_LAMBDA` says."""
    assert TemplateRights(prod.body).unused(step_requests) == []


def test_lambda_uses_only_what_the_steps_do_not(
    prod: Template, step_requests: Sequence[Made]
) -> None:
    """An entry of the table that explains nothing is taken out of it."""
    rights = TemplateRights(prod.body)
    used = rights.judge(step_requests).used
    left = {
        (each, grant.action)
        for step in STEPS
        for grant in rights.policies.roles[rights.role_of(step)].grants()
        if grant not in used
        for each in (step, "*")
    }
    assert left >= USED_BY_LAMBDA.keys()
