"""How the rest of the local environment invokes functions."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.local.lambda_runtime.worker import InvocationResult


@dataclass(frozen=True)
class Invoker:
    """Two ways to invoke a function, by name or ARN, with a JSON payload.

    Attributes:
        invoke: waits for the result. Raises `NoSuchFunctionError`.
        invoke_later: asynchronous, with Lambda's retries. Raises `NoSuchFunctionError`.
    """

    invoke: Callable[[str, bytes], InvocationResult]
    invoke_later: Callable[[str, bytes], None]
