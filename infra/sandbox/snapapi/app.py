"""SnapAPI's frame: who calls, how often, what it costs, and the shape of answers and errors.

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
from infra.sandbox.context import Handler, RefusalError, RequestContext, SandboxState
from infra.sandbox.image_ops.codec import Photo, Pixels, encode
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.rate_limit import Standing
from infra.sandbox.responses import file_reply, json_reply, request_digest
from infra.sandbox.snapapi.form import Form
from infra.sandbox.snapapi.sessions import Sessions

API_KEY = "sk-snap-sandbox-0000000000000000"
OUTPUT_LIFETIME_S = 24 * 3600.0  # the vendor names no lifetime
KEYLESS = frozenset({"GET /v1/health", "GET /outputs/<path:name>"})
KIND_BY_STATUS = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Desk:
    """Where a plan's work is turned into an answer: stores results and remembers pictures."""

    def __init__(
        self, call: RequestContext, world: SandboxState, sessions: Sessions, stem: str
    ) -> None:
        self._call = call
        self._world = world
        self._sessions = sessions
        self._stem = stem

    def store(self, pixels: Pixels) -> str:
        """Keep a result and return its URL."""
        path = store_output(self._world, self._call, self._stem, pixels)
        return self._call.base + path

    def remember(self, photo: Photo) -> dict[str, str]:
        """Keep an input for later requests; returns the ids as the answers name them."""
        ids = self._sessions.remember(photo, self._stem)
        return {"session_id": ids.session_id, "image_id": ids.image_id}

    def single_image(self, result: Pixels, source: Photo) -> dict[str, object]:
        """Build a SingleImageResponse."""
        return {**self.listed(self.store(result)), **self.remember(source)}

    def listed(self, url: str) -> dict[str, object]:
        """Build what every answer with a picture has: when, and where the picture is."""
        return {"created": int(self._world.clock.now()), "data": [{"url": url}]}


@dataclass(frozen=True)
class Plan:
    """A checked request: its price, and the work that makes its answer."""

    credits: int
    run: Callable[[Desk], dict[str, object]]


Reader = Callable[[Form], Plan]


class SnapApi:
    """The provider: implements `Provider` for the server."""

    name = "snapapi"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, world: SandboxState) -> None:
        self.world = world
        self.sessions = Sessions(world.clock)

    def answer(self, call: RequestContext, handler: Handler) -> Response:
        """Check key and pace, run the handler, render refusals, and add the rate-limit headers."""
        try:
            if call.route in KEYLESS:
                return handler(call)
            key = self._authenticate(call)
        except RefusalError as refusal:
            return self.refuse(refusal)
        standing = self.world.pace.take(key)
        if standing is not None and standing.retry_after_s is not None:
            wait = {"retry-after": str(standing.retry_after_s)}
            response = self.refuse(RefusalError(429, "Rate limit exceeded.", headers=wait))
        else:
            try:
                response = handler(call)
            except RefusalError as refusal:
                response = self.refuse(refusal)
        if standing is not None:
            _add_rate_headers(response, standing)
        return response

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an ErrorResponse."""
        default = "server_error" if refusal.status >= 500 else "invalid_request_error"  # noqa: PLR2004
        error = {
            "message": refusal.message,
            "type": refusal.kind or KIND_BY_STATUS.get(refusal.status, default),
            "code": refusal.status,
        }
        response = json_reply({"error": error}, refusal.status)
        response.headers.update(dict(refusal.headers))
        return response

    def synchronous(self, reader: Reader, *, takes_json: bool = False) -> Handler:
        """Make a handler that does the work while the client waits."""

        def handle(call: RequestContext) -> Response:
            plan = reader(Form(call, self.world, self.sessions, takes_json=takes_json))
            stem = uuid.uuid4().hex
            self.charge(call, plan.credits, f"call_{stem}")
            return json_reply(plan.run(Desk(call, self.world, self.sessions, stem)))

        return handle

    def charge(self, call: RequestContext, credits: int, job_id: str) -> Purchase:  # noqa: A002
        """Take the price; 429 without `retry-after` when there is not enough."""
        purchase = Purchase(job_id, call.route, credits, _digest(call))
        try:
            self.world.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            raise RefusalError(429, "Insufficient credits.", kind="insufficient_credits") from exc
        return purchase

    def output(self, call: RequestContext) -> Response:
        """Answer with a result file."""
        return file_reply(call, self.world)

    def _authenticate(self, call: RequestContext) -> str:
        headers = call.request.headers
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        key = headers.get("api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
        if key != API_KEY or not self.world.active:
            raise RefusalError(401, "Invalid API key provided.")
        return key


def store_output(world: SandboxState, call: RequestContext, stem: str, pixels: Pixels) -> str:
    """Keep a result as PNG and return its path."""
    path = f"/outputs/{stem}.png"
    gone = None
    if call.effect is not None and call.effect.result == "gone":
        gone = call.effect.status or 404
    world.files.put(
        path, encode(pixels, "png"), "image/png", lifetime_s=OUTPUT_LIFETIME_S, gone=gone
    )
    return path


def _digest(call: RequestContext) -> str:
    if call.request.mimetype == "application/x-www-form-urlencoded":
        asked = json.dumps([call.request.path, sorted(call.request.form.items(multi=True))])
        return hashlib.sha256(asked.encode()).hexdigest()
    return request_digest(call.request)


def _add_rate_headers(response: Response, standing: Standing) -> None:
    response.headers["x-ratelimit-limit-requests"] = str(standing.limit)
    response.headers["x-ratelimit-remaining-requests"] = str(standing.remaining)
    response.headers["x-ratelimit-reset-requests"] = iso_seconds(standing.resets_at)
