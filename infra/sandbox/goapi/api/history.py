"""GoAPI's task history and its counts of active tasks.

Facts from "User Task History" and "Task List Info" (piapi.ai/docs). A row appears when its task has
ended; whether one is there before is not documented, so that is a knob.
"""

import zlib
from collections.abc import Callable, Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError, RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import answer, stamp
from infra.sandbox.goapi.api.tasks import Task, Tasks

ACCOUNT_ID = 1
DEFAULT_SIZE = 10
MAX_SIZE = 100

# Model -> the word that the history files it under; what is not here belongs to `llm`, under which
# the newer models are billed. The last is a guess.
GROUPS: Mapping[str, str] = {
    "Qubico/image-toolkit": "image_toolkit",
    "Qubico/video-toolkit": "video_toolkit",
    "Qubico/flux1-schnell": "flux",
    "Qubico/flux1-dev": "flux",
    "Qubico/flux1-dev-advanced": "flux",
    "Qubico/diffrhythm": "diffrhythm",
    "Qubico/hug-video": "hug_video",
    "Qubico/hunyuan": "hunyuan",
    "Qubico/mmaudio": "mmaudio",
    "Qubico/skyreels": "skyreels",
    "Qubico/trellis": "trellis",
    "Qubico/tts": "tts",
    "Qubico/wanx": "wan",
    "Wan": "wan",
    "hailuo": "hailuo",
    "kling": "kling",
    "kling-turbo": "kling",
    "luma": "luma",
    "midjourney": "mj",
    "music-s": "music-s",
    "suno": "music-s",
    "music-u": "music-u",
}
OTHER_GROUP = "llm"
WORDS = frozenset({*GROUPS.values(), OTHER_GROUP, "gpts", "sd"})
ENDS = {"completed": "finished", "failed": "failed"}

# What `active_tasks` counts, and the history's word for it.
COUNTED: Mapping[str, str] = {
    "flux": "flux",
    "kling": "kling",
    "luma": "luma",
    "midjourney": "mj",
    "music-s": "music-s",
    "music-u": "music-u",
}
LIVE = ("staged", "pending", "processing")

Show = Callable[[Task, str], Mapping[str, object]]


class History:
    """Reads the tasks of the account; `show` gives a task's `data`."""

    def __init__(self, world: SandboxState, tasks: Tasks, show: Show) -> None:
        self._world = world
        self._tasks = tasks
        self._show = show

    def list_rows(self, call: RequestContext) -> Response:
        """Answer with a page of rows, the newest first."""
        query = call.request.args
        page = _whole(query.get("page"), "page", 1)
        size = _whole(query.get("page_size"), "page_size", DEFAULT_SIZE)
        if page < 1 or not 1 <= size <= MAX_SIZE:
            raise RefusalError(400, f"page_size must be from 1 to {MAX_SIZE}, page from 1")
        model = query.get("model", "")
        if model and model not in WORDS:
            raise RefusalError(400, "invalid model")
        starts = _whole(query.get("start_time"), "start_time", 0)
        ends = _whole(query.get("end_time"), "end_time", 0)
        tasks = [
            task
            for task in self._tasks.newest_first()
            if model in ("", group_of(task))
            and task.created_at >= starts
            and (not ends or task.created_at < ends + 1)
            and self._is_listed(task)
        ]
        shown = tasks[(page - 1) * size : page * size]
        rows = [self._row(task, call.base) for task in shown]
        return answer({"data": rows, "page": page, "size": size, "total": len(tasks)})

    def count_active(self, _: RequestContext) -> Response:
        """Answer with how many tasks of some families are on their way."""
        live: dict[str, list[str]] = {name: [] for name in COUNTED.values()}
        for task in self._tasks.newest_first():
            live.get(group_of(task), []).append(self._tasks.look(task).status)
        counts = {}
        for name, group in COUNTED.items():
            by_status = {f"{word}_count": live[group].count(word) for word in LIVE}
            counts[name] = by_status | {"active_tasks": sum(by_status.values())}
        return answer(counts)

    def _is_listed(self, task: Task) -> bool:
        ended = self._tasks.look(task).standing.ended_at is not None
        return ended or bool(self._world.knobs["history_shows_running"])

    def _row(self, task: Task, base: str) -> dict[str, object]:
        look = self._tasks.look(task)
        shown = self._show(task, base)
        ended = look.standing.ended_at
        detail: dict[str, object] = {
            "model": task.row.model,
            "task_id": task.id,
            "workflow_type": task.row.task_type,
        }
        if look.standing.phase == "done":
            detail["output"] = shown["output"]
        failed = look.standing.phase in ("failed", "cancelled")
        return {
            "id": zlib.crc32(task.id.encode()),
            "account_id": ACCOUNT_ID,
            "api_key_id": ACCOUNT_ID,
            "task_id": task.id,
            "task_model": group_of(task),
            "action": task.row.task_type,
            "status": "failed" if failed else ENDS.get(look.status, look.status),
            "usage": 0 if failed and task.refunds else task.units,
            "usage_type": task.row.usage,
            "service_mode": task.config["service_mode"],
            "detail": detail,
            "fixed": False,
            "created_at": stamp(task.created_at),
            "updated_at": stamp(task.created_at if ended is None else ended),
        }


def group_of(task: Task) -> str:
    """Return the history's word for a task's model."""
    return GROUPS.get(task.row.model, OTHER_GROUP)


def _whole(text: str | None, name: str, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal():
        raise RefusalError(400, f"invalid {name}")
    return int(text)
