"""GoAPI's adapter by hand: files on their way, and the paid request that a spec becomes."""

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
from tests.fakes.run_adapter import NamedFiles, answer_of, run, work_of
from tests.providers.goapi_bits import ADAPTER, input_of, route_of, work_on

UPLOADED = answer_of(200, {"code": 200, "data": {"url": "https://img.theapi.app/ephemeral/1.jpg"}})


class Unreachable(NamedFiles):
    """Files of an input bucket that nobody outside can read."""

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
def test_a_small_file_is_uploaded(key: str) -> None:
    """As base64, under a name that tells nothing, to the host for uploads."""
    made, request = run(ADAPTER.prepare(work_on(key), Unreachable()), UPLOADED)
    assert [(one.method, one.host, one.path) for one in made] == [
        ("POST", "upload", "/api/ephemeral_resource")
    ]
    assert made[0].json == {"file_name": f"image.{extension_of(key)}"}
    assert made[0].encoded[0].input.key == key
    assert input_of(request) == {"image": "https://img.theapi.app/ephemeral/1.jpg"}


@pytest.mark.parametrize(
    ("key", "size"), [("a.jpg", MAX_BYTES + 1), ("a.gif", 10), ("a.heic", 10), ("a.mov", 10)]
)
def test_what_cannot_be_uploaded_goes_by_a_signed_address(key: str, size: int) -> None:
    """Too large or of another format: nothing is sent, and the address is good for six hours."""
    made, request = run(ADAPTER.prepare(work_on(key, size), NamedFiles()))
    assert made == []
    assert input_of(request) == {"image": f"https://inputs.test/{key}?seconds=21600"}


def test_a_file_at_the_limit_is_uploaded() -> None:
    """Ten million bytes are not too many."""
    made, _ = run(ADAPTER.prepare(work_on("a.jpg", MAX_BYTES), Unreachable()), UPLOADED)
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
def test_an_upload_that_is_refused_leaves_the_signed_address(status: int, body: object) -> None:
    """By HTTP's status or by the envelope's code."""
    made, request = run(ADAPTER.prepare(work_on("a.jpg"), NamedFiles()), answer_of(status, body))
    assert len(made) == 1
    assert input_of(request) == {"image": "https://inputs.test/a.jpg?seconds=21600"}


@pytest.mark.parametrize(
    ("key", "size", "answers", "why"),
    [
        ("a.jpg", MAX_BYTES + 1, [], "10,000,001"),
        ("a.gif", 1, [], "PNG, JPEG"),
        ("a.jpg", 1, [(403, {"message": "Insufficient plan level"})], "Insufficient plan level"),
    ],
)
def test_a_file_that_cannot_get_there_is_refused_with_the_reason(
    key: str, size: int, answers: list[tuple[int, object]], why: str
) -> None:
    """Where the bucket is out of GoAPI's reach: one sentence, and what to do."""
    with pytest.raises(ProviderRefused) as caught:
        run(
            ADAPTER.prepare(work_on(key, size), Unreachable()),
            *(answer_of(status, body) for status, body in answers),
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
def test_an_upload_that_goes_wrong_otherwise_is_told(
    status: int, body: object, kind: type[DarkroomError]
) -> None:
    """A wrong key is no matter of transport, and what may pass is tried again."""
    with pytest.raises(kind) as caught:
        run(ADAPTER.prepare(work_on("a.jpg"), NamedFiles()), answer_of(status, body))
    assert caught.value.failure.code != "no-transport"


def test_a_file_of_unknown_format_goes_by_its_address() -> None:
    """The vendor may know what it is."""
    made, request = run(ADAPTER.prepare(work_on("a.jpg"), Nameless()))
    assert made == []
    assert "https://inputs.test/a.jpg" in json.dumps(request.json)


def test_options_are_in_every_paid_request() -> None:
    """The webhook carries the attempt, whatever its address looks like; the mode is as told."""
    adapter = GoApi({"service_mode": "private", "webhook_url": "https://h.test/goapi?a=1"})
    _, request = run(adapter.prepare(work_on("a.gif"), NamedFiles()))
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
def test_a_wrong_option_is_named(options: Mapping[str, Any], named: str) -> None:
    """When the environment is built, in a sentence."""
    with pytest.raises(ValueError, match=f"The options for goapi .*'{named}'"):
        GoApi(options)


def test_several_pictures_fill_several_fields_in_their_order() -> None:
    """Fewer than there are fields leave the last ones out."""
    route = route_of("combine", "qwen-image")
    work = work_of(route, {"prompt": "x"}, {"image": ["a.gif", "b.gif"]})
    _, request = run(ADAPTER.prepare(work, NamedFiles()))
    assert list(input_of(request)) == ["prompt", "image1", "image2"]


def test_files_of_a_list_join_what_the_spec_says_of_each() -> None:
    """The first file goes to the first item."""
    route = route_of("task", "Qubico/flux1-dev-advanced:controlnet-lora")
    params = {"prompt": "x", "control_net_settings": [{"control_type": "depth"}]}
    work = work_of(route, params, {"control_image": ["a.gif", "b.gif"]})
    _, request = run(ADAPTER.prepare(work, NamedFiles()))
    assert input_of(request)["control_net_settings"] == [
        {"control_type": "depth", "control_image": "https://inputs.test/a.gif?seconds=21600"},
        {"control_image": "https://inputs.test/b.gif?seconds=21600"},
    ]
    assert input_of(request)["lora_settings"] == []


@pytest.mark.parametrize("elements", [{}, ["cat"], "cat"])
def test_a_file_cannot_be_put_into_something_else(elements: object) -> None:
    """Where the spec has a thing of another shape, it is told before anything is paid."""
    route = route_of("task", "kling:video_generation")
    work = work_of(route, {"prompt": "x", "elements": elements}, {"elements": ["a.gif"]})
    with pytest.raises(SpecRefused, match="elements"):
        run(ADAPTER.prepare(work, NamedFiles()))


def test_what_the_spec_says_is_sent_as_it_is() -> None:
    """Fields that no document names, and addresses, pass untouched."""
    route = route_of("task", "kling:video_generation")
    params = {"image_url": "https://a.test/1.jpg", "future": {"a": [None, 1]}}
    _, request = run(ADAPTER.prepare(work_of(route, params, {}), NamedFiles()))
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
def test_portable_words_become_the_vendors(
    operation: str, params: Mapping[str, Any], sent: Mapping[str, Any]
) -> None:
    """And what was not said is not there."""
    route = route_of(operation)
    _, request = run(ADAPTER.prepare(work_of(route, params, {}), NamedFiles()))
    assert sent.items() <= input_of(request).items()
    assert None not in input_of(request).values()


@pytest.mark.parametrize(
    ("lyrics", "kind"), [({}, "generate"), ({"lyrics": "la la"}, "user")], ids=["none", "own"]
)
def test_udio_is_told_who_writes_the_words(lyrics: Mapping[str, Any], kind: str) -> None:
    """Those in the spec are the user's own."""
    route = route_of("generate-music", "udio")
    work = work_of(route, {"prompt": "waltz", **lyrics}, {})
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
def test_lips_move_to_words_or_to_sound(
    params: Mapping[str, Any], roles: set[str], *, fits: bool
) -> None:
    """One of the two."""
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
def test_something_is_tried_on(roles: set[str], *, fits: bool) -> None:
    """A dress, or the parts of an outfit."""
    route = route_of("try-on")
    assert (route.check(route.params(), frozenset({"image", *roles})) is None) == fits
