"""Apiframe's provider class: API key, routes, errors, the account and the webhooks' signing.

Facts from the vendor's OpenAPI file (openapi.json in apiframe-ai/apiframe-nodejs-sdk) and from
docs-v2.apiframe.ai/docs. The other routes of v2 (generate, video, music, LoRAs) do not exist here.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from werkzeug.wrappers import Response

from infra.sandbox.apiframe.history import History
from infra.sandbox.apiframe.image_edits import ImageEdits
from infra.sandbox.apiframe.models_endpoint import MODELS
from infra.sandbox.apiframe.request_bodies import BODIES
from infra.sandbox.apiframe.uploads import take_upload
from infra.sandbox.apiframe.webhooks import Signing, Webhooks
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.provider import Handler, RefusalError, Route
from infra.sandbox.responses import file_response, json_response

API_KEY = "afk_sandbox0000000000000000000000000000000000"
KEYLESS = frozenset({"GET /v2/models", "GET /cdn/<path:name>", "PUT /_webhooks/signing"})
SIGNINGS: Mapping[str, Signing] = {"digest": "digest", "hex": "hex"}


class Apiframe:
    """Implements `Provider`."""

    name = "apiframe"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._webhooks = Webhooks(state, API_KEY)
        self._edits = ImageEdits(state, self._webhooks)
        self._history = History(state, self._webhooks)

    def routes(self) -> list[Route]:
        """List every endpoint."""
        return [
            Route("POST", "/v2/uploads", lambda ctx: take_upload(ctx, self._state)),
            *(
                Route("POST", f"/v2/images/{name}", self._edits.handler(bodies))
                for name, bodies in BODIES.items()
            ),
            Route("GET", "/v2/jobs", self._history.list_jobs),
            Route("GET", "/v2/jobs/<job_id>", self._history.get_job),
            Route("GET", "/v2/me", self._me),
            Route("GET", "/v2/models", _models),
            Route("GET", "/cdn/<path:name>", lambda ctx: file_response(ctx, self._state)),
            Route("PUT", "/_webhooks/signing", self._choose_signing),
        ]

    def handle(self, ctx: RequestContext, handler: Handler) -> Response:
        """Check the key and the rate limit, run the handler, and render refusals."""
        try:
            if ctx.route not in KEYLESS:
                self._admit(ctx)
            response = handler(ctx)
        except RefusalError as refusal:
            response = self.refuse(refusal)
        response.headers["x-request-id"] = str(uuid.uuid4())
        return response

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an error: always a plain string, with any extra fields beside it."""
        response = json_response({"error": refusal.message, **refusal.extra}, refusal.status)
        response.headers.update(dict(refusal.headers))
        return response

    def _admit(self, ctx: RequestContext) -> None:
        key = ctx.request.headers.get("x-api-key", "")
        if not key:
            raise RefusalError(401, "API key is required")
        if key != API_KEY:
            raise RefusalError(401, "Invalid API key")
        if not self._state.active:
            raise RefusalError(403, "API key is inactive")
        decision = self._state.rate_limit.take(key)
        if decision is not None and decision.retry_after_s is not None:
            wait = {"Retry-After": str(decision.retry_after_s)}
            raise RefusalError(429, "Too many requests", headers=wait)

    def _choose_signing(self, ctx: RequestContext) -> Response:
        """Choose between the two known ways of signing webhooks; not part of Apiframe's API."""
        wanted = ctx.request.get_data(as_text=True).strip()
        if wanted not in SIGNINGS:
            raise RefusalError(400, f"Send one of {', '.join(SIGNINGS)} as the body")
        self._webhooks.signing = SIGNINGS[wanted]
        return json_response({"signing": wanted})

    def _me(self, _: RequestContext) -> Response:
        self._state.jobs.settle()
        return json_response(
            {
                "user": {
                    "id": "5a0d5c1e-0000-4000-8000-000000000001",
                    "email": "sandbox@apiframe.test",
                    "role": "owner",
                },
                "team": {
                    "id": "5a0d5c1e-0000-4000-8000-000000000002",
                    "name": "Sandbox",
                    "credits": self._state.ledger.balance,
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


def _models(ctx: RequestContext) -> Response:
    wanted = ctx.request.args.get("modality")
    return json_response({"models": [m for m in MODELS if wanted in (None, m["modality"])]})
