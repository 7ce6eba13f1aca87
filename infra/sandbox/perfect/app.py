"""Perfect's provider class: access tokens, rate limits, the paths of every feature, and errors.

From the vendor's document (Perfect AI API 2.0, "Rate Limit"; its paths are v1.0): 100 requests a
minute per access token, and also 100 in five minutes per IP address. Uploads and downloads go to
the object store and count for neither limit.
"""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.perfect.account import Account
from infra.sandbox.perfect.auth import CLIENT_ID, AccessTokens, client_secret
from infra.sandbox.perfect.errors import (
    invalid_access_token,
    invalid_parameters,
    too_many_requests,
    unknown_client,
)
from infra.sandbox.perfect.features import FEATURES, Feature
from infra.sandbox.perfect.requests import NewFiles, SignIn, read
from infra.sandbox.perfect.storage import FileRecord, Storage
from infra.sandbox.perfect.styles import groups_handler, serve_thumbnail, styles_handler
from infra.sandbox.perfect.tasks import Tasks
from infra.sandbox.provider import Handler, RefusalError, Route
from infra.sandbox.rate_limit import RateLimit
from infra.sandbox.responses import json_response

RATE_PER_MIN: int | None = 100
IP_WINDOW_S = 300.0
PREFIX = "/s2s/v1.0"
PREFIX_WITH_SIZES = "/s2s/v1.1"
SIGN_IN = f"POST {PREFIX}/client/auth"
OBJECT_STORE = frozenset(
    {"PUT /upload/<name>", "GET /results/<name>", "GET /thumbs/<style_id>.jpg"}
)


class Perfect:
    """Implements `Provider`."""

    name = "perfect"

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._tokens = AccessTokens(state.clock)
        # The same number as per token and minute; a change of that one applies here too.
        self._per_ip = RateLimit(state.clock, state.rate_limit.max_requests, IP_WINDOW_S)
        self._storage = Storage(state)
        self._tasks = Tasks(state, self._storage)
        self._account = Account(state)
        self.credentials: Mapping[str, str] = {
            "client_id": CLIENT_ID,
            "client_secret": client_secret(),
        }

    def routes(self) -> list[Route]:
        """List every endpoint."""
        return [
            Route("POST", f"{PREFIX}/client/auth", self._sign_in),
            Route("GET", f"{PREFIX}/client/credit", self._account.credit),
            Route("GET", f"{PREFIX}/client/credit/history", self._account.history),
            *(
                route
                for feature in FEATURES
                for slug in feature.slugs
                for route in self._feature_routes(feature, slug)
            ),
            Route("PUT", "/upload/<name>", self._storage.receive_upload),
            Route("GET", "/results/<name>", self._storage.serve_result),
            Route("GET", "/thumbs/<style_id>.jpg", serve_thumbnail),
        ]

    def handle(self, ctx: RequestContext, handler: Handler) -> Response:
        """Check rate limits and token, run the handler, and render refusals."""
        try:
            if ctx.route not in OBJECT_STORE:
                self._admit(ctx)
            return handler(ctx)
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an error, without `error_code` where the vendor documents none."""
        body: dict[str, object] = {"status": refusal.status, "error": refusal.message}
        if refusal.kind:
            body["error_code"] = refusal.kind
        return json_response(body, refusal.status)

    def _feature_routes(self, feature: Feature, slug: str) -> list[Route]:
        routes = [
            Route("POST", f"{PREFIX}/task/{slug}", self._tasks.run_handler(feature)),
            Route("GET", f"{PREFIX}/task/{slug}", self._tasks.status_handler(feature)),
        ]
        if feature.roles:
            routes += [
                Route("POST", f"{PREFIX}/file/{slug}", self._files_handler(feature)),
                Route(
                    "POST",
                    f"{PREFIX_WITH_SIZES}/file/{slug}",
                    self._files_handler(feature, with_size=True),
                ),
            ]
        if feature.has_styles:
            routes += [
                Route("GET", f"{PREFIX}/task/style-group/{slug}", groups_handler(feature)),
                Route("GET", f"{PREFIX}/task/style/{slug}", styles_handler(feature)),
            ]
        return routes

    def _admit(self, ctx: RequestContext) -> None:
        limit = self._state.rate_limit.max_requests
        self._per_ip.max_requests = limit
        decision = self._per_ip.take(ctx.request.remote_addr or "")
        if decision is not None and decision.retry_after_s is not None:
            raise too_many_requests()
        if ctx.route == SIGN_IN:
            return
        scheme, _, token = ctx.request.headers.get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and self._tokens.is_valid(token.strip())
        if not known or not self._state.active:
            raise invalid_access_token()
        decision = self._state.rate_limit.take(token)
        if decision is not None and decision.retry_after_s is not None:
            raise too_many_requests()

    def _sign_in(self, ctx: RequestContext) -> Response:
        body = read(SignIn, ctx.request.get_data())
        token = self._tokens.issue(body.client_id, body.id_token) if self._state.active else None
        if token is None:
            raise unknown_client()
        return json_response({"status": 200, "result": {"access_token": token}})

    def _files_handler(self, feature: Feature, *, with_size: bool = False) -> Handler:
        def handle(ctx: RequestContext) -> Response:
            body = read(NewFiles, ctx.request.get_data())
            for file in body.files:
                sized = file.file_size is not None or not with_size
                if file.content_type not in feature.content_types or not sized:
                    raise invalid_parameters()
            files = []
            for file in body.files:
                size = file.file_size if with_size else None
                record = self._storage.register_upload(file.content_type, size)
                files.append(
                    {
                        "content_type": file.content_type,
                        "file_name": file.file_name,
                        "file_id": record.file_id,
                        "requests": [self._upload_request(record, ctx.base_url)],
                    }
                )
            return json_response({"status": 200, "result": {"files": files}})

        return handle

    def _upload_request(self, record: FileRecord, base_url: str) -> dict[str, object]:
        headers = {"Content-Type": record.content_type}
        if record.size is not None:
            headers["Content-Length"] = str(record.size)
        return {
            "headers": headers,
            "url": self._storage.upload_url(record, base_url),
            "method": "PUT",
        }
