"""Perfect's files, styles and results, through the real driver against its sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import InputRefused, ProviderRefused
from darkroom.domain.order import Choice, Order
from darkroom.domain.provider_jobs import JobRequest
from darkroom.pipeline.orders.inputs import pin_versions
from darkroom.providers.engine.transport import DeadlineTransport
from tests.contract.providers.bench import Bench, Sandbox
from tests.contract.providers.perfect_bench import (
    bench_of,
    charges,
    finished,
    log,
    photo,
    served,
    submitted,
    work_on,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, whose clock no other test moves."""
    with served() as sandbox:
        yield sandbox


@pytest.fixture
def bench(sandbox: Sandbox, wire: DeadlineTransport) -> Iterator[Bench]:
    """Perfect on the bench."""
    sandbox.clear()
    yield bench_of(sandbox, wire)
    sandbox.clear()


def test_aging_gives_every_age_in_order(bench: Bench) -> None:
    """All pictures with the ages that they show, and the vendor's figures beside them."""
    route = bench.route("aging")
    before = len(charges(bench))
    end = finished(bench, route, submitted(bench, route))
    assert isinstance(end, Finished)

    ages = end.facts["ages"]
    assert len(ages) == len(end.results) > 2
    assert ages == sorted(ages)
    info = end.facts["custom_info"]
    assert (info["age_min"], info["age_max"]) == (ages[0], ages[-1])
    assert info["num_of_photos"] == len(ages)
    assert 0 <= info["age_idx"] < len(ages)
    assert [entry["credits"] for entry in charges(bench)[before:]] == [2]


def test_ids_above_what_javascript_can_count_stay_whole(bench: Bench) -> None:
    """As listed, so sent: the sandbox knows every style by all its digits."""
    route = bench.route("hairstyle")
    groups = bench.driver.styles(route)
    ids = [style.id for group in groups for style in group.styles]
    assert len(ids) > 20
    assert all(number > 2**53 for number in ids)
    assert any(int(float(number)) != number for number in ids)
    for group in groups:
        style = group.styles[-1]
        submitted(bench, route, {"style": style.id})
        assert f'"style_group_id":{group.id},"style_ids":[{style.id}]' in bench.intended[-1]


def test_a_style_may_be_named_by_its_title(bench: Bench) -> None:
    """In any case of letters; the same style as by its id."""
    route = bench.route("hairstyle")
    style = bench.driver.styles(route)[0].styles[-1]
    for said in (style.title.upper(), str(style.id)):
        submitted(bench, route, {"style": said})
        assert f'"style_ids":[{style.id}]' in bench.intended[-1]


def test_a_title_that_two_groups_have_needs_its_group(bench: Bench) -> None:
    """Refused with both groups; with one of them it is clear."""
    route = bench.route("hair-volume")
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, route, {"style": "Full Lift"})
    assert "'Sides'" in caught.value.failure.sentence
    assert "'Roots'" in caught.value.failure.sentence
    assert submitted(bench, route, {"style": "Full Lift", "style_group": "sides"})


def test_a_style_that_is_not_there_is_refused_before_anything_is_uploaded(bench: Bench) -> None:
    """With the nearest title, and the command that lists them."""
    before = len(log(bench))
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, bench.route("hairstyle"), {"style": "Long Wavs"})
    assert caught.value.failure.code == "unknown-style"
    assert "Did you mean 'long waves'?" in caught.value.failure.sentence
    assert "darkroom styles perfect hairstyle" in caught.value.failure.next_step
    assert not any("/file/" in str(one["path"]) for one in log(bench)[before:])


def test_ids_that_the_vendor_does_not_know_are_its_to_refuse(bench: Bench) -> None:
    """Both ids given: nothing is looked up, and the refusal is understood."""
    known = bench.driver.styles(bench.route("hairstyle"))[0]
    for group, style in ((known.id, 7), (7, known.styles[0].id)):
        with pytest.raises(ProviderRefused) as caught:
            submitted(bench, bench.route("hairstyle"), {"style": style, "style_group_id": group})
        assert caught.value.failure.code == "unknown-style"


@pytest.mark.parametrize(
    ("operation", "role", "body", "code", "figures"),
    [
        ("remove-objects", "mask", photo("PNG", 47, 32, "L"), "sizes-differ", ["47 x 32", "48"]),
        ("remove-background", "image", photo("PNG", 5000, 8), "picture-too-large", ["4096"]),
        ("hairstyle", "image", photo("JPEG", 8, 1025), "picture-too-large", ["1025", "1024"]),
        ("hairstyle", "image", photo("PNG"), "wrong-format", ["png", "jpg"]),
        ("aging", "image", photo("JPEG", 400, 319), "picture-too-small", ["319", "320"]),
        ("colorize", "image", photo("WEBP"), "wrong-format", ["webp", "jpg, png"]),
        ("makeup-transfer", "reference", photo("PNG", 1025, 9), "picture-too-large", ["1025"]),
    ],
)
def test_a_file_outside_the_table_is_refused_before_anything_is_sent(
    bench: Bench, operation: str, role: str, body: bytes, code: str, figures: list[str]
) -> None:
    """With the figures; the sandbox has seen nothing of it."""
    route = bench.route(operation)
    work = work_on(bench, route)
    files = {**work.inputs, role: (bench.inputs.put(f"wrong/{role}", body),)}
    before = len(log(bench))
    with pytest.raises(InputRefused) as caught:
        bench.submit(JobRequest(work.task_id, 1, route, work.params, files))
    assert caught.value.failure.code == code
    assert all(figure in caught.value.failure.sentence for figure in figures)
    assert len(log(bench)) == before


def test_a_file_of_eleven_megabytes_is_refused_when_it_is_pinned(bench: Bench) -> None:
    """The table says less than 10 MB; the sandbox has seen nothing of it."""
    bench.inputs.put("big.png", photo() + b"\0" * (11 * 1024 * 1024))
    order = Order(
        "colorize",
        (Choice("perfect", bench.route("colorize").model),),
        keys={"image": ("big.png",)},
    )
    before = len(log(bench))
    with pytest.raises(InputRefused) as caught:
        pin_versions(order, {"big.png": bench.inputs.find("big.png")}, bench.driver.routes())
    assert caught.value.failure.code == "input-too-large"
    assert "10,485,759" in caught.value.failure.sentence
    assert len(log(bench)) == before


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
def test_format_and_scale_are_what_the_spec_says(
    bench: Bench, operation: str, params: dict[str, Any], media: str, size: tuple[int, int]
) -> None:
    """Portable names, told in the vendor's words."""
    route = bench.route(operation)
    end = finished(bench, route, submitted(bench, route, params))
    assert isinstance(end, Finished)
    assert end.results[0].url is not None
    with bench.driver.fetch(end.results[0].url, 10_000_000) as fetched:
        assert fetched.media is not None
        assert fetched.media.extension == media
        assert Image.open(fetched.body).size == size


def test_the_newer_file_api_and_another_slug_work_as_well(
    sandbox: Sandbox, wire: DeadlineTransport
) -> None:
    """What settings may change, changed."""
    sandbox.clear()
    options = {"file_version": "v1.1", "slugs": {"remove-objects": "obj-removal"}}
    bench = bench_of(sandbox, wire, options)
    route = bench.route("remove-objects")
    before = len(log(bench))
    assert isinstance(finished(bench, route, submitted(bench, route)), Finished)
    paths = [one["path"] for one in log(bench)[before:]]
    assert "/s2s/v1.1/file/obj-removal" in paths
    assert "/s2s/v1.0/task/obj-removal" in paths
