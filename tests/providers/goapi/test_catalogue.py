"""The catalogue file: every family of the vendor's navigation, and every entry is consistent."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from darkroom.domain.media import BY_EXTENSION
from darkroom.providers.goapi.adapter import GoApi
from darkroom.providers.goapi.catalogue import FILE, Catalogue, Entry, Field, read_catalogue
from darkroom.providers.goapi.routes import build_calls
from darkroom.providers.goapi.task_params import ParamModels, TaskParams, check_task
from tests.fakes.run_adapter import NamedFiles, job_request_of, run

CATALOGUE = read_catalogue()
ENTRIES = {entry.name: entry for entry in CATALOGUE.entries}

# GoAPI's navigation (goapi.ai/docs, "Endpoints"), page by page, as far as its pages are tasks of
# the unified API; "Get Task" and pages of examples are left out.
NAVIGATION = {
    "Flux": (
        *("Qubico/flux1-dev-advanced:redux-variation", "Qubico/flux1-dev-advanced:fill-inpaint"),
        *("Qubico/flux1-dev-advanced:fill-outpaint", "Qubico/flux1-dev-advanced:txt2img-lora"),
        *("Qubico/flux1-dev-advanced:controlnet-lora", "Qubico/flux1-schnell:txt2img"),
        *("Qubico/flux1-dev:img2img", "Qubico/flux1-dev-advanced:kontext"),
    ),
    "Gemini": (
        *("gemini:gemini-2.5-flash-image", "gemini:nano-banana-pro", "gemini:nano-banana-2"),
    ),
    "Veo3": ("veo3:veo3-video", "veo3.1:veo3.1-video"),
    "Sora2": ("sora2:sora2-video", "sora2:sora2-pro-video", "sora2:remove-watermark"),
    "Omni Human": ("omni-human:omni-human-1.5",),
    "Seedance": (
        *("seedance:seedance-2-preview", "seedance:seedance-2", "seedance:remove-watermark"),
    ),
    "Seedream": ("seedream:seedream-5-lite",),
    "Qwen Image": ("Qubico/qwen-image:txt2img", "Qubico/qwen-image:image-edit"),
    "Z-Image": ("Qubico/z-image:txt2img",),
    "AI Hug": ("Qubico/hug-video:image_to_video",),
    "Midjourney": tuple(
        f"midjourney:{kind}"
        for kind in (
            *("imagine", "upscale", "variation", "reroll", "describe"),
            *("seed", "blend", "inpaint", "outpaint", "pan"),
        )
    ),
    "Faceswap": (
        "Qubico/image-toolkit:multi-face-swap",
        "Qubico/image-toolkit:face-swap",
        "Qubico/video-toolkit:face-swap",
    ),
    "Suno": ("suno:music", "suno:lyrics"),
    "Song (Udio)": ("music-u:generate_music", "music-u:generate_lyrics"),
    "TTS": ("Qubico/tts:zero-shot",),
    "DiffRhythm": ("Qubico/diffrhythm:txt2audio-base", "Qubico/diffrhythm:txt2audio-full"),
    "Ace Step": tuple(
        f"Qubico/ace-step:{kind}" for kind in ("txt2audio", "audio2audio", "edit", "extend")
    ),
    "Joycaption": ("Qubico/joycaption:joycaption-beta-one",),
    "Mmaudio": ("Qubico/mmaudio:video2audio",),
    "Dream Machine": ("luma:video_generation",),
    "Kling": (
        *("kling:lip_sync", "kling:video_generation", "kling:effects", "kling:ai_try_on"),
        *("kling:sound", "kling:avatar", "kling:motion_control", "kling-turbo:video_generation"),
    ),
    "Kling Omni": ("kling:omni_video_generation",),
    "Hailuo": ("hailuo:video_generation",),
    "Hunyuan Video": ("Qubico/hunyuan:txt2video", "Qubico/hunyuan:txt2video-lora"),
    "WanX": tuple(
        f"Qubico/wanx:{kind}"
        for kind in (
            *("txt2video-1.3b", "txt2video-14b", "txt2video-14b-lora", "img2video-14b"),
            *("img2video-14b-lora", "img2video-14b-keyframe", "img2video-14b-control-camera"),
            *("wan22-txt2video-14b", "wan22-img2video-14b"),
        )
    ),
    "Wan": ("Wan:wan26-txt2video", "Wan:wan26-img2video"),
    "Skyreels": ("Qubico/skyreels:img2video",),
    "Framepack": ("Qubico/framepack:img2video",),
    "Trellis": (
        *("Qubico/trellis:image-to-3d", "Qubico/trellis:text-to-3d", "Qubico/trellis2:image-to-3d"),
    ),
    "Tools": (
        *("Qubico/image-toolkit:background-remove", "Qubico/image-toolkit:segment"),
        *("Qubico/image-toolkit:upscale", "Qubico/video-toolkit:upscale"),
        "Qubico/video-toolkit:background-remove",
    ),
}

# What an operation makes of its own words before they are a task's.
REWORDED = {"aspect_ratio", "outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom"}


def test_every_page_of_the_navigation_has_its_entries() -> None:
    """Under the vendor's heading."""
    for family, names in NAVIGATION.items():
        assert {name: ENTRIES[name].family for name in names} == dict.fromkeys(names, family)


def test_every_family_is_in_the_navigation() -> None:
    """One model has no page; the vendor's command-line client lists it."""
    assert {entry.family for entry in CATALOGUE.entries} - NAVIGATION.keys() == {"Byte Audio"}


def test_every_task_is_unique() -> None:
    """Model and task type together are its name."""
    assert len(ENTRIES) == len(CATALOGUE.entries) > 110


def test_every_entry_is_consistent() -> None:
    """What it refers to exists, and it says how certain it is and where it is from."""
    for entry in CATALOGUE.entries:
        assert CATALOGUE.shapes[entry.results], entry.name
        assert entry.cites, entry.name
        assert not entry.fields.keys() & entry.files.keys(), entry.name
        assert not entry.files or entry.source in entry.files, entry.name
        for group in entry.any_of:
            assert set(group) <= entry.fields.keys() | entry.files.keys(), entry.name
            assert len(group) > 1, entry.name
        for role, file in entry.files.items():
            assert file.most == 1 or "[]" in file.place(role), (entry.name, role)
            assert set(file.formats) <= BY_EXTENSION.keys(), (entry.name, role)
        assert 0 < entry.typical_s < entry.job_s <= 7200, entry.name


def test_every_entry_becomes_a_params_model() -> None:
    """Required fields are required, valid values pass, and undocumented fields are passed on."""
    for entry in CATALOGUE.entries:
        params = ParamModels([entry]).of(entry)
        required = _required(entry)
        given = {**required, "new_field": [1, {"a": None}]}
        presets = {name: rule.preset for name, rule in entry.fields.items()}
        sent = {name: preset for name, preset in presets.items() if preset is not None}
        assert params.model_validate(given).to_provider() == {**sent, **given}, entry.name
        if required:
            with pytest.raises(ValidationError, match="required"):
                pytest.fail(f"{entry.name}: {params.model_validate({})}")


def test_file_can_be_given_as_a_url() -> None:
    """Among the params, under the vendor's name; one of the two ways, not both."""
    for entry in CATALOGUE.entries:
        plain = {role: file for role, file in entry.files.items() if not file.nested}
        urls = {
            role: ["https://a.test/1"] if file.most > 1 else "https://a.test/1"
            for role, file in plain.items()
        }
        texts = {
            name: _fitting(entry.fields[name])
            for group in entry.any_of
            for name in group
            if name in entry.fields
        }
        params = (
            ParamModels([entry]).of(entry).model_validate({**_required(entry), **texts, **urls})
        )
        nested = frozenset(entry.files.keys() - plain.keys())
        assert check_task(entry, params, nested) is None, entry.name
        for role in plain:
            assert f"`{role}`" in str(check_task(entry, params, frozenset({role}))), entry.name


def test_missing_files_and_groups_are_reported() -> None:
    """The sentence names what to add."""
    upscale = ENTRIES["Qubico/image-toolkit:upscale"]
    assert "`image`" in str(check_task(upscale, _params(upscale), frozenset()))
    assert check_task(upscale, _params(upscale), frozenset({"image"})) is None
    lip_sync = ENTRIES["kling:lip_sync"]
    said = str(check_task(lip_sync, _params(lip_sync), frozenset({"video_url"})))
    assert "`tts_text`" in said
    assert "`local_dubbing_url`" in said


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("kling:omni_video_generation", "resolution", "4K"),
        ("kling:video_generation", "cfg_scale", 1.5),
        ("kling:ai_try_on", "batch_size", 5),
        ("kling:sound", "duration", 7),
        ("Qubico/flux1-dev:img2img", "denoise", "much"),
        ("Qubico/flux1-schnell:txt2img", "batch_size", True),
        ("midjourney:pan", "direction", "north"),
        ("midjourney:imagine", "prompt", ""),
        ("seedance:seedance-2", "prompt", "x" * 4001),
        ("veo3:veo3-video", "duration", 8),
        ("sora2:sora2-video", "duration", "8s"),
        ("Qubico/wanx:txt2video-14b-lora", "lora_settings", "mjv6"),
        ("Qubico/mmaudio:video2audio", "steps", 51),
        ("hailuo:video_generation", "resolution", 720),
        ("gemini:nano-banana-pro", "image_urls", "https://a.test/1"),
    ],
)
def test_documented_bounds_are_checked(name: str, field: str, value: object) -> None:
    """Types, choices, ranges and lengths; the field is named."""
    entry = ENTRIES[name]
    with pytest.raises(ValidationError) as caught:
        ParamModels([entry]).of(entry).model_validate({**_required(entry), field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_new_model_is_one_entry() -> None:
    """As data only it has a route, a request and results."""
    entry = Entry.model_validate_json(
        json.dumps(
            {
                "model": "newcomer",
                "task_type": "dream",
                "family": "Newcomer",
                "fields": {"prompt": {"type": "text", "required": True}},
                "files": {"still": {"kind": "image", "path": "scenes[].still.url", "most": 2}},
                "source": "still",
                "results": "video",
                "sure": {"input": "documented", "results": "documented"},
                "cites": "its page",
                "typical_s": 60,
                "job_s": 600,
            }
        )
    )
    adapter = GoApi(catalogue=CATALOGUE.model_copy(update={"entries": (entry,)}))
    route = next(route for route in adapter.routes if route.operation == "task")
    assert (route.model, route.source, route.job_s) == ("newcomer:dream", "still", 600)

    work = job_request_of(route, {"prompt": "fly"}, {"still": ["a.gif", "b.gif"]})
    _, request = run(adapter.prepare(work, NamedFiles()))
    assert request.json is not None
    assert request.json["input"] == {
        "prompt": "fly",
        "scenes": [
            {"still": {"url": "https://inputs.test/a.gif?seconds=21600"}},
            {"still": {"url": "https://inputs.test/b.gif?seconds=21600"}},
        ],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"unheard_of": 1},
        {"results": 7},
        {"sure": {"input": "documented", "results": "surely"}},
        {"files": {"image": {"kind": "picture"}}},
        {"typical_s": "long"},
    ],
)
def test_mistake_in_the_file_is_reported(change: dict[str, Any]) -> None:
    """The file is validated when it is read."""
    document = json.loads(FILE.read_bytes())
    document["entries"][0] |= change
    with pytest.raises(ValidationError):
        Catalogue.model_validate_json(json.dumps(document))


def test_portable_operation_sends_only_fields_of_its_task() -> None:
    """Under the vendor's names."""
    for route, call in build_calls(CATALOGUE):
        if route.operation == "task" or call.entry is None:
            continue
        names = {
            str(field.serialization_alias or name)
            for name, field in route.params.model_fields.items()
        }
        known = call.entry.fields.keys() | REWORDED
        assert names <= known, route
        assert call.fixed.keys() <= known
        assert {name for names in call.fields.values() for name in names} <= call.entry.files.keys()


def _params(entry: Entry) -> TaskParams:
    return ParamModels([entry]).of(entry).model_validate({})


def _required(entry: Entry) -> dict[str, Any]:
    return {name: _fitting(rule) for name, rule in entry.fields.items() if rule.required}


def _fitting(rule: Field) -> Any:
    """A value that the rule allows."""
    if rule.choices:
        return rule.choices[-1]
    number = rule.least if rule.least is not None else 1
    return {
        "text": "a",
        "integer": int(number),
        "number": float(number),
        "boolean": True,
        "list": [{}],
        "object": {},
        "any": None,
    }[rule.type]


def test_model_of_tasks_with_the_same_fields_is_named_after_the_first() -> None:
    """Whichever is read first: the schema of specs has its name."""
    models, later = ParamModels(CATALOGUE.entries), ParamModels(CATALOGUE.entries)
    names = [models.of(entry).__name__ for entry in CATALOGUE.entries]
    assert names == [later.of(entry).__name__ for entry in reversed(CATALOGUE.entries)][::-1]
    assert len(set(names)) < len(names)
    for entry in CATALOGUE.entries:
        assert models.of(entry) is models.of(entry)
