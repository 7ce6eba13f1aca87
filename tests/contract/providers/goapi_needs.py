"""What GoAPI needs of a spec at least, for the contract that all pass."""

from collections.abc import Mapping
from typing import Any

from darkroom.providers.goapi.catalogue import Entry, Field, read_catalogue

_PROMPT = {"prompt": "a red bicycle"}
_LORA = [{"lora_type": "mjv6", "lora_strength": 0.8}]

# What a task wants beyond its required fields, or in a shape that its type does not show.
_TOLD: Mapping[str, Mapping[str, Any]] = {
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

_SAMPLES: Mapping[str, Any] = {
    "text": "a red bicycle",
    "integer": 5,
    "number": 2.0,
    "boolean": True,
    "list": _LORA,
    "object": {},
    "any": "any",
}

USUAL = "remove-background"
WITH_JOBS = ("upscale", "image-toolkit")

ORIGIN = "origin_task_id"
"""Where a task works on the result of another, the sandbox wants one that it has made."""


def least_of(entry: Entry) -> Mapping[str, Any]:
    """The least that a task takes besides its files."""
    needed = {name: _sample(rule) for name, rule in entry.fields.items() if rule.required}
    return {**needed, **_TOLD.get(entry.name, {})}


def _sample(rule: Field) -> Any:
    return rule.choices[0] if rule.choices else _SAMPLES[rule.type]


MIN_PARAMS: Mapping[str | tuple[str, str], Mapping[str, Any]] = {
    **dict.fromkeys(("edit", "generate", "combine", "inpaint", "vary"), _PROMPT),
    **dict.fromkeys(("animate", "generate-video"), _PROMPT),
    "segment": {"prompt": "the red thing"},
    "outpaint": {"prompt": "more meadow", "outpaint_left": 16},
    ("make-3d", "trellis-text"): _PROMPT,
    "generate-music": {"prompt": "a slow waltz"},
    "speak": {"text": "Good morning"},
    "lip-sync": {"text": "Good morning"},
    **{("task", entry.name): least_of(entry) for entry in read_catalogue().entries},
}
