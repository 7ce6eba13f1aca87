"""Perfect's files, styles and results, through the real driver against its sandbox."""

from typing import Any

import pytest
from PIL import Image

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import InputRefused, ProviderRefused
from darkroom.domain.order import Choice, Order
from darkroom.domain.provider_jobs import JobRequest
from darkroom.pipeline.orders.inputs import pin_versions
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.perfect.adapter import Perfect
from tests.contract.providers.harness import ProviderHarness, Sandbox, build_harness
from tests.contract.providers.perfect.jobs import (
    charges,
    finished,
    job_request_on,
    log,
    submitted,
)
from tests.contract.providers.sample_files import image, mask


def test_aging_returns_every_age_in_order(harness: ProviderHarness) -> None:
    """All images with their ages, and the vendor's figures beside them."""
    route = harness.route("aging")
    before = len(charges(harness))
    end = finished(harness, route, submitted(harness, route))
    assert isinstance(end, Finished)

    ages = end.facts["ages"]
    assert len(ages) == len(end.results) > 2
    assert ages == sorted(ages)
    info = end.facts["custom_info"]
    assert (info["age_min"], info["age_max"]) == (ages[0], ages[-1])
    assert info["num_of_photos"] == len(ages)
    assert 0 <= info["age_idx"] < len(ages)
    assert [entry["credits"] for entry in charges(harness)[before:]] == [2]


def test_ids_above_2_to_the_53_keep_all_digits(harness: ProviderHarness) -> None:
    """The sandbox knows every style by all its digits."""
    route = harness.route("hairstyle")
    groups = harness.driver.styles(route)
    ids = [style.id for group in groups for style in group.styles]
    assert len(ids) > 20
    assert all(number > 2**53 for number in ids)
    assert any(int(float(number)) != number for number in ids)
    for group in groups:
        style = group.styles[-1]
        submitted(harness, route, {"style": style.id})
        assert f'"style_group_id":{group.id},"style_ids":[{style.id}]' in harness.intended[-1]


def test_style_can_be_named_by_its_title(harness: ProviderHarness) -> None:
    """Regardless of case; the same style as by its id."""
    route = harness.route("hairstyle")
    style = harness.driver.styles(route)[0].styles[-1]
    for said in (style.title.upper(), str(style.id)):
        submitted(harness, route, {"style": said})
        assert f'"style_ids":[{style.id}]' in harness.intended[-1]


def test_title_in_two_groups_needs_its_group(harness: ProviderHarness) -> None:
    """Refused with both groups; with one of them it is unique."""
    route = harness.route("hair-volume")
    with pytest.raises(ProviderRefused) as caught:
        submitted(harness, route, {"style": "Full Lift"})
    assert "'Sides'" in caught.value.failure.sentence
    assert "'Roots'" in caught.value.failure.sentence
    assert submitted(harness, route, {"style": "Full Lift", "style_group": "sides"})


def test_unknown_style_is_refused_before_any_upload(
    harness: ProviderHarness,
) -> None:
    """With the nearest title, and the command that lists all."""
    before = len(log(harness))
    with pytest.raises(ProviderRefused) as caught:
        submitted(harness, harness.route("hairstyle"), {"style": "Long Wavs"})
    assert caught.value.failure.code == "unknown-style"
    assert "Did you mean 'long waves'?" in caught.value.failure.sentence
    assert "darkroom styles perfect hairstyle" in caught.value.failure.next_step
    assert not any("/file/" in str(one["path"]) for one in log(harness)[before:])


def test_unknown_style_ids_are_refused_by_the_vendor(harness: ProviderHarness) -> None:
    """With both ids given nothing is looked up, and the vendor's refusal is understood."""
    known = harness.driver.styles(harness.route("hairstyle"))[0]
    for group, style in ((known.id, 7), (7, known.styles[0].id)):
        with pytest.raises(ProviderRefused) as caught:
            submitted(
                harness, harness.route("hairstyle"), {"style": style, "style_group_id": group}
            )
        assert caught.value.failure.code == "unknown-style"


@pytest.mark.parametrize(
    ("operation", "role", "body", "code", "figures"),
    [
        ("remove-objects", "mask", mask((47, 32)), "sizes-differ", ["47 x 32", "48"]),
        (
            "remove-background",
            "image",
            image(kind="PNG", size=(5000, 8)),
            "picture-too-large",
            ["4096"],
        ),
        (
            "hairstyle",
            "image",
            image(kind="JPEG", size=(8, 1025)),
            "picture-too-large",
            ["1025", "1024"],
        ),
        ("hairstyle", "image", image(kind="PNG"), "wrong-format", ["png", "jpg"]),
        (
            "aging",
            "image",
            image(kind="JPEG", size=(400, 319)),
            "picture-too-small",
            ["319", "320"],
        ),
        ("colorize", "image", image(kind="WEBP"), "wrong-format", ["webp", "jpg, png"]),
        (
            "makeup-transfer",
            "reference",
            image(kind="PNG", size=(1025, 9)),
            "picture-too-large",
            ["1025"],
        ),
    ],
)
def test_file_outside_the_limits_is_refused_before_any_request(
    harness: ProviderHarness, operation: str, role: str, body: bytes, code: str, figures: list[str]
) -> None:
    """With the figures; the sandbox sees nothing."""
    route = harness.route(operation)
    work = job_request_on(harness, route)
    files = {**work.inputs, role: (harness.inputs.put(f"wrong/{role}", body),)}
    before = len(log(harness))
    with pytest.raises(InputRefused) as caught:
        harness.submit(JobRequest(work.task_id, 1, route, work.params, files))
    assert caught.value.failure.code == code
    assert all(figure in caught.value.failure.sentence for figure in figures)
    assert len(log(harness)) == before


def test_file_of_eleven_megabytes_is_refused_when_pinned(harness: ProviderHarness) -> None:
    """The table says less than 10 MB; the sandbox sees nothing."""
    harness.inputs.put("big.png", image() + b"\0" * (11 * 1024 * 1024))
    order = Order(
        "colorize",
        (Choice("perfect", harness.route("colorize").model),),
        keys={"image": ("big.png",)},
    )
    before = len(log(harness))
    with pytest.raises(InputRefused) as caught:
        pin_versions(order, {"big.png": harness.inputs.find("big.png")}, harness.driver.routes())
    assert caught.value.failure.code == "input-too-large"
    assert "10,485,759" in caught.value.failure.sentence
    assert len(log(harness)) == before


@pytest.mark.parametrize(
    ("operation", "params", "media", "size"),
    [
        ("remove-background", {"format": "webp"}, "webp", (48, 32)),
        ("remove-background", {"format": "png"}, "png", (48, 32)),
        ("upscale", {}, "jpg", (96, 64)),
        ("upscale", {"scale": 4, "format": "webp"}, "webp", (192, 128)),
        ("enhance", {"format": "jpg"}, "jpg", (48, 32)),
    ],
)
def test_format_and_scale_follow_the_spec(
    harness: ProviderHarness,
    operation: str,
    params: dict[str, Any],
    media: str,
    size: tuple[int, int],
) -> None:
    """Portable names become the vendor's."""
    route = harness.route(operation)
    end = finished(harness, route, submitted(harness, route, params))
    assert isinstance(end, Finished)
    assert end.results[0].url is not None
    with harness.driver.fetch(end.results[0].url, 10_000_000) as fetched:
        assert fetched.media is not None
        assert fetched.media.extension == media
        assert Image.open(fetched.body).size == size


def test_newer_file_api_and_another_slug_work(
    sandbox: Sandbox, transport: DeadlineTransport
) -> None:
    """Both by the environment's settings."""
    sandbox.clear()
    options = {"file_version": "v1.1", "slugs": {"remove-objects": "obj-removal"}}
    harness = build_harness(sandbox, transport, Perfect(options))
    route = harness.route("remove-objects")
    before = len(log(harness))
    assert isinstance(finished(harness, route, submitted(harness, route)), Finished)
    paths = [one["path"] for one in log(harness)[before:]]
    assert "/s2s/v1.1/file/obj-removal" in paths
    assert "/s2s/v1.0/task/obj-removal" in paths
