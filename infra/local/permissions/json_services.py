"""The rights that requests to the services with JSON need: each operation's actions and resources.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for" DynamoDB,
EventBridge, Lambda, Secrets Manager, SQS and Step Functions; and

- DynamoDB developer guide, "Using IAM with DynamoDB transactions": each element of a transaction
  needs the right of its own kind, a condition check `dynamodb:ConditionCheckItem`;
- DynamoDB developer guide, "Using IAM policy conditions": a query of an index needs the right on
  the index, not on the table;
- SQS developer guide, "Amazon SQS API permissions": a batch needs the right of the single action.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from infra.local.permissions.http_request import Place, Request, UnknownRequestError

Right = tuple[str, str]
"""An action and a resource."""
_Fields = Mapping[str, Any]
_Read = Callable[[Place, str, _Fields], Iterator[Right]]


def read_rights(request: Request, place: Place) -> Iterator[Right]:
    """The rights that a request needs. Raises `UnknownRequestError`."""
    if request.service == "lambda":
        yield from _read_invoke(request, place)
        return
    operation = request.target.rpartition(".")[2]
    read = _OPERATIONS.get((request.service, operation))
    if read is None:
        raise UnknownRequestError(f"{request.service}:{operation or request.path}")
    yield from read(place, operation, json.loads(request.body or b"{}"))


def _read_invoke(request: Request, place: Place) -> Iterator[Right]:
    match request.path.strip("/").split("/"):
        case ["2015-03-31", "functions", name, "invocations"] if request.method == "POST":
            plain = unquote(name).removesuffix(":$LATEST").rpartition(":")[2]
            yield "lambda:InvokeFunction", place.arn("lambda", f"function:{plain}")
        case _:
            raise UnknownRequestError(f"lambda:{request.method} {request.path}")


def _table(place: Place, name: str) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


def _on_table(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    yield f"dynamodb:{operation}", _table(place, fields["TableName"])


def _on_index(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    table, index = _table(place, fields["TableName"]), fields.get("IndexName")
    yield f"dynamodb:{operation}", f"{table}/index/{index}" if index else table


def _on_tables(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    for name in fields["RequestItems"]:
        yield f"dynamodb:{operation}", _table(place, name)


def _in_transaction(place: Place, _operation: str, fields: _Fields) -> Iterator[Right]:
    for element in fields["TransactItems"]:
        for kind, one in element.items():
            yield f"dynamodb:{_ELEMENTS[kind]}", _table(place, one["TableName"])


def _on_buses(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    for entry in fields["Entries"]:
        name = entry.get("EventBusName") or "default"
        bus = name if name.startswith("arn:") else place.arn("events", f"event-bus/{name}")
        yield f"events:{operation}", bus


def _on_queue(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    name = fields["QueueUrl"].rstrip("/").rpartition("/")[2]
    yield f"sqs:{operation.removesuffix('Batch')}", place.arn("sqs", name)


def _on_secret(place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    name = fields["SecretId"]
    # The name of no secret stands as it is, and so no policy for a full ARN matches it.
    secret = place.find_secret(name) or place.arn("secretsmanager", f"secret:{name}")
    yield f"secretsmanager:{operation}", secret


def _on_machine(_place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    yield f"states:{operation}", fields["stateMachineArn"]


def _on_run(_place: Place, operation: str, fields: _Fields) -> Iterator[Right]:
    yield f"states:{operation}", fields["executionArn"]


_ELEMENTS: Final[Mapping[str, str]] = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
# The service of the credential's scope, and its operation.
_OPERATIONS: Final[Mapping[tuple[str, str], _Read]] = {
    ("dynamodb", "BatchGetItem"): _on_tables,
    ("dynamodb", "BatchWriteItem"): _on_tables,
    ("dynamodb", "DeleteItem"): _on_table,
    ("dynamodb", "GetItem"): _on_table,
    ("dynamodb", "PutItem"): _on_table,
    ("dynamodb", "Query"): _on_index,
    ("dynamodb", "Scan"): _on_index,
    ("dynamodb", "TransactGetItems"): _in_transaction,
    ("dynamodb", "TransactWriteItems"): _in_transaction,
    ("dynamodb", "UpdateItem"): _on_table,
    ("events", "PutEvents"): _on_buses,
    ("secretsmanager", "GetSecretValue"): _on_secret,
    ("sqs", "ChangeMessageVisibility"): _on_queue,
    ("sqs", "ChangeMessageVisibilityBatch"): _on_queue,
    ("sqs", "DeleteMessage"): _on_queue,
    ("sqs", "DeleteMessageBatch"): _on_queue,
    ("sqs", "GetQueueAttributes"): _on_queue,
    ("sqs", "ReceiveMessage"): _on_queue,
    ("sqs", "SendMessage"): _on_queue,
    ("sqs", "SendMessageBatch"): _on_queue,
    ("states", "DescribeExecution"): _on_run,
    ("states", "StartExecution"): _on_machine,
}
