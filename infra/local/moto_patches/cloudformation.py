"""Patches for deployments: resource types and properties that moto ignores, errors it swallows."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

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
    """The patches, in the order in which a deployment meets them."""
    yield around(parsing, "clean_json", _refuse_unresolved)
    yield around(parsing, "parse_and_create_resource", _name_failed_resource)
    yield around(FakeBucket, "create_from_cloudformation_json", _configure_bucket)
    # Otherwise `Ref` gives moto's object instead of a bus's name or a layer's ARN.
    yield Patch(EventBus, "physical_resource_id", property(lambda bus: bus.name))
    yield Patch(LayerVersion, "physical_resource_id", property(lambda layer: layer.arn))
    # Functions run from their folder; the archive in the template is never uploaded.
    yield Patch(awslambda, "do_validate_s3", lambda: False)
    yield around(LambdaFunction, "create_from_cloudformation_json", _keep_properties)
    yield around(LambdaBackend, "create_event_source_mapping", _disable_queue_trigger)
    # Moto's CloudFormation always uses the backend that does not execute state machines.
    yield Patch(stepfunctions, "stepfunctions_backends", stepfunctions_parser_backends)
    yield Patch(
        stepfunctions.StateMachine,
        "create_from_cloudformation_json",
        classmethod(_create_state_machine),
    )


class Secret(CloudFormationModel):
    """`AWS::SecretsManager::Secret`, which moto has no model for.

    Without it, a function's variable that refers to a secret would silently be missing.
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
        """The property that holds the name."""
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
        """Creates it in moto's Secrets Manager, with the template's value, if there is one."""
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
    """Moto drops a reference that it cannot resolve, or replaces it by one of its objects."""
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


def _name_failed_resource(
    original: Callable[..., Any], logical_id: str, resource: Any, *args: Any, **kwargs: Any
) -> Any:
    """Moto answers most failures with an HTML page, and never says which resource failed."""
    try:
        created = original(logical_id, resource, *args, **kwargs)
    except ValidationError:
        raise
    except RecursionError as error:
        message = f"{logical_id} depends on itself"
        raise ValidationError(message=message) from error
    except Exception as error:
        message = f"{logical_id} ({resource.get('Type')}): {type(error).__name__}: {error}"
        raise ValidationError(message=message) from error
    if created is None and "Condition" not in resource:
        message = f"{logical_id}: {resource.get('Type')} is not supported on one machine"
        raise ValidationError(message=message)
    return created


def _configure_bucket(
    original: Callable[..., Any],
    name: str,
    resource: Any,
    account: str,
    region: str,
    **kwargs: Any,
) -> Any:
    """Moto ignores versioning and notifications of a bucket in a template."""
    bucket = original(name, resource, account, region, **kwargs)
    properties = resource.get("Properties", {})
    status = properties.get("VersioningConfiguration", {}).get("Status")
    if status:
        backend = s3_backends[account][get_partition(region)]
        backend.put_bucket_versioning(name, status)
    notifications = dict(properties.get("NotificationConfiguration", {}))
    bridge = notifications.pop("EventBridgeConfiguration", None)
    # Through CloudFormation the flag may arrive as a string.
    if bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true":
        bucket.set_notification_configuration({"EventBridgeConfiguration": {"enabled": True}})
    if notifications:
        kinds = ", ".join(notifications)
        message = f"{name}: {kinds} are not supported on one machine; use EventBridge"
        raise ValidationError(message=message)
    return bucket


def _keep_properties(
    original: Callable[..., Any], name: str, resource: Any, *args: Any, **kwargs: Any
) -> Any:
    """Moto drops a function's dead-letter queue and log format."""
    function = original(name, resource, *args, **kwargs)
    function.template_properties = resource["Properties"]
    return function


def _disable_queue_trigger(original: Callable[..., Any], backend: Any, spec: dict[str, Any]) -> Any:
    """Moto calls the function once, in the sender's thread, and ignores failures."""
    mapping = original(backend, spec)
    for queue in sqs_backends[backend.account_id][backend.region_name].queues.values():
        queue.lambda_event_source_mappings.clear()
    return mapping


def _create_state_machine(
    _cls: type, /, name: str, resource: Any, account: str, region: str, **_kwargs: Any
) -> Any:
    """Moto ignores `DefinitionSubstitutions`, the object form `Definition`, and the type."""
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
