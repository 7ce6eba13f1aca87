"""Reads a synthesized template: its resources and their references."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERBS = ("intake", "submit", "poll", "deliver", "fail", "sweep")


@dataclass(frozen=True)
class Resource:
    """One resource of a template under its logical id."""

    id: str
    type: str
    body: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.body["Properties"][name]

    def get(self, name: str) -> Any:
        """The property `name`, or None."""
        return self.body.get("Properties", {}).get(name)


@dataclass(frozen=True)
class Template:
    """The template of one environment."""

    environment: str
    body: dict[str, Any]
    path: Path

    @property
    def folder(self) -> Path:
        """The assembly that it is in."""
        return self.path.parent

    @classmethod
    def read(cls, environment: str, path: Path) -> "Template":
        """The template in the file `path`."""
        return cls(environment, json.loads(path.read_text("utf-8")), path)

    def __iter__(self) -> Iterator[Resource]:
        for logical_id, body in self.body["Resources"].items():
            yield Resource(logical_id, body["Type"], body)

    def __getitem__(self, logical_id: str) -> Resource:
        body = self.body["Resources"][logical_id]
        return Resource(logical_id, body["Type"], body)

    def of_type(self, name: str) -> list[Resource]:
        """All resources of the type `AWS::<name>`."""
        return [resource for resource in self if resource.type == f"AWS::{name}"]

    def one(self, type_name: str, word: str = "") -> Resource:
        """The only resource of a type whose logical id contains `word`."""
        (found,) = [found for found in self.of_type(type_name) if word in found.id]
        return found

    def function(self, verb: str) -> Resource:
        """The Lambda function for a verb."""
        name = f"darkroom-{self.environment}-{verb}"
        (found,) = [
            each for each in self.of_type("Lambda::Function") if each["FunctionName"] == name
        ]
        return found

    def variables(self, verb: str) -> dict[str, Any]:
        """The environment variables of a function."""
        variables: dict[str, Any] = self.function(verb)["Environment"]["Variables"]
        return variables

    def role(self, of: Resource, name: str = "Role") -> Resource:
        """The role of a function or a state machine."""
        (role,) = references(of[name])
        return self[role]

    def allowed(self, role: Resource) -> dict[str, set[str]]:
        """Action -> the resources on which a role allows it, each as text."""
        allowed: dict[str, set[str]] = {}
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for action in as_list(statement["Action"]):
                    allowed.setdefault(action, set()).update(
                        as_text(each) for each in as_list(statement["Resource"])
                    )
        return allowed

    def asset(self, of: Resource, name: str) -> Path:
        """The staged folder of a function's or a layer's code."""
        return self.folder / f"asset.{of[name]['S3Key'].removesuffix('.zip')}"


def as_list(value: Any) -> list[Any]:
    """A list; CloudFormation accepts a single value instead of a list of one."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """A property with its references as `<logical id>`, also pseudo parameters."""
    match value:
        case str():
            return value
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            return f"<{name}>"
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(as_text(part) for part in parts)
        case {"Fn::Sub": text}:
            return str(text)
    message = f"no text for {value!r}"
    raise AssertionError(message)


def machine_arn(template: Template) -> str:
    """The state machine's ARN as Step Functions makes it, by the name that it has."""
    name = template.one("StepFunctions::StateMachine")["StateMachineName"]
    return f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:{name}"


def references(value: Any) -> set[str]:
    """The logical ids that a property refers to, at any depth, without pseudo parameters."""
    if isinstance(value, list):
        return set().union(*(references(each) for each in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    match value:
        case {"Ref": name} if not name.startswith("AWS::"):
            found.add(name)
        case {"Fn::GetAtt": [name, *_]}:
            found.add(name)
    return found.union(*(references(each) for each in value.values()))
