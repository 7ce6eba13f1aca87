"""Deploys a template into moto through CloudFormation's API, or names all reasons why it cannot.

It changes nothing in moto: `moto_patches` adds what moto lacks, this module refuses the rest.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.cloudformation.parsing import get_model_map

from infra.loopback_guard import ACCESS_KEY

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Template = Mapping[str, Any]

# Resource types that moto does not get, and why.
IGNORED_TYPES: Final[Mapping[str, str]] = {
    "AWS::CDK::Metadata": "says which constructs were used",
    "AWS::CloudWatch::Alarm": "there are no metrics",
    "AWS::S3::BucketPolicy": "`permissions` evaluates it",
    "AWS::SQS::QueuePolicy": "`permissions` evaluates it",
}
PSEUDO_PARAMETER: Final = re.compile(r"AWS::[A-Za-z]+")
SUBSTITUTION: Final = re.compile(r"\$\{([^!}][^}]*)\}")


class DeployError(RuntimeError):
    """The template cannot be deployed here; the message lists every known reason."""


def prepare(template: Template) -> dict[str, Any]:
    """The template without the ignored types.

    Raises `DeployError` for unsupported types, references to missing resources, and cycles.
    """
    kept = {
        name: _without_ignored(resource, template)
        for name, resource in template["Resources"].items()
        if resource["Type"] not in IGNORED_TYPES
    }
    known = {*kept, *template.get("Parameters", {}), *template.get("Mappings", {})}
    problems = [
        f"{name}: {resource['Type']} is not supported on one machine"
        for name, resource in sorted(kept.items())
        if resource["Type"] not in get_model_map()
    ]
    for name, part in (*sorted(kept.items()), ("Outputs", template.get("Outputs", {}))):
        missing = sorted({ref for ref in find_references(part) if ref not in known})
        problems += [f"{name}: refers to {ref}, which does not exist" for ref in missing]
    try:
        graph = {name: set(find_references(resource)) for name, resource in kept.items()}
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        problems.append(f"circular references: {' -> '.join(error.args[1])}")
    if problems:
        raise DeployError("the template cannot be deployed:\n  " + "\n  ".join(problems))
    return {**template, "Resources": kept}


def deploy(template: Template, stack_name: str, endpoint_url: str, region: str) -> dict[str, str]:
    """Create the stack; returns its outputs. Raises `DeployError`."""
    client: CloudFormationClient = boto3.client(
        "cloudformation",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        # A second attempt would fail on the leftovers of the first one and hide the reason.
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        client.create_stack(
            StackName=stack_name,
            TemplateBody=json.dumps(prepare(template)),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
        stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        raise DeployError(
            f"the stack {stack_name}: {error.response['Error'].get('Message')}"
        ) from error
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reason = stack.get("StackStatusReason", "no reason given")
        raise DeployError(f"the stack {stack_name} is {stack['StackStatus']}: {reason}")
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


def find_references(part: object) -> Iterator[str]:
    """The logical ids that a part of a template refers to, without pseudo parameters."""
    if isinstance(part, list):
        for item in part:
            yield from find_references(item)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            yield from _REFERENCE_READERS.get(key, find_references)(value)


def _read_ref(value: str) -> Iterator[str]:
    if not PSEUDO_PARAMETER.fullmatch(value):
        yield value


def _read_attribute(value: str | list[str]) -> Iterator[str]:
    yield value.split(".")[0] if isinstance(value, str) else value[0]


def _read_sub(value: str | tuple[str, Mapping[str, object]]) -> Iterator[str]:
    text, variables = (value, {}) if isinstance(value, str) else value
    for name in SUBSTITUTION.findall(text):
        if name not in variables:
            yield from _read_ref(name.split(".")[0])
    yield from find_references(variables)


def _read_names(value: str | list[str]) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value


_REFERENCE_READERS: Final[Mapping[str, Callable[..., Iterator[str]]]] = {
    "Ref": _read_ref,
    "Fn::GetAtt": _read_attribute,
    "Fn::Sub": _read_sub,
    "DependsOn": _read_names,
}


def _without_ignored(resource: Mapping[str, Any], template: Template) -> dict[str, Any]:
    """The resource without `DependsOn` entries for ignored types."""
    depends_on = resource.get("DependsOn", [])
    names = [depends_on] if isinstance(depends_on, str) else depends_on
    kept = [name for name in names if _type_of(name, template) not in IGNORED_TYPES]
    rest = {key: value for key, value in resource.items() if key != "DependsOn"}
    return {**rest, "DependsOn": kept} if kept else rest


def _type_of(name: str, template: Template) -> str:
    return str(template["Resources"].get(name, {}).get("Type"))
