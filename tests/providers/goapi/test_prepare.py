"""GoAPI's adapter by hand: uploads, and the paid request of a spec."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    ProviderRefused,
    SpecRefused,
    Throttled,
    Unclear,
)
from darkroom.domain.media import BY_EXTENSION, Media, extension_of
from darkroom.domain.order import Input
from darkroom.providers.goapi.adapter import GoApi
from darkroom.providers.goapi.uploads import MAX_BYTES
from tests.fakes.run_adapter import NamedFiles, job_request_of, response_of, run
from tests.providers.goapi.builders import ADAPTER, input_of, job_request_on, route_of

UPLOADED = response_of(
    200, {"code": 200, "data": {"url": "https://img.theapi.app/ephemeral/1.jpg"}}
)


class Unreachable(NamedFiles):
    """Files of an input bucket that cannot be reached from outside."""

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """There is none."""
        assert file.key
        assert lifetime_s == 6 * 3600
        return None


class Nameless(NamedFiles):
    """Files of no known format."""

    def media(self, file: Input) -> Media | None:
        """Whatever its name says."""
        assert extension_of(file.key) in BY_EXTENSION
        return None


@pytest.mark.parametrize("key", ["a.jpg", "a.png", "a.webp"])
def test_small_file_is_uploaded(key: str) -> None:
    """As base64, under a neutral name, to the host for uploads."""
    made, request = run(ADAPTER.prepare(job_request_on(key), Unreachable()), UPLOADED)
    assert [(one.method, one.host, one.path) for one in made] == [
        ("POST", "upload", "/api/ephemeral_resource")
    ]
    assert made[0].json == {"file_name": f"image.{extension_of(key)}"}
    assert made[0].encoded[0].input.key == key
    assert input_of(request) == {"image": "https://img.theapi.app/ephemeral/1.jpg"}


@pytest.mark.parametrize(
    ("key", "size"), [("a.jpg", MAX_BYTES + 1), ("a.gif", 10), ("a.heic", 10), ("a.mov", 10)]
)
def test_file_that_cannot_be_uploaded_gets_a_presigned_url(key: str, size: int) -> None:
    """Too large or of another format: nothing is sent, and the URL is valid for six hours."""
    made, request = run(ADAPTER.prepare(job_request_on(key, size), NamedFiles()))
    assert made == []
    assert input_of(request) == {"image": f"https://inputs.test/{key}?seconds=21600"}


def test_file_at_the_limit_is_uploaded() -> None:
    """10,000,000 bytes."""
    made, _ = run(ADAPTER.prepare(job_request_on("a.jpg", MAX_BYTES), Unreachable()), UPLOADED)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"code": 403, "message": "Insufficient plan level"}),
        (200, {"code": 403, "message": "Insufficient plan level"}),
        (400, {"code": 400, "message": "file too large"}),
        (413, {}),
    ],
)
def test_refused_upload_falls_back_to_a_presigned_url(status: int, body: object) -> None:
    """By HTTP's status or by the envelope's code."""
    made, request = run(
        ADAPTER.prepare(job_request_on("a.jpg"), NamedFiles()), response_of(status, body)
    )
    assert len(made) == 1
    assert input_of(request) == {"image": "https://inputs.test/a.jpg?seconds=21600"}


@pytest.mark.parametrize(
    ("key", "size", "responses", "why"),
    [
        ("a.jpg", MAX_BYTES + 1, [], "10,000,001"),
        ("a.gif", 1, [], "PNG, JPEG"),
        ("a.jpg", 1, [(403, {"message": "Insufficient plan level"})], "Insufficient plan level"),
    ],
)
def test_file_without_a_transport_is_refused_with_the_reason(
    key: str, size: int, responses: list[tuple[int, object]], why: str
) -> None:
    """If GoAPI cannot reach the bucket: one sentence and a next step."""
    with pytest.raises(ProviderRefused) as caught:
        run(
            ADAPTER.prepare(job_request_on(key, size), Unreachable()),
            *(response_of(status, body) for status, body in responses),
        )
    assert caught.value.failure.code == "no-transport"
    assert key in caught.value.failure.sentence
    assert why in caught.value.failure.sentence
    assert caught.value.failure.next_step


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": 401}, AccountBlocked),
        (200, {"code": "401"}, AccountBlocked),
        (429, {}, Throttled),
        (500, {}, Unclear),
        (200, {"code": 200, "data": {}}, Unclear),
        (200, {"code": 200, "data": {"url": "/ephemeral/1.jpg"}}, Unclear),
        (200, [], Unclear),
    ],
)
def test_other_upload_errors_are_raised(
    status: int, body: object, kind: type[DarkroomError]
) -> None:
    """A wrong key is not about transport, and a temporary failure is retried."""
    with pytest.raises(kind) as caught:
        run(ADAPTER.prepare(job_request_on("a.jpg"), NamedFiles()), response_of(status, body))
    assert caught.value.failure.code != "no-transport"


def test_file_of_unknown_format_gets_a_presigned_url() -> None:
    """The vendor may know the format."""
    made, request = run(ADAPTER.prepare(job_request_on("a.jpg"), Nameless()))
    assert made == []
    assert "https://inputs.test/a.jpg" in json.dumps(request.json)


def test_options_are_in_every_paid_request() -> None:
    """The webhook URL has the attempt, whatever its form; the service mode is the option's."""
    adapter = GoApi({"service_mode": "private", "webhook_url": "https://h.test/goapi?a=1"})
    _, request = run(adapter.prepare(job_request_on("a.gif"), NamedFiles()))
    assert request.json is not None
    assert request.json["config"] == {
        "webhook_config": {
            "endpoint": f"https://h.test/goapi?a=1&attempt={'ab' * 16}-2",
            "secret": "",
        },
        "service_mode": "private",
    }


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"service_mode": "byoa"}, "service_mode"),
        ({"webhook_url": "http://h.test"}, "webhook_url"),
        ({"webhook_url": "https://h.test/a#b"}, "webhook_url"),
        ({"webhook": "https://h.test"}, "webhook"),
    ],
)
def test_invalid_option_is_named(options: Mapping[str, Any], named: str) -> None:
    """When the adapter is built, in a sentence."""
    with pytest.raises(ValueError, match=f"The options for goapi .*'{named}'"):
        GoApi(options)


def test_several_images_fill_several_fields_in_order() -> None:
    """Fewer images leave the last fields out."""
    route = route_of("combine", "qwen-image")
    work = job_request_of(route, {"prompt": "x"}, {"image": ["a.gif", "b.gif"]})
    _, request = run(ADAPTER.prepare(work, NamedFiles()))
    assert list(input_of(request)) == ["prompt", "image1", "image2"]


def test_files_of_a_list_join_the_params_of_each_item() -> None:
    """The first file goes to the first item."""
    route = route_of("task", "Qubico/flux1-dev-advanced:controlnet-lora")
    params = {"prompt": "x", "control_net_settings": [{"control_type": "depth"}]}
    work = job_request_of(route, params, {"control_image": ["a.gif", "b.gif"]})
    _, request = run(ADAPTER.prepare(work, NamedFiles()))
    assert input_of(request)["control_net_settings"] == [
        {"control_type": "depth", "control_image": "https://inputs.test/a.gif?seconds=21600"},
        {"control_image": "https://inputs.test/b.gif?seconds=21600"},
    ]
    assert input_of(request)["lora_settings"] == []


@pytest.mark.parametrize("elements", [{}, ["cat"], "cat"])
def test_params_of_another_form_cannot_take_a_file(elements: object) -> None:
    """The spec is refused before anything is paid."""
    route = route_of("task", "kling:video_generation")
    work = job_request_of(route, {"prompt": "x", "elements": elements}, {"elements": ["a.gif"]})
    with pytest.raises(SpecRefused, match="elements"):
        run(ADAPTER.prepare(work, NamedFiles()))


def test_undocumented_params_are_sent_unchanged() -> None:
    """So are URLs."""
    route = route_of("task", "kling:video_generation")
    params = {"image_url": "https://a.test/1.jpg", "future": {"a": [None, 1]}}
    _, request = run(ADAPTER.prepare(job_request_of(route, params, {}), NamedFiles()))
    assert input_of(request) == params


@pytest.mark.parametrize(
    ("operation", "params", "sent"),
    [
        ("generate", {"prompt": "x", "width": 512, "height": 256}, {"width": 512, "height": 256}),
        ("generate", {"prompt": "x", "aspect_ratio": "1:1"}, {"width": 1024, "height": 1024}),
        ("generate-music", {"prompt": "waltz"}, {"style_prompt": "waltz", "lyrics": "[inst]"}),
        ("generate-video", {"prompt": "x", "cfg_scale": 0.5}, {"cfg_scale": 0.5}),
        ("lip-sync", {"text": "hello"}, {"tts_text": "hello"}),
    ],
)
def test_portable_params_become_the_vendors(
    operation: str, params: Mapping[str, Any], sent: Mapping[str, Any]
) -> None:
    """Params that the spec leaves out are not sent."""
    route = route_of(operation)
    _, request = run(ADAPTER.prepare(job_request_of(route, params, {}), NamedFiles()))
    assert sent.items() <= input_of(request).items()
    assert None not in input_of(request).values()


@pytest.mark.parametrize(
    ("lyrics", "kind"), [({}, "generate"), ({"lyrics": "la la"}, "user")], ids=["none", "own"]
)
def test_udio_gets_the_type_of_lyrics(lyrics: Mapping[str, Any], kind: str) -> None:
    """Lyrics in the spec are the user's."""
    route = route_of("generate-music", "udio")
    work = job_request_of(route, {"prompt": "waltz", **lyrics}, {})
    _, request = run(ADAPTER.prepare(work, NamedFiles()))
    assert input_of(request) == {"gpt_description_prompt": "waltz", "lyrics_type": kind, **lyrics}


@pytest.mark.parametrize(
    ("params", "roles", "fits"),
    [
        ({"text": "a"}, {"video"}, True),
        ({}, {"video", "audio"}, True),
        ({}, {"video"}, False),
        ({"text": "a"}, {"video", "audio"}, False),
    ],
)
def test_lip_sync_takes_text_or_audio(
    params: Mapping[str, Any], roles: set[str], *, fits: bool
) -> None:
    """Exactly one of the two."""
    route = route_of("lip-sync")
    assert (route.check(route.params.model_validate(params), frozenset(roles)) is None) == fits


@pytest.mark.parametrize(
    ("roles", "fits"),
    [
        ({"garment"}, True),
        ({"upper_garment"}, True),
        ({"upper_garment", "lower_garment"}, True),
        (set(), False),
        ({"garment", "lower_garment"}, False),
    ],
)
def test_try_on_takes_a_dress_or_parts(roles: set[str], *, fits: bool) -> None:
    """A dress, or the parts of an outfit."""
    route = route_of("try-on")
    assert (route.check(route.params(), frozenset({"image", *roles})) is None) == fits
