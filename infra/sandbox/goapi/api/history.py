"""GoAPI's task history and its counts of active tasks.

Facts from "User Task History" and "Task List Info" (piapi.ai/docs). The history lists ended tasks;
whether it lists running ones is not documented, so that is a knob.
"""

import zlib
from collections.abc import Callable, Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import format_time, success_response
from infra.sandbox.goapi.api.tasks import Task, Tasks
from infra.sandbox.provider import RefusalError

ACCOUNT_ID = 1
DEFAULT_SIZE = 10
MAX_SIZE = 100

# Model -> the group that the history lists it under. Every other model belongs to `llm`, under
# which the newer models are billed; that is a guess.
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
MODEL_FILTERS = frozenset({*GROUPS.values(), OTHER_GROUP, "gpts", "sd"})
FINAL_STATUS = {"completed": "finished", "failed": "failed"}

# What `active_tasks` counts -> its group in the history.
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
    """Lists the tasks of the account; `show` builds the `data` of a task."""

    def __init__(self, state: SandboxState, tasks: Tasks, show: Show) -> None:
        self._state = state
        self._tasks = tasks
        self._show = show

    def list_tasks(self, ctx: RequestContext) -> Response:
        """Respond with a page of tasks, the newest first."""
        query = ctx.request.args
        page = _int_or_default(query.get("page"), "page", 1)
        size = _int_or_default(query.get("page_size"), "page_size", DEFAULT_SIZE)
        if page < 1 or not 1 <= size <= MAX_SIZE:
            raise RefusalError(400, f"page_size must be from 1 to {MAX_SIZE}, page from 1")
        model = query.get("model", "")
        if model and model not in MODEL_FILTERS:
            raise RefusalError(400, "invalid model")
        starts = _int_or_default(query.get("start_time"), "start_time", 0)
        ends = _int_or_default(query.get("end_time"), "end_time", 0)
        tasks = [
            task
            for task in self._tasks.newest_first()
            if model in ("", group_of(task))
            and task.created_at >= starts
            and (not ends or task.created_at < ends + 1)
            and self._is_listed(task)
        ]
        shown = tasks[(page - 1) * size : page * size]
        entries = [self._history_entry(task, ctx.base_url) for task in shown]
        return success_response({"data": entries, "page": page, "size": size, "total": len(tasks)})

    def count_active(self, _: RequestContext) -> Response:
        """Respond with the number of active tasks per family."""
        live: dict[str, list[str]] = {name: [] for name in COUNTED.values()}
        for task in self._tasks.newest_first():
            live.get(group_of(task), []).append(self._tasks.status_of(task).status)
        counts = {}
        for name, group in COUNTED.items():
            by_status = {f"{word}_count": live[group].count(word) for word in LIVE}
            counts[name] = by_status | {"active_tasks": sum(by_status.values())}
        return success_response(counts)

    def _is_listed(self, task: Task) -> bool:
        ended = self._tasks.status_of(task).job_status.ended_at is not None
        return ended or bool(self._state.knobs["history_shows_running"])

    def _history_entry(self, task: Task, base_url: str) -> dict[str, object]:
        task_status = self._tasks.status_of(task)
        shown = self._show(task, base_url)
        ended = task_status.job_status.ended_at
        detail: dict[str, object] = {
            "model": task.task_type.model,
            "task_id": task.id,
            "workflow_type": task.task_type.name,
        }
        if task_status.job_status.phase == "done":
            detail["output"] = shown["output"]
        failed = task_status.job_status.phase in ("failed", "cancelled")
        return {
            "id": zlib.crc32(task.id.encode()),
            "account_id": ACCOUNT_ID,
            "api_key_id": ACCOUNT_ID,
            "task_id": task.id,
            "task_model": group_of(task),
            "action": task.task_type.name,
            "status": "failed"
            if failed
            else FINAL_STATUS.get(task_status.status, task_status.status),
            "usage": 0 if failed and task.refunds else task.units,
            "usage_type": task.task_type.usage,
            "service_mode": task.config["service_mode"],
            "detail": detail,
            "fixed": False,
            "created_at": format_time(task.created_at),
            "updated_at": format_time(task.created_at if ended is None else ended),
        }


def group_of(task: Task) -> str:
    """Return the group that the history lists a task under."""
    return GROUPS.get(task.task_type.model, OTHER_GROUP)


def _int_or_default(text: str | None, name: str, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal():
        raise RefusalError(400, f"invalid {name}")
    return int(text)
