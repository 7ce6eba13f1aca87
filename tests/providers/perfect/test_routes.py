"""What Perfect declares: every feature of its document, limits, and what settings change."""

from typing import Any

import pytest
from pydantic import ValidationError

from darkroom.domain.media import JPEG, MOV, MP4, PNG
from darkroom.domain.routes import Sides
from darkroom.domain.validation_messages import explain
from darkroom.providers.perfect.adapter import Perfect
from darkroom.providers.perfect.routes import FEATURES
from tests.fakes.run_adapter import NamedFiles, job_request_of, run
from tests.providers.perfect.builders import job_request_for, registered, result_response, route_of

TWO = {JPEG, PNG}
UP_TO_4096 = Sides(max_longer=4096)
UP_TO_1024 = Sides(max_longer=1024)

# The vendor's "Supported Formats & Dimensions", row by row; the last two rows are not in it. Its
# HEIC is left out: the content types that an upload may name ("Create a new file") lack it.
TABLE = {
    "enhance": (TWO, UP_TO_4096),
    "upscale": (TWO, UP_TO_4096),
    "enhance-video": ({MP4, MOV}, Sides(max_longer=1920)),
    "remove-objects": (TWO, UP_TO_4096),
    "remove-background": (TWO, UP_TO_4096),
    "change-background": (TWO, UP_TO_4096),
    "blur-background": (TWO, UP_TO_4096),
    "colorize": (TWO, UP_TO_4096),
    "relight": (TWO, Sides(max_longer=4096, min_shorter=256)),
    "correct-color": (TWO, UP_TO_4096),
    "replace-objects": (TWO, Sides(max_longer=2048, max_shorter=1024)),
    "hairstyle": ({JPEG}, UP_TO_1024),
    "hair-extension": (TWO, UP_TO_1024),
    "hair-bangs": (TWO, UP_TO_1024),
    "hair-volume": (TWO, UP_TO_1024),
    "makeup-transfer": (TWO, UP_TO_1024),
    "face-swap": (TWO, UP_TO_4096),
    "wig": (TWO, UP_TO_1024),
    "aging": ({JPEG}, Sides(max_longer=4096, min_shorter=320)),
}
UNDESCRIBED = {
    *("enhance-video", "change-background", "blur-background", "relight"),
    *("correct-color", "replace-objects", "face-swap"),
}
STYLE = {"style": 22205685004925400, "style_group_id": 18213963761051864}


def test_every_documented_feature_has_a_route() -> None:
    """Twelve described ones, one of them as two operations, and seven that are only named."""
    operations = {feature.operation for feature in FEATURES}
    assert len(FEATURES) == len(operations) == 20
    assert operations == TABLE.keys() | {"generate"}
    assert {feature.operation for feature in FEATURES if not feature.described} == UNDESCRIBED


@pytest.mark.parametrize("operation", TABLE)
def test_roles_are_as_in_the_documented_table(operation: str) -> None:
    """Formats, sides and bytes; "< 10MB" is one byte less."""
    role = next(iter(route_of(operation).roles.values()))
    formats, sides = TABLE[operation]
    assert role.formats == formats
    assert role.sides == sides
    assert role.max_bytes == (100 if operation == "enhance-video" else 10) * 1024 * 1024 - 1


def test_format_without_an_upload_type_is_not_accepted() -> None:
    """The document lists the content types of an upload; the sandbox refuses every other."""
    named = {"image/jpg", "image/jpeg", "image/png"}
    for route in Perfect().routes:
        for role in route.roles.values():
            kinds = {media.content_type for media in role.formats if media.kind == "image"}
            assert kinds <= named


def test_mask_must_have_the_size_of_its_image() -> None:
    """Both features with a mask require it."""
    for operation in ("remove-objects", "replace-objects"):
        assert route_of(operation).roles["mask"].same_size_as == "image"


def test_every_route_has_a_key_and_is_polled_within_ten_seconds() -> None:
    """Not charged on failure; first polled after half the usual duration."""
    for route in Perfect().routes:
        assert (route.idempotency, route.charged_on_failure) == ("key", "no")
        assert route.asynchronous
        assert route.max_poll_gap_s == 10
        assert route.typical_s <= 8


def test_only_one_slug_is_documented() -> None:
    """The table says where every other one is from."""
    assert [f.slug for f in FEATURES if f.slug_source == "documented"] == ["hair-style"]
    assert [f.slug for f in FEATURES if f.slug_source == "guessed"] == ["obj-rem"]


def test_undocumented_feature_is_refused_without_a_setting() -> None:
    """The sentence says why, and what to do."""
    for route in Perfect().routes:
        assert (route.refusal is not None) == (route.operation in UNDESCRIBED)
    said = route_of("relight").refusal
    assert said is not None
    assert "known, but Perfect's v1 documents do not describe how to call it" in said
    assert "'lighting'" in said
    named = Perfect({"slugs": {"relight": "lighting"}})
    assert route_of("relight", named).refusal is None
    assert route_of("face-swap", named).refusal is not None


@pytest.mark.parametrize(
    ("operation", "params", "action", "sets"),
    [
        ("enhance-video", {"dst_duration": 5}, {"dst_duration": 5}, ["src_ids"]),
        ("change-background", {"prompt": "a beach"}, {"prompt": "a beach"}, ["src_ids"]),
        ("blur-background", {}, None, ["src_ids"]),
        ("blur-background", {"intensity": 0}, {"intensity": 0}, ["src_ids"]),
        ("replace-objects", {"prompt": "a vase"}, {"prompt": "a vase"}, ["src_ids", "mask_ids"]),
        (
            "face-swap",
            {"face_mapping": [{"index": 0, "position": -1}]},
            {"face_mapping": [{"index": 0, "position": -1}]},
            ["src_ids", "ref_ids"],
        ),
    ],
)
def test_undocumented_feature_with_a_setting_is_called(
    operation: str, params: dict[str, Any], action: dict[str, Any] | None, sets: list[str]
) -> None:
    """One action, files by id, and the later API's parameters from the spec."""
    adapter = Perfect({"slugs": {operation: "their/slug"}})
    work = job_request_for(operation, params, adapter)
    if operation == "enhance-video":
        work = work_for_video(adapter, params)
    responses = [registered(), result_response()] * len(sets)
    _, request = run(adapter.prepare(work, NamedFiles()), *responses)
    assert request.path == "/s2s/v1.0/task/their/slug"
    assert request.json is not None
    payload = request.json["payload"]
    assert payload["file_sets"] == {name: ["F1"] for name in sets}
    assert payload["actions"] == [{"id": 0, "params": action} if action else {"id": 0}]


def work_for_video(adapter: Perfect, params: dict[str, Any]) -> Any:
    """A job request with a video as its source."""
    return job_request_of(route_of("enhance-video", adapter), params, {"video": ["clip.mp4"]})


def test_video_is_the_source_of_its_operation() -> None:
    """`clip.mp4.json` implies the role `video`, and the result is a video."""
    adapter = Perfect({"slugs": {"enhance-video": "video-sr"}})
    route = route_of("enhance-video", adapter)
    assert route.source == "video"
    done = result_response(
        status="success", results=[{"id": 0, "data": [{"url": "https://s3.test/a.mp4"}]}]
    )
    _, out = run(adapter.poll(route, "T"), done)
    assert [result.kind for result in getattr(out, "results", ())] == ["video"]


def test_corrected_slug_is_used_and_older_tasks_find_their_route() -> None:
    """The table's slug stays as another name of the model."""
    adapter = Perfect({"slugs": {"remove-objects": "obj-removal"}})
    route = route_of("remove-objects", adapter)
    assert route.models == ("obj-removal", "obj-rem")
    made, _ = run(adapter.poll(route, "T"), result_response(status="running"))
    assert made[0].path == "/s2s/v1.0/task/obj-removal?task_id=T"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slug": {}}, ["'slug'", "Did you mean 'slugs'?"]),
        ({"slugs": {"relit": "lighting"}}, ["'relit'", "Did you mean 'relight'?"]),
        ({"slugs": {"relight": "../auth"}}, ["slugs.relight", "../auth"]),
        ({"slugs": {"relight": ""}}, ["slugs.relight"]),
        ({"slugs": "lighting"}, ["slugs"]),
        ({"file_version": "v2.0"}, ["file_version", "v2.0", "v1.1"]),
    ],
)
def test_invalid_setting_is_named(options: dict[str, Any], words: list[str]) -> None:
    """When the adapter is built."""
    with pytest.raises(ValueError, match="perfect") as caught:
        Perfect(options)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("hairstyle", {}),
        ("hairstyle", {"style": ""}),
        ("hairstyle", {"style": True}),
        ("hairstyle", {"style": 1.5}),
        ("hairstyle", {"style": -1}),
        ("hairstyle", {"style": "x" * 201}),
        ("hairstyle", {**STYLE, "style_group_id": -1}),
        ("hairstyle", {**STYLE, "style_group_id": True}),
        ("hairstyle", {**STYLE, "style_group_id": "Female"}),
        ("hairstyle", {**STYLE, "format": "png"}),
        ("generate", {**STYLE}),
        ("generate", {"prompt": "a kite"}),
        ("generate", {**STYLE, "prompt": ""}),
        ("upscale", {"scale": 3}),
        ("upscale", {"scale": True}),
        ("upscale", {"scale": "2"}),
        ("remove-background", {"format": "jpg"}),
        ("colorize", {"format": "png"}),
        ("aging", {"scale": 2}),
        ("blur-background", {"intensity": 101}),
        ("face-swap", {"face_mapping": [{"index": -2, "position": 0}]}),
    ],
)
def test_invalid_params_are_refused_before_any_request(
    operation: str, params: dict[str, Any]
) -> None:
    """Required params, choices and types as documented."""
    with pytest.raises(ValidationError):
        route_of(operation).params.model_validate(params)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"style": 1.5}, "has 1.5 for 'style': a style's id or its title is expected."),
        (
            {"style": "Bob", "style_group_id": "Female"},
            "has \"Female\" for 'style_group_id': an id, a whole number, is expected.",
        ),
    ],
)
def test_invalid_style_is_reported_in_plain_words(params: dict[str, Any], said: str) -> None:
    """Not in those of the validation library."""
    with pytest.raises(ValidationError) as caught:
        route_of("hairstyle").params.model_validate(params)
    sentence, _ = explain(caught.value, "The spec", ())
    assert sentence == f"The spec {said}"


def test_style_group_is_named_in_one_way_only() -> None:
    """Two ways might contradict each other."""
    route = route_of("hairstyle")
    once = route.params.model_validate(STYLE)
    twice = route.params.model_validate({**STYLE, "style_group": "Female"})
    assert route.check(once, frozenset({"image"})) is None
    assert "not by both" in str(route.check(twice, frozenset({"image"})))


@pytest.mark.parametrize(
    ("operation", "params", "units"),
    [
        ("hairstyle", STYLE, 1),
        ("hair-volume", STYLE, 2),
        ("wig", STYLE, None),
        ("aging", {}, 2),
        ("remove-background", {}, 1),
        ("upscale", {"scale": 4}, 2),
        ("generate", {**STYLE, "prompt": "x"}, 2),
        ("enhance-video", {"dst_duration": 5}, 3),
        ("enhance-video", {}, None),
        ("change-background", {}, 4),
    ],
)
def test_price_is_from_the_later_price_list(
    operation: str, params: dict[str, Any], units: float | None
) -> None:
    """The document has none; a feature that the later list lacks has no price."""
    route = route_of(operation)
    assert route.credits(route.params.model_validate(params)) == units
