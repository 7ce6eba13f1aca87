"""WSGI middleware that makes the local environment's stores refuse writes, as in an outage of AWS.

Files in the environment's folder say which store refuses, so that a test in another process can
switch it:

    FOLDER/refuse-outputs   PUT into the output bucket: 503 SlowDown
    FOLDER/refuse-table     writes to DynamoDB: 400 ProvisionedThroughputExceededException
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

OUTPUTS: Final = "refuse-outputs"
TABLE: Final = "refuse-table"
WRITES: Final = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")

StartResponse = Callable[[str, list[tuple[str, str]]], object]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class StoreOutages:
    """Middleware around the local environment's application."""

    def __init__(self, app: App, folder: Path) -> None:
        self._app = app
        self._outputs, self._table = folder / OUTPUTS, folder / TABLE

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or refuse it."""
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        if target.startswith("DynamoDB_") and self._table.exists():
            if target.rpartition(".")[2] in WRITES:
                kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
                body = f'{{"__type":"{kind}","message":"The table is throttled."}}'
                return _refuse(environ, start_response, "400 Bad Request", body, "json")
        elif environ["REQUEST_METHOD"] == "PUT" and self._outputs.exists():
            bucket = self._outputs.read_text()
            if str(environ.get("PATH_INFO", "")).startswith(f"/{bucket}/"):
                body = "<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"
                return _refuse(environ, start_response, "503 Slow Down", body, "xml")
        return self._app(environ, start_response)


def _refuse(
    environ: dict[str, Any], start_response: StartResponse, status: str, body: str, kind: str
) -> Iterable[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", f"application/{kind}"), length])
    return [body.encode()]
