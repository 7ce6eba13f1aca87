"""Notes which rights the command's requests to AWS need.

The names are those of the Service Authorization Reference: of most operations the operation's own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from infra.aws.people_rights import Person, rights_of

if TYPE_CHECKING:
    import boto3

_PREFIXES: Final = {"stepfunctions": "states"}
_OTHER_NAMES: Final[Mapping[str, str | None]] = {
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:UploadPart": "s3:PutObject",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sts:GetCallerIdentity": None,
}


class NotedRights:
    """The actions that a command has asked AWS for so far."""

    def __init__(self) -> None:
        self.actions: set[str] = set()

    def watch(self, open_session: Callable[..., "boto3.Session"]) -> Callable[..., "boto3.Session"]:
        """The same, and each request of the session is noted."""

        def opened(*given: Any) -> "boto3.Session":
            session = open_session(*given)
            session.events.register("provide-client-params", self._note)
            return session

        return opened

    def beyond(self, person: Person) -> set[str]:
        """What these people may not do."""
        allowed = {action for actions in rights_of(person).values() for action in actions}
        return self.actions - allowed

    def _note(self, params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        service = str(model.service_model.service_name)
        self.actions |= set(_actions(_PREFIXES.get(service, service), str(model.name), params))


def _actions(prefix: str, operation: str, params: Mapping[str, Any]) -> Iterator[str]:
    if operation == "TransactWriteItems":
        for element in params["TransactItems"]:
            yield from (f"{prefix}:{kind}Item" for kind in element)
        return
    name = f"{prefix}:{operation}"
    action = _OTHER_NAMES.get(name, name)
    if action is not None:
        yield f"{action}Version" if params.get("VersionId") and action == "s3:GetObject" else action
