"""GoAPI's frame: key, routes, refusals, and what its documents leave open, as knobs.

Facts from "Getting Started" and "Image Editing API" (goapi.ai/docs) and from piapi.ai/docs, the
same service under another name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from werkzeug.wrappers import Response

from infra.sandbox.context import Handler, RefusalError, RequestContext, Route, SandboxState
from infra.sandbox.goapi.api.account import show_account
from infra.sandbox.goapi.api.envelope import refusal_reply
from infra.sandbox.goapi.api.history import History
from infra.sandbox.goapi.api.tasks import Tasks
from infra.sandbox.goapi.api.toolkit_v2 import ToolkitV2
from infra.sandbox.goapi.api.unified import Unified
from infra.sandbox.goapi.api.uploads import take_upload
from infra.sandbox.goapi.api.webhooks import Webhooks
from infra.sandbox.goapi.generators.padded_files import Tails

API_KEY = "sandbox0000000000000000000000000000000000000000000000000000000000"
KEYLESS = frozenset({"GET /temp/<name>", "GET /ephemeral/<name>"})

# What the documents leave open, each with the guess that holds until it is set otherwise.
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
    """The provider: implements `Provider` for the server."""

    name = "goapi"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": API_KEY})

    def __init__(self, world: SandboxState) -> None:
        self._world = world
        world.knobs.update(KNOBS)
        self._tails = Tails()
        self._tasks = Tasks(world, self._tails)
        self._unified = Unified(world, self._tasks)
        self._tasks.add_watcher(Webhooks(world, self._tasks, self._unified.show))
        self._history = History(world, self._tasks, self._unified.show)
        self._toolkit = ToolkitV2(world, self._tails)

    def routes(self) -> list[Route]:
        """List every endpoint."""
        return [
            Route("POST", "/api/v1/task", self._unified.create),
            Route("GET", "/api/v1/task/<task_id>", self._unified.get),
            Route("DELETE", "/api/v1/task/<task_id>", self._unified.cancel),
            Route("DELETE", "/api/v1/tasks", self._unified.cancel_many),
            Route("GET", "/api/open/tasks/histories", self._history.list_rows),
            Route("GET", "/account/active_tasks", self._history.count_active),
            Route("GET", "/account/info", lambda call: show_account(call, self._world)),
            Route("POST", "/api/ephemeral_resource", lambda call: take_upload(call, self._world)),
            Route("POST", "/api/image_toolkit/v2/create", self._toolkit.create),
            Route("POST", "/api/image_toolkit/v2/fetch", self._toolkit.fetch),
            Route("GET", "/temp/<name>", self._file),
            Route("GET", "/ephemeral/<name>", self._file),
        ]

    def answer(self, call: RequestContext, handler: Handler) -> Response:
        """Check key and pace, run the handler, and render refusals."""
        try:
            if call.route not in KEYLESS:
                self._admit(call)
            return handler(call)
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError) -> Response:
        """Render a refusal in the envelope."""
        return refusal_reply(refusal)

    def _admit(self, call: RequestContext) -> None:
        key = call.request.headers.get("x-api-key", "")
        if key != API_KEY or not self._world.active:
            raise RefusalError(401, "Invalid API key")
        standing = self._world.pace.take(key)
        if standing is not None and standing.retry_after_s is not None:
            wait = {"Retry-After": str(standing.retry_after_s)}
            raise RefusalError(429, "Too many requests", headers=wait)

    def _file(self, call: RequestContext) -> Response:
        return self._tails.reply(call, self._world)
