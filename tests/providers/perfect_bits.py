"""What the tests of Perfect's adapter share: a key pair, its answers, work for it."""

import base64
import functools
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Answer
from darkroom.providers.perfect.adapter import Perfect
from tests.fakes.run_adapter import answer_of, work_of

CLIENT = "BMIL1PIJjCV96JlSl64RlVksHK1cD0PQ"


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """A key as short as the vendor's: the sample token of its document has 1024 bits."""
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


def work_for(
    operation: str, params: Mapping[str, Any] | None = None, adapter: Perfect | None = None
) -> JobRequest:
    """A job request with one JPEG or PNG for every role."""
    route = route_of(operation, adapter)
    files = {role: [f"{role}.png" if role == "mask" else f"{role}.jpg"] for role in route.roles}
    return work_of(route, params or {}, files)


def told(**result: Any) -> Answer:
    """A 2xx answer with this `result`."""
    return answer_of(200, {"status": 200, "result": result})


def registered(
    url: str = "https://store.test/put", method: str = "PUT", **headers: object
) -> Answer:
    """The answer to a registration: where to put the file."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    place = {"method": method, "url": url, "headers": named}
    return told(files=[{"file_id": "F1", "requests": [place]}])
