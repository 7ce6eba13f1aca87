"""What moto leaves out of a template: resource types, properties, and errors that it swallows."""

# ruff: noqa: ANN401 - what is passed on are moto's own objects, which it does not type

import json
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from moto.awslambda import models as awslambda
from moto.awslambda.models import LambdaBackend, LambdaFunction, LayerVersion
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.core.common_models import CloudFormationModel
from moto.events.models import EventBus
from moto.s3.models import FakeBucket, s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions import models as stepfunctions
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.utils import cfn_to_api_tags
from moto.utilities.utils import get_partition

from infra.local.moto_patches.patch import Patch, around

PLACEHOLDER = re.compile(r"\$\{[A-Za-z0-9_]+\}")


def patches() -> Iterator[Patch]:
    """The changes, in the order in which a deployment meets them."""
    yield around(parsing, "clean_json", _refuse_unresolved)
    yield around(parsing, "parse_and_create_resource", _name_the_culprit)
    yield around(FakeBucket, "create_from_cloudformation_json", _equip_bucket)
    # Without these, `Ref` gives moto's object instead of a bus's name or a layer's ARN.
    yield Patch(EventBus, "physical_resource_id", property(lambda bus: bus.name))
    yield Patch(LayerVersion, "physical_resource_id", property(lambda layer: layer.arn))
    # Functions run from their folder; the archive that a template names was never uploaded.
    yield Patch(awslambda, "do_validate_s3", lambda: False)
    yield around(LambdaFunction, "create_from_cloudformation_json", _keep_properties)
    yield around(LambdaBackend, "create_event_source_mapping", _leave_queue_to_us)
    # CloudFormation's half of moto knows the backend that does not execute, whatever is configured.
    yield Patch(stepfunctions, "stepfunctions_backends", stepfunctions_parser_backends)
    yield Patch(
        stepfunctions.StateMachine,
        "create_from_cloudformation_json",
        classmethod(_create_state_machine),
    )


class Secret(CloudFormationModel):
    """`AWS::SecretsManager::Secret`, which moto has no model of.

    Left out, the variable that refers to it would silently disappear from the function.
    """

    def __init__(self, name: str, arn: str) -> None:
        self.name = name
        self.arn = arn

    @property
    def physical_resource_id(self) -> str:
        """`Ref` of a secret is its ARN."""
        return self.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type in a template."""
        return "AWS::SecretsManager::Secret"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Attributes for `Fn::GetAtt`."""
        return attr == "Id"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """The value of one attribute."""
        if attribute_name != "Id":
            raise UnformattedGetAttTemplateException
        return self.arn

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_kwargs: Any,
    ) -> "Secret":
        """Creates it in moto's Secrets Manager, with the value that the template gives, if any."""
        properties = cloudformation_json.get("Properties", {})
        value = properties.get("SecretString")
        if value is None and "GenerateSecretString" in properties:
            value = _generate(properties["GenerateSecretString"])
        backend = secretsmanager_backends[account_id][region_name]
        answer = backend.create_secret(
            name=resource_name,
            secret_string=value,
            secret_binary=None,
            description=properties.get("Description"),
            tags=properties.get("Tags"),
            kms_key_id=properties.get("KmsKeyId"),
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        return cls(resource_name, json.loads(answer)["ARN"])


def _generate(rules: dict[str, Any]) -> str:
    password = secrets.token_urlsafe(24)
    if "SecretStringTemplate" not in rules:
        return password
    return json.dumps(
        {**json.loads(rules["SecretStringTemplate"]), rules["GenerateStringKey"]: password}
    )


def _refuse_unresolved(original: Callable[..., Any], node: Any, resources: Any) -> Any:
    """What moto cannot resolve, it drops, or puts one of its own objects there."""
    value = original(node, resources)
    if isinstance(node, dict):
        name = node.get("Ref")
        if name is not None and name != "AWS::NoValue" and not _is_plain(value):
            message = f"the reference to {name} has no value here"
            raise ValidationError(message=message)
        if "Fn::GetAtt" in node and not _is_plain(value):
            message = f"the attribute {'.'.join(node['Fn::GetAtt'])} has no value here"
            raise ValidationError(message=message)
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list)


def _name_the_culprit(
    original: Callable[..., Any], logical_id: str, resource: Any, *args: Any, **kwargs: Any
) -> Any:
    """Most failures are an HTML page in moto, and none says which resource it was."""
    try:
        made = original(logical_id, resource, *args, **kwargs)
    except ValidationError:
        raise
    except RecursionError as error:
        message = f"{logical_id} depends on itself"
        raise ValidationError(message=message) from error
    except Exception as error:
        message = f"{logical_id} ({resource.get('Type')}): {type(error).__name__}: {error}"
        raise ValidationError(message=message) from error
    if made is None and "Condition" not in resource:
        message = f"{logical_id}: {resource.get('Type')} is not supported on one machine"
        raise ValidationError(message=message)
    return made


def _equip_bucket(
    original: Callable[..., Any],
    name: str,
    resource: Any,
    account: str,
    region: str,
    **kwargs: Any,
) -> Any:
    """Versioning and notifications are ignored by moto when a bucket comes from a template."""
    bucket = original(name, resource, account, region, **kwargs)
    properties = resource.get("Properties", {})
    status = properties.get("VersioningConfiguration", {}).get("Status")
    if status:
        backend = s3_backends[account][get_partition(region)]
        backend.put_bucket_versioning(name, status)
    wanted = dict(properties.get("NotificationConfiguration", {}))
    bridge = wanted.pop("EventBridgeConfiguration", None)
    # Through CloudFormation the flag may arrive as a string.
    if bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true":
        bucket.set_notification_configuration({"EventBridgeConfiguration": {"enabled": True}})
    if wanted:
        message = f"{name}: {', '.join(wanted)} are not supported on one machine; use EventBridge"
        raise ValidationError(message=message)
    return bucket


def _keep_properties(
    original: Callable[..., Any], name: str, resource: Any, *args: Any, **kwargs: Any
) -> Any:
    """A function's dead-letter queue and log format are dropped by moto."""
    function = original(name, resource, *args, **kwargs)
    function.template_properties = resource["Properties"]
    return function


def _leave_queue_to_us(original: Callable[..., Any], backend: Any, spec: dict[str, Any]) -> Any:
    """By itself moto calls the function in the sender's thread, once, and forgets failures."""
    mapping = original(backend, spec)
    for queue in sqs_backends[backend.account_id][backend.region_name].queues.values():
        queue.lambda_event_source_mappings.clear()
    return mapping


def _create_state_machine(
    _cls: type, /, name: str, resource: Any, account: str, region: str, **_kwargs: Any
) -> Any:
    """Ignored by moto: `DefinitionSubstitutions`, the object form `Definition`, the type."""
    properties = resource["Properties"]
    text = properties.get("DefinitionString") or json.dumps(properties.get("Definition", {}))
    for key, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace(f"${{{key}}}", str(value))
    if left := sorted(set(PLACEHOLDER.findall(text))):
        message = f"{name}: no substitution for {', '.join(left)}"
        raise ValidationError(message=message)
    backend = stepfunctions_parser_backends[account][region]
    return backend.create_state_machine(
        properties.get("StateMachineName", name),
        text,
        properties.get("RoleArn", ""),
        tags=cfn_to_api_tags(properties.get("Tags", [])),
        sm_type=properties.get("StateMachineType"),
    )
