"""SnapAPI's provider class: API key, rate limit, charges, and the shape of responses and errors.

Facts from the vendor's page snapapi.ai/en/docs (v1.0.0); the error body and the rate-limit headers
from docs.snapedit.app/en/docs, "Error Handling".
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from werkzeug.wrappers import Response

from infra.sandbox.clock import iso_seconds
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.image_ops.codec import Photo, Pixels, encode
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.provider import Handler, RefusalError
from infra.sandbox.rate_limit import RateLimitDecision
from infra.sandbox.responses import file_response, json_response, request_digest
from infra.sandbox.snapapi.form import Form
from infra.sandbox.snapapi.sessions import Sessions

API_KEY = "sk-snap-sandbox-0000000000000000"
OUTPUT_LIFETIME_S = 24 * 3600.0  # a guess: the vendor documents no lifetime
KEYLESS = frozenset({"GET /v1/health", "GET /outputs/<path:name>"})
KIND_BY_STATUS = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class ResponseBuilder:
    """Builds the response of one request: stores results and remembers input images."""

    def __init__(
        self, ctx: RequestContext, state: SandboxState, sessions: Sessions, stem: str
    ) -> None:
        self._call = ctx
        self._state = state
        self._sessions = sessions
        self._stem = stem

    def store(self, pixels: Pixels) -> str:
        """Store a result and return its URL."""
        path = store_output(self._state, self._call, self._stem, pixels)
        return self._call.base_url + path

    def remember(self, photo: Photo) -> dict[str, str]:
        """Remember an input image for later requests; return its ids as in the response."""
        ids = self._sessions.remember(photo, self._stem)
        return {"session_id": ids.session_id, "image_id": ids.image_id}

    def single_image_response(self, result: Pixels, source: Photo) -> dict[str, object]:
        """Build a SingleImageResponse."""
        return {**self.image_response(self.store(result)), **self.remember(source)}

    def image_response(self, url: str) -> dict[str, object]:
        """Build what every response with an image has: its time and its URL."""
        return {"created": int(self._state.clock.now()), "data": [{"url": url}]}


@dataclass(frozen=True)
class Plan:
    """A checked request: its price, and the work that builds its response."""

    credits: int
    run: Callable[[ResponseBuilder], dict[str, object]]


FormReader = Callable[[Form], Plan]


class SnapApi:
    """Implements `Provider`, without the list of routes."""

    name = "snapapi"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.sessions = Sessions(state.clock)

    def handle(self, ctx: RequestContext, handler: Handler) -> Response:
        """Check key and rate limit, run the handler, render refusals, add rate-limit headers."""
        try:
            if ctx.route in KEYLESS:
                return handler(ctx)
            key = self._authenticate(ctx)
        except RefusalError as refusal:
            return self.refuse(refusal)
        decision = self.state.rate_limit.take(key)
        if decision is not None and decision.retry_after_s is not None:
            wait = {"retry-after": str(decision.retry_after_s)}
            response = self.refuse(RefusalError(429, "Rate limit exceeded.", headers=wait))
        else:
            try:
                response = handler(ctx)
            except RefusalError as refusal:
                response = self.refuse(refusal)
        if decision is not None:
            _add_rate_headers(response, decision)
        return response

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an ErrorResponse."""
        default = "server_error" if refusal.status >= 500 else "invalid_request_error"  # noqa: PLR2004
        error = {
            "message": refusal.message,
            "type": refusal.kind or KIND_BY_STATUS.get(refusal.status, default),
            "code": refusal.status,
        }
        response = json_response({"error": error}, refusal.status)
        response.headers.update(dict(refusal.headers))
        return response

    def sync_handler(self, reader: FormReader, *, takes_json: bool = False) -> Handler:
        """Return a handler that does the work while the client waits."""

        def handle(ctx: RequestContext) -> Response:
            plan = reader(Form(ctx, self.state, self.sessions, takes_json=takes_json))
            stem = uuid.uuid4().hex
            self.charge(ctx, plan.credits, f"call_{stem}")
            return json_response(plan.run(ResponseBuilder(ctx, self.state, self.sessions, stem)))

        return handle

    def charge(self, ctx: RequestContext, credits: int, job_id: str) -> Purchase:  # noqa: A002
        """Charge the price; 429 without `retry-after` when the credits do not suffice."""
        purchase = Purchase(job_id, ctx.route, credits, _digest(ctx))
        try:
            self.state.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            raise RefusalError(429, "Insufficient credits.", kind="insufficient_credits") from exc
        return purchase

    def output(self, ctx: RequestContext) -> Response:
        """Respond with a result file."""
        return file_response(ctx, self.state)

    def _authenticate(self, ctx: RequestContext) -> str:
        headers = ctx.request.headers
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        key = headers.get("api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
        if key != API_KEY or not self.state.active:
            raise RefusalError(401, "Invalid API key provided.")
        return key


def store_output(state: SandboxState, ctx: RequestContext, stem: str, pixels: Pixels) -> str:
    """Store a result as PNG and return its path."""
    path = f"/outputs/{stem}.png"
    gone_status = None if ctx.effect is None else ctx.effect.gone_status
    state.files.put(
        path,
        encode(pixels, "png"),
        "image/png",
        lifetime_s=OUTPUT_LIFETIME_S,
        gone_status=gone_status,
    )
    return path


def _digest(ctx: RequestContext) -> str:
    if ctx.request.mimetype == "application/x-www-form-urlencoded":
        content = json.dumps([ctx.request.path, sorted(ctx.request.form.items(multi=True))])
        return hashlib.sha256(content.encode()).hexdigest()
    return request_digest(ctx.request)


def _add_rate_headers(response: Response, decision: RateLimitDecision) -> None:
    response.headers["x-ratelimit-limit-requests"] = str(decision.limit)
    response.headers["x-ratelimit-remaining-requests"] = str(decision.remaining)
    response.headers["x-ratelimit-reset-requests"] = iso_seconds(decision.resets_at)
