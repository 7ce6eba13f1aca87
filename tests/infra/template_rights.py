"""Judges recorded requests by the policies of a template, without deploying it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.settings import Settings
from infra.local.permissions.accesses import find_accesses
from infra.local.permissions.http_request import Place
from infra.local.permissions.policy import Access, Grant, evaluate
from infra.local.permissions.s3 import READS
from infra.local.permissions.template_policies import read_policies
from tests.infra.static_stack import ACCOUNT, StaticStack
from tests.infra.step_requests import STEPS, Made

# What Lambda does with a function's role, and no code of the function. (step, action) -> what for;
# "*" is every step. The local environment plays Lambda's poller and its dead letters, and denies
# them what is not granted; nobody plays logs and traces there.
USED_BY_LAMBDA: Final[Mapping[tuple[str, str], str]] = {
    ("*", "logs:CreateLogStream"): "the function's log",
    ("*", "logs:PutLogEvents"): "the function's log",
    ("*", "xray:PutTelemetryRecords"): "traces, by Lambda's X-Ray daemon",
    ("*", "xray:PutTraceSegments"): "traces, by Lambda's X-Ray daemon",
    ("fail", "sqs:SendMessage"): "dead letters: events on which FAIL fails",
    ("intake", "sqs:DeleteMessage"): "the poller of the intake queue",
    ("intake", "sqs:GetQueueAttributes"): "the poller of the intake queue",
    ("intake", "sqs:ReceiveMessage"): "the poller of the intake queue",
}


@dataclass
class Judgement:
    """What recorded requests have met.

    Attributes:
        denied: "step: action on resource: why", as far as it is denied.
        used: the grants that allowed something.
    """

    denied: list[str] = field(default_factory=list)
    used: set[Grant] = field(default_factory=set)


class TemplateRights:
    """The rights of the six steps in one template."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.stack = StaticStack(template)
        self.policies = read_policies(template, ACCOUNT, self.stack)
        self._functions = dict(self._find_functions(template))
        self._place = Place(ACCOUNT, self.stack.find_secret)

    @property
    def settings(self) -> Settings:
        """What INTAKE's function is given; no other function is given more."""
        return Settings.from_environment(self.stack.variables(self._functions["intake"]))

    def role_of(self, step: str) -> str:
        """The ARN of a step's role."""
        return self.policies.functions[self.stack.attribute(self._functions[step], "Arn")]

    def judge(self, made: Iterable[Made]) -> Judgement:
        """Decide every request of the steps."""
        judgement = Judgement()
        for one in made:
            role = self.role_of(one.step)
            for access in self._accesses(one):
                names = frozenset({"*", role})
                decision = evaluate(access, names, self.policies.roles[role])
                if decision.grant:
                    judgement.used.add(decision.grant)
                else:
                    asked = f"{one.step}: {access.action} on {access.resource}"
                    judgement.denied.append(f"{asked} {decision.reason}")
        return judgement

    def unused(self, made: Iterable[Made]) -> list[str]:
        """What the steps' roles allow, no request has used, and Lambda does not use either."""
        used = self.judge(made).used
        return [
            f"{step}: {grant.action} on {grant.resource}"
            for step in sorted(STEPS)
            for grant in self.policies.roles[self.role_of(step)].grants()
            if grant not in used
            and USED_BY_LAMBDA.keys().isdisjoint({(step, grant.action), ("*", grant.action)})
        ]

    def _accesses(self, made: Made) -> list[Access]:
        """What a request asks for; a missing object, too, if it can be listed."""
        accesses = find_accesses(made.request, self._place)
        if made.missed and accesses[0].action in READS:
            accesses.append(Access("s3:ListBucket", accesses[0].resource.partition("/")[0]))
        return accesses

    def _find_functions(self, template: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Lambda::Function":
                yield resource["Properties"]["Handler"].removesuffix(".handler"), logical_id
