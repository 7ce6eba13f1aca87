"""What the contract must know about each provider: minimal specs, paths and responses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.domain.attempt import Charged
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Idempotency
from darkroom.providers.goapi.catalogue import Entry, Field, read_catalogue

Body = Mapping[str, Any]
Params = Mapping[Any, Mapping[str, Any]]

JOB_S = 60.0
"""Jobs end when the sandbox's clock is moved on, not by waiting."""


@dataclass(frozen=True)
class ProviderCase:
    """One provider.

    Attributes:
        label: its name in sentences.
        default_operation: the operation that stands for it where any would do.
        with_jobs: operation and model of a route whose work becomes a job.
        idempotency: how an unclear paid call is settled; the routes declare it too.
        charged_on_failure: whether a failed job is charged; the routes declare it too.
        paid: which requests cost something, for a fault to match.
        poll: which requests ask about a job.
        upload: which requests bring a file before the paid one; None where there are none.
        can_link: whether a file whose upload is refused goes as a URL instead.
        complaint: the body of a refusal.
        unknown_word: a 200 about a job whose status no document names.
        no_result: a 200 about a finished job without a result.
        lost: what becomes of a job that the provider does not know.
        params: operation, or (operation, model), -> the params that it cannot do without.
        origin: the param that names an earlier job of the same model.
        images: operation -> format and size of its picture, where a small PNG will not do.
        every_role: whether optional files are given, too.
        step_s: the clock moves on by no more between two questions.
    """

    label: str
    default_operation: str
    with_jobs: tuple[str, str]
    idempotency: Idempotency
    charged_on_failure: Charged
    paid: Mapping[str, str]
    poll: Mapping[str, str]
    complaint: Body
    unknown_word: Body
    no_result: Body
    lost: JobFailed
    upload: Mapping[str, str] | None = None
    can_link: bool = False
    params: Params = field(default_factory=dict)
    images: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    origin: str | None = None
    every_role: bool = True
    step_s: float = JOB_S


# --- Perfect ---

PERFECT_PARAMS: Mapping[str, Mapping[str, Any]] = {
    "hairstyle": {"style": "Long Waves"},
    "wig": {"style": "Brown Bob"},
    "hair-extension": {"style": "Rose Fade"},
    "hair-bangs": {"style": "Left Sweep"},
    "hair-volume": {"style": "Light Lift", "style_group": "Roots"},
    "generate": {"prompt": "a red bicycle", "style": "Ink Bold"},
}
"""Styles by title; the sandbox has these, at every position of its lists."""

PERFECT_IMAGES: Mapping[str, tuple[str, int, int]] = {
    "hairstyle": ("JPEG", 48, 32),
    "aging": ("JPEG", 400, 320),
}
"""Operation -> format and size of its image, if a small PNG is refused."""

PERFECT_STEP_S = 8.0
"""Seconds between two polls: after 10 s without one a task is lost."""

# --- GoAPI ---

_PROMPT = {"prompt": "a red bicycle"}
_LORA = [{"lora_type": "mjv6", "lora_strength": 0.8}]

# Params that a task needs beyond its required fields, or in a form that their type does not show.
_GOAPI_EXTRA: Mapping[str, Mapping[str, Any]] = {
    "kling:lip_sync": {"tts_text": "Good morning"},
    "kling:motion_control": {"preset_motion": "Cute Baby Dance"},
    "kling:sound": _PROMPT,
    "kling:effects": {"effect": "squish"},
    "kling:video_generation": _PROMPT,
    "hailuo:video_generation": _PROMPT,
    "luma:video_generation": _PROMPT,
    "midjourney:upscale": {"index": "1"},
    "midjourney:variation": {"index": "1"},
    "music-u:generate_music": {"gpt_description_prompt": "a slow waltz"},
    "music-s:generate_music_custom": {"prompt": "la la", "tags": "waltz"},
    "suno:generate_music_custom": {"prompt": "la la", "tags": "waltz"},
    "suno:music": {"gpt_description_prompt": "a slow waltz"},
    "Qubico/ace-step:txt2audio": {"style_prompt": "waltz", "lyrics": "[inst]"},
    "Qubico/diffrhythm:txt2audio-base": {"style_prompt": "waltz", "lyrics": "[00:00.00] la"},
    "Qubico/diffrhythm:txt2audio-full": {"style_prompt": "waltz", "lyrics": "[00:00.00] la"},
    "Qubico/flux1-dev-advanced:fill-outpaint": {
        "custom_settings": [{"setting_type": "outpaint", "outpaint_left": 16}]
    },
    "Qubico/flux1-dev-advanced:controlnet-lora": {
        "control_net_settings": [{"control_type": "depth", "control_strength": 0.5}]
    },
    "Qubico/wanx:img2video-14b-control-camera": {
        "control_camera_settings": [{"type": "zoom", "config": {"zoom": 1.2}}]
    },
    "byteaudio:seed-audio-1.0": _PROMPT,
}

_GOAPI_VALUES: Mapping[str, Any] = {
    "text": "a red bicycle",
    "integer": 5,
    "number": 2.0,
    "boolean": True,
    "list": _LORA,
    "object": {},
    "any": "any",
}


def min_task_params(entry: Entry) -> Mapping[str, Any]:
    """The smallest valid params of a task, without its files."""
    needed = {name: _sample_value(rule) for name, rule in entry.fields.items() if rule.required}
    return {**needed, **_GOAPI_EXTRA.get(entry.name, {})}


def _sample_value(rule: Field) -> Any:
    return rule.choices[0] if rule.choices else _GOAPI_VALUES[rule.type]


GOAPI_PARAMS: Mapping[str | tuple[str, str], Mapping[str, Any]] = {
    **dict.fromkeys(("edit", "generate", "combine", "inpaint", "vary"), _PROMPT),
    **dict.fromkeys(("animate", "generate-video"), _PROMPT),
    "segment": {"prompt": "the red thing"},
    "outpaint": {"prompt": "more meadow", "outpaint_left": 16},
    ("make-3d", "trellis-text"): _PROMPT,
    "generate-music": {"prompt": "a slow waltz"},
    "speak": {"text": "Good morning"},
    "lip-sync": {"text": "Good morning"},
    **{("task", entry.name): min_task_params(entry) for entry in read_catalogue().entries},
}


def _lost(label: str, charged: Any = "unknown") -> JobFailed:
    return JobFailed("job-lost", f"{label} no longer knows the job.", charged)


PROVIDER_CASES: Mapping[str, ProviderCase] = {
    "snapapi": ProviderCase(
        label="SnapAPI",
        default_operation="remove-background",
        with_jobs=("edit", "flux-kontext"),
        idempotency="none",
        charged_on_failure="unknown",
        paid={"method": "POST", "path": "/v?/images/*"},
        poll={"method": "GET", "path": "/v?/*"},
        complaint={"error": {"message": "no"}},
        unknown_word={"status": "DREAMING", "progress": "some"},
        no_result={"status": "COMPLETED", "result": {}},
        lost=_lost("SnapAPI"),
        params={
            "generate": {"prompt": "a red bicycle"},
            "edit": {"prompt": "make it snow"},
            "headshot": {"prompt": "a headshot in a studio"},
            "cartoon": {"prompt": "as a sticker"},
            "inpaint": {"prompt": "an empty wall"},
            "combine": {"prompt": "put both in a stadium"},
            "hairstyle": {"style": "bob"},
        },
    ),
    "apiframe": ProviderCase(
        label="Apiframe",
        default_operation="upscale",
        with_jobs=("upscale", "clarity"),
        idempotency="key",
        charged_on_failure="no",
        paid={"method": "POST", "path": "/v?/images/*"},
        poll={"method": "GET", "path": "/v?/*"},
        upload={"method": "POST", "path": "/v2/uploads"},
        complaint={"error": "no"},
        unknown_word={"status": "DREAMING", "progress": "some"},
        no_result={"status": "COMPLETED", "result": {}},
        lost=_lost("Apiframe"),
        params={
            "inpaint": {"prompt": "an empty wall"},
            "outpaint": {"prompt": "more meadow", "outpaint": "Zoom out 1.5x"},
        },
    ),
    "perfect": ProviderCase(
        label="Perfect Corp",
        default_operation="remove-background",
        with_jobs=("remove-background", "sod"),
        idempotency="key",
        charged_on_failure="no",
        paid={"method": "POST", "path": "/s2s/v1.0/task/*"},
        poll={"method": "GET", "path": "/s2s/v1.0/task/*"},
        upload={"method": "POST", "path": "/s2s/v1.0/file/*"},
        complaint={"status": 400, "error": "no"},
        unknown_word={"status": 200, "result": {"status": "dreaming"}},
        no_result={"status": 200, "result": {"status": "success", "results": []}},
        lost=_lost("Perfect Corp", "no"),
        params=PERFECT_PARAMS,
        images=PERFECT_IMAGES,
        step_s=PERFECT_STEP_S,
    ),
    "goapi": ProviderCase(
        label="GoAPI",
        default_operation="remove-background",
        with_jobs=("upscale", "image-toolkit"),
        idempotency="look-up",
        charged_on_failure="unknown",
        paid={"method": "POST", "path": "/api/v1/task"},
        poll={"method": "GET", "path": "/api/v1/task/*"},
        upload={"method": "POST", "path": "/api/ephemeral_resource"},
        can_link=True,
        complaint={"code": 400, "message": "no"},
        unknown_word={"code": 200, "data": {"task_id": "t", "status": "dreaming", "output": None}},
        no_result={"code": 200, "data": {"task_id": "t", "status": "completed", "output": {}}},
        lost=_lost("GoAPI"),
        params=GOAPI_PARAMS,
        origin="origin_task_id",
        every_role=False,
    ),
}

UPLOADING = [name for name, case in PROVIDER_CASES.items() if case.upload]
MUST_UPLOAD = [name for name in UPLOADING if not PROVIDER_CASES[name].can_link]
KEYED = [name for name, case in PROVIDER_CASES.items() if case.idempotency == "key"]
KEYLESS = [name for name in PROVIDER_CASES if name not in KEYED]
