"""What moto knows: the values of a stack's references, the ARNs of secrets, policies of queues."""

from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudformation.models import cloudformation_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends

from infra.local.permissions.intrinsics import Account


class DeployedStack:
    """`intrinsics.Deployed` of a stack in moto."""

    def __init__(self, account: Account, stack_name: str) -> None:
        backend = cloudformation_backends[account.id][account.region]
        self._resources: Any = backend.get_stack(stack_name).resource_map

    def ref(self, logical_id: str) -> str:
        """See `Deployed.ref`."""
        found = self._find(logical_id)
        return self._plain(logical_id, getattr(found, "physical_resource_id", found))

    def attribute(self, logical_id: str, name: str) -> str:
        """See `Deployed.attribute`."""
        try:
            return self._plain(logical_id, self._find(logical_id).get_cfn_attribute(name))
        except UnformattedGetAttTemplateException as error:
            raise LookupError(f"{logical_id}.{name}") from error

    def _find(self, logical_id: str) -> Any:  # noqa: ANN401 - moto's objects have no types
        found = self._resources[logical_id]
        if found is None:
            raise LookupError(logical_id)
        return found

    def _plain(self, logical_id: str, value: object) -> str:
        match value:
            case str():
                return value
        raise LookupError(logical_id)


def find_secret(account: Account, name: str) -> str | None:
    """The ARN of the secret with this name or ARN, which may lack the six random characters."""
    backend = secretsmanager_backends[account.id][account.region]
    secret = backend.secrets.get(name)
    return None if secret is None else str(secret.arn)


def find_queue_policy(account: Account, arn: str) -> str | None:
    """The policy of a queue as JSON; None of any other resource."""
    queue: Any = sqs_backends[account.id][account.region].queues.get(arn.rpartition(":")[2])
    return queue.policy if queue is not None and queue.queue_arn == arn else None
