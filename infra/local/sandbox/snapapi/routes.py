"""SnapAPI's endpoints and who handles each."""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.local.sandbox.clock import iso_seconds
from infra.local.sandbox.replies import json_reply
from infra.local.sandbox.snapapi import erasing, finding, improving, prompting, tasks
from infra.local.sandbox.snapapi.provider import Reader, SnapApi
from infra.local.sandbox.world import Call, Route, World

SYNCHRONOUS: Mapping[str, Reader] = {
    "detect-objects": finding.detect_objects,
    "detect-text": finding.detect_text,
    "detect-wires": finding.detect_wires,
    "remove-objects": erasing.remove_objects,
    "remove-text": erasing.remove_text,
    "remove-watermark": erasing.remove_watermark,
    "remove-wires": erasing.remove_wires,
    "remove-background": finding.remove_background,
    "enhance": improving.enhance,
    "enhance-art": improving.enhance_art,
    "restore": improving.restore,
    "colorize": improving.colour,
    "generate-art": improving.generate_art,
    "generations": prompting.generations,
    "generations-qwen": prompting.generations_qwen,
    "edits": prompting.edits,
    "edits/multi": prompting.edits_multi,
    "retouch-skin": improving.retouch_skin,
    "transfer-makeup": improving.transfer_makeup,
    "hairstyle": improving.change_hairstyle,
    "outpaint": erasing.outpaint,
    "pose-suggest": improving.pose_suggest,
}
TASKS = {"edit-flux": tasks.edit_flux, "try-on": tasks.try_on}


class Api(SnapApi):
    """SnapAPI with its table of endpoints."""

    def routes(self) -> list[Route]:
        """List every endpoint."""
        opened = tasks.Tasks(self)
        return [
            *(
                Route("POST", f"/v1/images/{name}", self.synchronous(reader))
                for name, reader in SYNCHRONOUS.items()
            ),
            *(
                Route("POST", f"/v1/images/{name}", opened.create(reader))
                for name, reader in TASKS.items()
            ),
            Route("GET", "/v1/tasks/<task_id>", opened.get),
            Route("DELETE", "/v1/tasks/<task_id>", opened.cancel),
            Route("GET", "/v1/health", self._health),
            Route("GET", "/outputs/<path:name>", self.output),
        ]

    def _health(self, _: Call) -> Response:
        parts = ("worker", "upstream", "backend", "kv")
        return json_reply(
            {
                "status": "healthy",
                "checks": dict.fromkeys(parts, "ok"),
                "timestamp": iso_seconds(self.world.clock.now()),
            }
        )


def build_provider(world: World) -> Api:
    """Build the provider on a world."""
    return Api(world)
