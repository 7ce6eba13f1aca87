"""Resolves the references of a template: Ref, Fn::GetAtt, Fn::Join, Fn::Sub, pseudo parameters.

Any other intrinsic function is an error: a policy that is not understood must not be evaluated.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from infra.local.permissions.policy import PolicyError

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Account:
    """Where everything is deployed."""

    id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"


class Deployed(Protocol):
    """What CloudFormation knows of deployed resources; both raise LookupError."""

    def ref(self, logical_id: str) -> str:
        """The value of `Ref`."""

    def attribute(self, logical_id: str, name: str) -> str:
        """The value of `Fn::GetAtt`."""


class Resolver:
    """Resolves parts of one template."""

    def __init__(self, account: Account, deployed: Deployed) -> None:
        self._deployed = deployed
        self._pseudo = {
            "AWS::AccountId": account.id,
            "AWS::Partition": account.partition,
            "AWS::Region": account.region,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def __call__(self, part: Any) -> Any:  # noqa: ANN401 - a part of a template
        """The part without references. Raises `PolicyError` for one without a value."""
        if isinstance(part, list):
            return [self(item) for item in part]
        if not isinstance(part, dict):
            return part
        if any(name == "Ref" or name.startswith("Fn::") for name in part):
            return self._call(part)
        return {name: self(value) for name, value in part.items()}

    def _call(self, function: dict[str, Any]) -> str:
        match list(function.items()):
            case [("Ref", str(name))]:
                return self._ref(name)
            case [("Fn::GetAtt", [str(name), str(attribute)])]:
                return self._attribute(name, attribute)
            case [("Fn::Join", [str(glue), list(parts)])]:
                return glue.join(str(self(item)) for item in parts)
            case [("Fn::Sub", str(text))]:
                return self._substitute(text, {})
            case [("Fn::Sub", [str(text), dict(variables)])]:
                return self._substitute(text, self(variables))
        raise PolicyError(f"{json.dumps(function)[:100]} is not resolved here")

    def _ref(self, name: str) -> str:
        if name.startswith("AWS::"):
            if name not in self._pseudo:
                raise PolicyError(f"the pseudo parameter {name} is not resolved here")
            return self._pseudo[name]
        try:
            return self._deployed.ref(name)
        except LookupError as error:
            raise PolicyError(f"the reference to {name} has no value") from error

    def _attribute(self, name: str, attribute: str) -> str:
        try:
            return self._deployed.attribute(name, attribute)
        except LookupError as error:
            raise PolicyError(f"the attribute {name}.{attribute} has no value") from error

    def _substitute(self, text: str, variables: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return str(variables[name])
            return self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)

        return _VARIABLE.sub(value, text)
