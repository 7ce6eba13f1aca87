"""Perfect's twelve features really change the pixels that they should."""

import numpy as np
import pytest

from tests.sandbox.images import (
    as_jpeg,
    difference,
    disc,
    encode_as,
    grey_photo,
    photo,
    plane_mask,
    portrait,
)
from tests.sandbox.perfect.client import PerfectClient

HAIR = ["hair-style", "wig", "hair-ext", "hair-bang", "hair-vol"]


@pytest.mark.parametrize("feature", HAIR)
def test_hair_is_drawn_only_at_the_head(perfect: PerfectClient, feature: str) -> None:
    """The head's region changes visibly, the lowest part of the image stays, for any style."""
    before = portrait()
    src = perfect.upload(feature, before)
    one = perfect.result_image(feature, src=src, params=perfect.style(feature))
    other = perfect.result_image(feature, src=src, params=perfect.style(feature, 1))

    assert one.shape == before.shape
    assert difference(one[:110], before[:110]) > 3
    assert difference(one[150:], before[150:]) < 3
    assert difference(one, other) > 1


def test_five_hair_features_differ(perfect: PerfectClient) -> None:
    """Each draws something of its own."""
    result_image = [
        perfect.result_image(
            feature, src=perfect.upload(feature, portrait()), params=perfect.style(feature)
        )
        for feature in HAIR
    ]

    pairs = [(a, b) for place, a in enumerate(result_image) for b in result_image[place + 1 :]]
    assert all(difference(a, b) > 1 for a, b in pairs)


def test_bangs_cover_the_forehead(perfect: PerfectClient) -> None:
    """The forehead changes and the chin does not."""
    before = portrait()
    src = perfect.upload("hair-bang", before)
    after = perfect.result_image("hair-bang", src=src, params=perfect.style("hair-bang"))

    assert difference(after[28:50, 40:80], before[28:50, 40:80]) > 15
    assert difference(after[88:105, 50:70], before[88:105, 50:70]) < 6


def test_aging_is_a_series_that_includes_the_photo(perfect: PerfectClient) -> None:
    """Ages rise, `age_idx` is the photo itself, and distant ages differ more."""
    before = portrait()
    ended = perfect.finished("aging", perfect.run("aging", src=perfect.upload("aging", before)))
    (result,) = ended["results"]
    ages = [one["res_age"] for one in result["data"]]
    about = result["custom_info"]
    images = [perfect.image(one["url"]) for one in result["data"]]
    apart = [difference(image, before) for image in images]

    assert ages == sorted(set(ages))
    assert (about["age_min"], about["age_max"]) == (ages[0], ages[-1])
    assert about["num_of_photos"] == len(ages) == len(set(ages)) > 3
    assert isinstance(about["age"], int)
    assert apart[about["age_idx"]] == min(apart) < 3
    older = apart[about["age_idx"] :]
    assert older == sorted(older)
    assert older[-1] > 6


def test_makeup_takes_the_colours_of_the_reference(perfect: PerfectClient) -> None:
    """The skin moves towards the reference's skin, the wall stays as it is."""
    before = portrait()
    pale = before.copy()
    face = (before == (214, 160, 132)).all(axis=2)
    pale[face] = (236, 150, 160)
    src = perfect.upload("mu-trans-rec", before)
    ref = perfect.upload("mu-trans-rec", encode_as(pale, "TIFF"), "image/tiff")
    after = perfect.result_image("mu-trans-rec", src=src, ref=ref)

    skin_before, skin_after = before[face].mean(axis=0), after[face].mean(axis=0)
    wanted = np.array((236, 150, 160))
    assert np.abs(skin_after - wanted).sum() < 0.7 * np.abs(skin_before - wanted).sum()
    assert difference(after[:20], before[:20]) < 4


@pytest.mark.parametrize("slug", ["obj-rem", "obj-removal"])
def test_object_is_removed_where_the_mask_is_white(perfect: PerfectClient, slug: str) -> None:
    """Background replaces the disc, under both slugs of the feature."""
    before, mask = photo(), disc()
    src, mask_id = perfect.upload(slug, before), perfect.upload(slug, mask)
    after = perfect.result_image(slug, src=src, mask=mask_id)

    inside = mask > 0
    assert after[inside][:, 0].mean() < 100 < before[inside][:, 0].mean()
    assert difference(after[~inside], before[~inside]) < 6


def test_black_mask_removes_nothing(perfect: PerfectClient) -> None:
    """Black regions stay."""
    mask = np.zeros_like(plane_mask())
    src, mask_id = perfect.upload("obj-rem", photo()), perfect.upload("obj-rem", mask)

    assert difference(perfect.result_image("obj-rem", src=src, mask=mask_id), photo()) < 6


def test_colorize_returns_four_variants(perfect: PerfectClient) -> None:
    """All have colour and the same light and dark, and no two are equal."""
    src = perfect.upload("colorize", grey_photo())
    result_image = [perfect.image(one["url"]) for one in perfect.results("colorize", src=src)]

    assert len(result_image) == 4
    for image in result_image:
        assert np.ptp(image.astype(int), axis=2).mean() > 8
        assert np.abs(image.mean(axis=2) - grey_photo().mean(axis=2)).mean() < 30
    pairs = [(a, b) for place, a in enumerate(result_image) for b in result_image[place + 1 :]]
    assert all(difference(a, b) > 1.5 for a, b in pairs)


@pytest.mark.parametrize("output_ext", ["png", "webp"])
def test_background_becomes_transparent(perfect: PerfectClient, output_ext: str) -> None:
    """The disc is opaque, the corners are transparent."""
    src = perfect.upload("sod", photo())
    after = perfect.result_image("sod", src=src, output_ext=output_ext)

    assert after.shape == (64, 96, 4)
    assert after[32, 48, 3] == 255
    assert after[2, 2, 3] == after[-3, -3, 3] == 0


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_enhance_scales_exactly(perfect: PerfectClient, scale: int) -> None:
    """Width and height are multiplied by the scale, and the image is still the same."""
    src = perfect.upload("enhance", photo())
    after = perfect.result_image("enhance", src=src, params={"scale": scale})

    assert after.shape == (64 * scale, 96 * scale, 3)
    assert difference(after[::scale, ::scale], photo()) < 20


def test_enhance_keeps_transparency_as_webp(perfect: PerfectClient) -> None:
    """JPEG, its default, has none."""
    src = perfect.upload("enhance", np.dstack([photo(), disc()]))
    kept = perfect.result_image("enhance", src=src, params={"scale": 2}, output_ext="webp")
    assert kept.shape[2] == 4
    assert kept[0, 0, 3] == 0


def test_generated_image_depends_on_prompt_and_style(perfect: PerfectClient) -> None:
    """It has 1024 pixels a side and depends on nothing else."""
    one = {"prompt": "a red kite", **perfect.style("text-to-image")}
    result_image = [
        perfect.result_image("text-to-image", params=params)
        for params in (
            one,
            one,
            one | {"prompt": "a lake"},
            one | perfect.style("text-to-image", 1),
        )
    ]

    assert result_image[0].shape == (1024, 1024, 3)
    assert (result_image[0] == result_image[1]).all()
    assert difference(result_image[0], result_image[2]) > 5
    assert difference(result_image[0], result_image[3]) > 5


@pytest.mark.parametrize(
    ("feature", "output_ext", "form"),
    [
        ("enhance", None, "JPEG"),
        ("enhance", "jpg", "JPEG"),
        ("enhance", "webp", "WEBP"),
        ("sod", None, "PNG"),
        ("sod", "webp", "WEBP"),
    ],
)
def test_output_has_the_requested_format(
    perfect: PerfectClient, feature: str, output_ext: str | None, form: str
) -> None:
    """The default is the first of the feature."""
    src = perfect.upload(feature, as_jpeg(photo()), "image/jpg")
    params = {"scale": 1} if feature == "enhance" else None
    (one,) = perfect.results(feature, src=src, params=params, output_ext=output_ext)

    assert perfect.form_of(one["url"]) == form


@pytest.mark.parametrize("size", [(5, 4), (40, 700)])
@pytest.mark.parametrize("feature", HAIR)
def test_tiny_and_narrow_images_get_hair(
    perfect: PerfectClient, feature: str, size: tuple[int, int]
) -> None:
    """The result has the same size."""
    src = perfect.upload(feature, photo(*size))
    after = perfect.result_image(feature, src=src, params=perfect.style(feature))

    assert after.shape == (size[1], size[0], 3)
