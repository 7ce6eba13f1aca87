"""AWS whose answers a test writes down, and an environment that is examined through it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.environments import Environment
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding
from infra.cli.doctor.run import Check, run_check
from tests.fakes.clock import START

OUTPUTS = {
    "InputBucket": "shop-in",
    "OutputBucket": "shop-out",
    "Table": "darkroom-shop",
    "EventBus": "darkroom-shop",
    "StateMachineArn": "arn:aws:states:eu-central-1:111122223333:stateMachine:darkroom-shop",
    "IntakeQueueUrl": "https://sqs.example/111122223333/darkroom-shop-intake",
    "DeadLetterQueueUrl": "https://sqs.example/111122223333/darkroom-shop-dead-letters",
}

Answer = Any
"""What a call returns, an exception that it raises, or a function of its arguments."""


@dataclass
class ScriptedAws:
    """Clients by service, whose operations answer as scripted; others fail the test."""

    answers: Mapping[str, Answer]
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of the service."""
        prefix = f"{service}."
        operations = {
            name.removeprefix(prefix): self._operation(name)
            for name in self.answers
            if name.startswith(prefix)
        }
        return SimpleNamespace(**operations)

    def _operation(self, name: str) -> Callable[..., Any]:
        def operation(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            answer = self.answers[name]
            if callable(answer):
                answer = answer(**arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return operation


def refusal(code: str, message: str = "", operation: str = "Call") -> ClientError:
    """AWS refuses a call."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def denial(right: str) -> ClientError:
    """The user lacks a right."""
    message = f"User: arn:aws:iam::1:user/anna is not authorized to perform: {right} on resource: *"
    return refusal("AccessDeniedException", message, right.partition(":")[2])


def examined(answers: Mapping[str, Answer] | None = None, **changes: Any) -> Examined:
    """The environment `shop`; changes are fields of `Examined`, or of its settings."""
    known = {each.name for each in fields(Examined)}
    own = {name: changes.pop(name) for name in list(changes) if name in known}
    subject = Examined(
        Environment(changes.pop("name", "shop"), **changes),
        ScriptedAws(answers or {}).client,
        "eu-central-1",
        START,
        OUTPUTS,
        START - timedelta(days=1),
    )
    return replace(subject, **own)


def find(check: Callable[[Examined], Any], subject: Examined) -> list[Finding]:
    """What a check finds, as the command runs it."""
    return run_check(Check("checked", check), subject)


def levels(findings: list[Finding]) -> list[str]:
    """The levels of the findings."""
    return [each.level for each in findings]
