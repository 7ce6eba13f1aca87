"""Perfect's frame: who calls, how often, the paths of every feature, and the shape of errors.

From the vendor's document (Perfect AI API 2.0, "Rate Limit"; its paths are v1.0): 100 requests a
minute per access token and 100 in five minutes per IP address, both at once. Uploads and downloads
go to the object store and count as neither.
"""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import Handler, RefusalError, RequestContext, Route, SandboxState
from infra.sandbox.perfect.account import Account
from infra.sandbox.perfect.auth import CLIENT_ID, Tokens, client_secret
from infra.sandbox.perfect.errors import (
    invalid_access_token,
    invalid_parameters,
    too_many_requests,
    unknown_client,
)
from infra.sandbox.perfect.features import FEATURES, Feature
from infra.sandbox.perfect.requests import NewFiles, SignIn, read
from infra.sandbox.perfect.storage import Slot, Storage
from infra.sandbox.perfect.styles import groups_handler, styles_handler, thumb
from infra.sandbox.perfect.tasks import Tasks
from infra.sandbox.rate_limit import Pace
from infra.sandbox.responses import json_reply

RATE_PER_MIN: int | None = 100
IP_WINDOW_S = 300.0
PREFIX = "/s2s/v1.0"
PREFIX_WITH_SIZES = "/s2s/v1.1"
SIGN_IN = f"POST {PREFIX}/client/auth"
OBJECT_STORE = frozenset(
    {"PUT /upload/<name>", "GET /results/<name>", "GET /thumbs/<style_id>.jpg"}
)


class Perfect:
    """The provider: implements `Provider` for the server."""

    name = "perfect"

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._tokens = Tokens(world.clock)
        # The same figure as per token and minute; changing that one changes this one.
        self._per_ip = Pace(world.clock, world.pace.limit, IP_WINDOW_S)
        self._storage = Storage(world)
        self._tasks = Tasks(world, self._storage)
        self._account = Account(world)
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
            Route("PUT", "/upload/<name>", self._storage.take_upload),
            Route("GET", "/results/<name>", self._storage.serve),
            Route("GET", "/thumbs/<style_id>.jpg", thumb),
        ]

    def answer(self, call: RequestContext, handler: Handler) -> Response:
        """Check pace and token, run the handler, and render refusals."""
        try:
            if call.route not in OBJECT_STORE:
                self._admit(call)
            return handler(call)
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError) -> Response:
        """Render an error; `error_code` is left out where the vendor documents none."""
        body: dict[str, object] = {"status": refusal.status, "error": refusal.message}
        if refusal.kind:
            body["error_code"] = refusal.kind
        return json_reply(body, refusal.status)

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

    def _admit(self, call: RequestContext) -> None:
        limit = self._world.pace.limit
        self._per_ip.limit = limit
        standing = self._per_ip.take(call.request.remote_addr or "")
        if standing is not None and standing.retry_after_s is not None:
            raise too_many_requests()
        if call.route == SIGN_IN:
            return
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and self._tokens.is_good(token.strip())
        if not known or not self._world.active:
            raise invalid_access_token()
        standing = self._world.pace.take(token)
        if standing is not None and standing.retry_after_s is not None:
            raise too_many_requests()

    def _sign_in(self, call: RequestContext) -> Response:
        body = read(SignIn, call.request.get_data())
        token = self._tokens.issue(body.client_id, body.id_token) if self._world.active else None
        if token is None:
            raise unknown_client()
        return json_reply({"status": 200, "result": {"access_token": token}})

    def _files_handler(self, feature: Feature, *, with_size: bool = False) -> Handler:
        def handle(call: RequestContext) -> Response:
            body = read(NewFiles, call.request.get_data())
            for file in body.files:
                sized = file.file_size is not None or not with_size
                if file.content_type not in feature.content_types or not sized:
                    raise invalid_parameters()
            files = []
            for file in body.files:
                size = file.file_size if with_size else None
                slot = self._storage.reserve(file.content_type, size)
                files.append(
                    {
                        "content_type": file.content_type,
                        "file_name": file.file_name,
                        "file_id": slot.file_id,
                        "requests": [self._upload_request(slot, call.base)],
                    }
                )
            return json_reply({"status": 200, "result": {"files": files}})

        return handle

    def _upload_request(self, slot: Slot, base: str) -> dict[str, object]:
        headers = {"Content-Type": slot.content_type}
        if slot.size is not None:
            headers["Content-Length"] = str(slot.size)
        return {"headers": headers, "url": self._storage.upload_url(slot, base), "method": "PUT"}
