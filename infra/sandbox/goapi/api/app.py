"""GoAPI's provider class: API key, routes, refusals, and the knobs.

Facts from "Getting Started" and "Image Editing API" (goapi.ai/docs) and from piapi.ai/docs, the
same service under another name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.account import show_account
from infra.sandbox.goapi.api.envelope import error_response
from infra.sandbox.goapi.api.history import History
from infra.sandbox.goapi.api.tasks import Tasks
from infra.sandbox.goapi.api.toolkit_v2 import ToolkitV2
from infra.sandbox.goapi.api.unified import UnifiedApi
from infra.sandbox.goapi.api.uploads import store_upload
from infra.sandbox.goapi.api.webhooks import Webhooks
from infra.sandbox.goapi.generators.padded_files import PaddedFiles
from infra.sandbox.provider import Handler, RefusalError, Route

API_KEY = "sandbox0000000000000000000000000000000000000000000000000000000000"
KEYLESS = frozenset({"GET /temp/<name>", "GET /ephemeral/<name>"})

# What the documents leave open, each with a guess as its default.
KNOBS: Mapping[str, bool | int | str] = MappingProxyType(
    {
        "max_concurrent_tasks": 1000,
        "uploads_in_plan": True,
        "no_credit_status": 400,
        "status_when_cancelled": "failed",
        "history_shows_running": False,
        "webhook_on_creation": False,
        "webhook_retry_s": 5,
    }
)


class GoApi:
    """Implements `Provider`."""

    name = "goapi"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        state.knobs.update(KNOBS)
        self._padded_files = PaddedFiles()
        self._tasks = Tasks(state, self._padded_files)
        self._unified = UnifiedApi(state, self._tasks)
        self._tasks.add_listener(Webhooks(state, self._tasks, self._unified.show))
        self._history = History(state, self._tasks, self._unified.show)
        self._toolkit = ToolkitV2(state, self._padded_files)

    def routes(self) -> list[Route]:
        """List every endpoint."""
        return [
            Route("POST", "/api/v1/task", self._unified.create),
            Route("GET", "/api/v1/task/<task_id>", self._unified.get),
            Route("DELETE", "/api/v1/task/<task_id>", self._unified.cancel),
            Route("DELETE", "/api/v1/tasks", self._unified.cancel_many),
            Route("GET", "/api/open/tasks/histories", self._history.list_tasks),
            Route("GET", "/account/active_tasks", self._history.count_active),
            Route("GET", "/account/info", lambda ctx: show_account(ctx, self._state)),
            Route("POST", "/api/ephemeral_resource", lambda ctx: store_upload(ctx, self._state)),
            Route("POST", "/api/image_toolkit/v2/create", self._toolkit.create),
            Route("POST", "/api/image_toolkit/v2/fetch", self._toolkit.fetch),
            Route("GET", "/temp/<name>", self._file),
            Route("GET", "/ephemeral/<name>", self._file),
        ]

    def handle(self, ctx: RequestContext, handler: Handler) -> Response:
        """Check the key and the rate limit, run the handler, and render refusals."""
        try:
            if ctx.route not in KEYLESS:
                self._admit(ctx)
            return handler(ctx)
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError) -> Response:
        """Render a refusal in the envelope of every response."""
        return error_response(refusal)

    def _admit(self, ctx: RequestContext) -> None:
        key = ctx.request.headers.get("x-api-key", "")
        if key != API_KEY or not self._state.active:
            raise RefusalError(401, "Invalid API key")
        decision = self._state.rate_limit.take(key)
        if decision is not None and decision.retry_after_s is not None:
            wait = {"Retry-After": str(decision.retry_after_s)}
            raise RefusalError(429, "Too many requests", headers=wait)

    def _file(self, ctx: RequestContext) -> Response:
        return self._padded_files.reply(ctx, self._state)
