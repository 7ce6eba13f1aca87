"""SnapAPI's endpoints and their handlers."""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.clock import iso_seconds
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.provider import Handler, Route
from infra.sandbox.responses import json_response
from infra.sandbox.snapapi import detect, enhance, erase, generate, openai, tasks
from infra.sandbox.snapapi.app import FormReader, SnapApi

SYNC_READERS: Mapping[str, FormReader] = {
    "detect-objects": detect.detect_objects,
    "detect-text": detect.detect_text,
    "detect-wires": detect.detect_wires,
    "remove-objects": erase.remove_objects,
    "remove-text": erase.remove_text,
    "remove-watermark": erase.remove_watermark,
    "remove-wires": erase.remove_wires,
    "remove-background": detect.remove_background,
    "enhance": enhance.enhance,
    "enhance-art": enhance.enhance_art,
    "restore": enhance.restore,
    "colorize": enhance.colorize_photo,
    "generate-art": enhance.generate_art,
    "generations": openai.generations,
    "generations-qwen": generate.generations_qwen,
    "edits": openai.edits,
    "edits/multi": generate.edits_multi,
    "retouch-skin": enhance.retouch_skin,
    "transfer-makeup": enhance.transfer_makeup,
    "hairstyle": enhance.change_hairstyle,
    "outpaint": erase.outpaint,
    "pose-suggest": enhance.pose_suggest,
}
TASK_READERS = {"edit-flux": tasks.edit_flux, "try-on": tasks.try_on}
TAKES_JSON = frozenset({"generations"})  # as the OpenAI SDK sends it

# The page names an older path beside each endpoint; both behave the same here.
LEGACY: Mapping[str, str] = {
    "detect-objects": "/api/object_removal/v5/ai_detection",
    "detect-text": "/api/object_removal/v5/text_detection",
    "detect-wires": "/api/object_removal/v5/wire_detection",
    "remove-objects": "/api/object_removal/v5/erase",
    "remove-text": "/api/object_removal/v5/erase_text",
    "remove-watermark": "/api/object_removal/v5/erase_watermark",
    "remove-wires": "/api/object_removal/v5/erase_wire",
    "remove-background": "/api/rmbg/v1/",
    "enhance": "/api/enhance/v1/pro",
    "enhance-art": "/api/enhance/v1/cartoon/pro",
    "restore": "/api/restore/v1/",
    "colorize": "/api/colorize/v1/",
    "generate-art": "/api/fairyai/v1/gen_image",
    "generations": "/api/text-to-image/v1",
    "generations-qwen": "/api/text-to-image/v2",
    "edits": "/api/image-edit/v2",
    "edits/multi": "/api/image-edit/v2/multi",
    "edit-flux": "/api/image-editing/v1/tasks",
    "retouch-skin": "/api/skin_beauty/v1",
    "transfer-makeup": "/api/makeup/v1/transfer",
    "hairstyle": "/api/hairstyler/v1",
    "try-on": "/api/tryon/v2/tasks",
    "outpaint": "/api/outpaint/v1/",
    "pose-suggest": "/api/recommendation/v1/pose",
}


class Api(SnapApi):
    """SnapAPI with its table of endpoints."""

    def routes(self) -> list[Route]:
        """List every endpoint."""
        task_routes = tasks.Tasks(self)
        handlers: dict[str, Handler] = {
            **{
                name: self.sync_handler(reader, takes_json=name in TAKES_JSON)
                for name, reader in SYNC_READERS.items()
            },
            **{name: task_routes.create(reader) for name, reader in TASK_READERS.items()},
        }
        return [
            *(Route("POST", f"/v1/images/{name}", handle) for name, handle in handlers.items()),
            *(Route("POST", LEGACY[name], handle) for name, handle in handlers.items()),
            Route("GET", "/v1/tasks/<task_id>", task_routes.get),
            Route("DELETE", "/v1/tasks/<task_id>", task_routes.cancel),
            Route("GET", "/v1/health", self._health),
            Route("GET", "/outputs/<path:name>", self.output),
        ]

    def _health(self, _: RequestContext) -> Response:
        parts = ("worker", "upstream", "backend", "kv")
        return json_response(
            {
                "status": "healthy",
                "checks": dict.fromkeys(parts, "ok"),
                "timestamp": iso_seconds(self.state.clock.now()),
            }
        )


def build_provider(state: SandboxState) -> Api:
    """Build the provider over its state."""
    return Api(state)
