"""Shared by the tests of Perfect's adapter: a key pair, responses, job requests."""

import base64
import functools
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Response
from darkroom.providers.perfect.adapter import Perfect
from tests.fakes.run_adapter import job_request_of, response_of

CLIENT = "BMIL1PIJjCV96JlSl64RlVksHK1cD0PQ"


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """A key as short as the vendor's: its document's sample token has 1024 bits."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - the length is the vendor's


def client_secret() -> str:
    """The public half, as the vendor's console shows it."""
    key = private_key().public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def route_of(operation: str, adapter: Perfect | None = None) -> Route:
    """The route of an operation."""
    routes = (adapter or Perfect()).routes
    return next(route for route in routes if route.operation == operation)


def job_request_for(
    operation: str, params: Mapping[str, Any] | None = None, adapter: Perfect | None = None
) -> JobRequest:
    """A job request with one JPEG or PNG for every role."""
    route = route_of(operation, adapter)
    files = {role: [f"{role}.png" if role == "mask" else f"{role}.jpg"] for role in route.roles}
    return job_request_of(route, params or {}, files)


def result_response(**result: Any) -> Response:
    """A 2xx response with this `result`."""
    return response_of(200, {"status": 200, "result": result})


def registered(
    url: str = "https://store.test/put", method: str = "PUT", **headers: object
) -> Response:
    """The response to a registration: the URL for the upload."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    place = {"method": method, "url": url, "headers": named}
    return result_response(files=[{"file_id": "F1", "requests": [place]}])
