"""Apiframe's frame: key, errors, uploads, webhooks' signing, the account and the catalogue.

Facts from the vendor's OpenAPI file (openapi.json in apiframe-ai/apiframe-nodejs-sdk) and from
docs-v2.apiframe.ai/docs. The other routes of v2 (generate, video, music, LoRAs) are not here.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from werkzeug.wrappers import Response

from infra.sandbox.apiframe.history import History
from infra.sandbox.apiframe.image_edits import Edits
from infra.sandbox.apiframe.models_endpoint import MODELS
from infra.sandbox.apiframe.request_bodies import BODIES
from infra.sandbox.apiframe.uploads import take_upload
from infra.sandbox.apiframe.webhooks import Signing, Webhooks
from infra.sandbox.context import Handler, RefusalError, RequestContext, Route, SandboxState
from infra.sandbox.responses import file_reply, json_reply

API_KEY = "afk_sandbox0000000000000000000000000000000000"
KEYLESS = frozenset({"GET /v2/models", "GET /cdn/<path:name>", "PUT /_webhooks/signing"})
SIGNINGS: Mapping[str, Signing] = {"digest": "digest", "hex": "hex"}


class Apiframe:
    """The provider: implements `Provider` for the server."""

    name = "apiframe"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._webhooks = Webhooks(world, API_KEY)
        self._edits = Edits(world, self._webhooks)
        self._history = History(world, self._webhooks)

    def routes(self) -> list[Route]:
        """List every endpoint."""
        return [
            Route("POST", "/v2/uploads", lambda call: take_upload(call, self._world)),
            *(
                Route("POST", f"/v2/images/{name}", self._edits.handler(bodies))
                for name, bodies in BODIES.items()
            ),
            Route("GET", "/v2/jobs", self._history.list_jobs),
            Route("GET", "/v2/jobs/<job_id>", self._history.get_job),
            Route("GET", "/v2/me", self._me),
            Route("GET", "/v2/models", _models),
            Route("GET", "/cdn/<path:name>", lambda call: file_reply(call, self._world)),
            Route("PUT", "/_webhooks/signing", self._choose_signing),
        ]

    def answer(self, call: RequestContext, handler: Handler) -> Response:
        """Check key and pace, run the handler, and render refusals."""
        try:
            if call.route not in KEYLESS:
                self._admit(call)
            response = handler(call)
        except RefusalError as refusal:
            response = self.refuse(refusal)
        response.headers["x-request-id"] = str(uuid.uuid4())
        return response

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an error: always a plain string, with what belongs to it beside it."""
        response = json_reply({"error": refusal.message, **refusal.extra}, refusal.status)
        response.headers.update(dict(refusal.headers))
        return response

    def _admit(self, call: RequestContext) -> None:
        key = call.request.headers.get("x-api-key", "")
        if not key:
            raise RefusalError(401, "API key is required")
        if key != API_KEY:
            raise RefusalError(401, "Invalid API key")
        if not self._world.active:
            raise RefusalError(403, "API key is inactive")
        standing = self._world.pace.take(key)
        if standing is not None and standing.retry_after_s is not None:
            wait = {"Retry-After": str(standing.retry_after_s)}
            raise RefusalError(429, "Too many requests", headers=wait)

    def _choose_signing(self, call: RequestContext) -> Response:
        """Sign webhooks in the other way that is known; no part of Apiframe's API."""
        wanted = call.request.get_data(as_text=True).strip()
        if wanted not in SIGNINGS:
            raise RefusalError(400, f"Send one of {', '.join(SIGNINGS)} as the body")
        self._webhooks.signing = SIGNINGS[wanted]
        return json_reply({"signing": wanted})

    def _me(self, _: RequestContext) -> Response:
        self._world.jobs.settle()
        return json_reply(
            {
                "user": {
                    "id": "5a0d5c1e-0000-4000-8000-000000000001",
                    "email": "sandbox@apiframe.test",
                    "role": "owner",
                },
                "team": {
                    "id": "5a0d5c1e-0000-4000-8000-000000000002",
                    "name": "Sandbox",
                    "credits": self._world.ledger.balance,
                    "plan": "sandbox",
                    "customerId": None,
                },
                "apiKey": {
                    "id": "5a0d5c1e-0000-4000-8000-000000000003",
                    "name": "sandbox",
                    "prefix": API_KEY[:8],
                },
            }
        )


def _models(call: RequestContext) -> Response:
    wanted = call.request.args.get("modality")
    return json_reply({"models": [m for m in MODELS if wanted in (None, m["modality"])]})
