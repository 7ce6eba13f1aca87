"""Perfect's twelve features really change the pixels that they are about."""

import numpy as np
import pytest

from tests.sandbox.images import as_jpeg, difference, disc, grey_photo, photo, plane_mask
from tests.sandbox.perfect_client import (
    PerfectClient,
    encoded,
    portrait,
)

HAIR = ["hair-style", "wig", "hair-ext", "hair-bang", "hair-vol"]


@pytest.mark.parametrize("feature", HAIR)
def test_hair_is_drawn_at_the_head_and_nowhere_else(perfect: PerfectClient, feature: str) -> None:
    """The head's region changes visibly, the image's lowest part stays, whatever the style."""
    before = portrait()
    src = perfect.upload(feature, before)
    one = perfect.made(feature, src=src, params=perfect.style(feature))
    other = perfect.made(feature, src=src, params=perfect.style(feature, 1))

    assert one.shape == before.shape
    assert difference(one[:110], before[:110]) > 3
    assert difference(one[150:], before[150:]) < 3
    assert difference(one, other) > 1


def test_the_five_hair_features_differ(perfect: PerfectClient) -> None:
    """Each draws something of its own."""
    made = [
        perfect.made(
            feature, src=perfect.upload(feature, portrait()), params=perfect.style(feature)
        )
        for feature in HAIR
    ]

    pairs = [(a, b) for place, a in enumerate(made) for b in made[place + 1 :]]
    assert all(difference(a, b) > 1 for a, b in pairs)


def test_bangs_hang_over_the_forehead(perfect: PerfectClient) -> None:
    """The forehead changes and the chin does not."""
    before = portrait()
    src = perfect.upload("hair-bang", before)
    after = perfect.made("hair-bang", src=src, params=perfect.style("hair-bang"))

    assert difference(after[28:50, 40:80], before[28:50, 40:80]) > 15
    assert difference(after[88:105, 50:70], before[88:105, 50:70]) < 6


def test_aging_is_a_series_with_the_uploaded_photo_in_it(perfect: PerfectClient) -> None:
    """Ages rise, `age_idx` points to the photo itself, and the others are the further the other."""
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
    ref = perfect.upload("mu-trans-rec", encoded(pale, "TIFF"), "image/tiff")
    after = perfect.made("mu-trans-rec", src=src, ref=ref)

    skin_before, skin_after = before[face].mean(axis=0), after[face].mean(axis=0)
    wanted = np.array((236, 150, 160))
    assert np.abs(skin_after - wanted).sum() < 0.7 * np.abs(skin_before - wanted).sum()
    assert difference(after[:20], before[:20]) < 4


@pytest.mark.parametrize("slug", ["obj-rem", "obj-removal"])
def test_an_object_goes_where_the_mask_is_white(perfect: PerfectClient, slug: str) -> None:
    """The disc gives way to the background, under both names of the feature."""
    before, mask = photo(), disc()
    src, mask_id = perfect.upload(slug, before), perfect.upload(slug, mask)
    after = perfect.made(slug, src=src, mask=mask_id)

    inside = mask > 0
    assert after[inside][:, 0].mean() < 100 < before[inside][:, 0].mean()
    assert difference(after[~inside], before[~inside]) < 6


def test_a_black_mask_removes_nothing(perfect: PerfectClient) -> None:
    """Black is what stays."""
    mask = np.zeros_like(plane_mask())
    src, mask_id = perfect.upload("obj-rem", photo()), perfect.upload("obj-rem", mask)

    assert difference(perfect.made("obj-rem", src=src, mask=mask_id), photo()) < 6


def test_colorize_gives_four_coloured_variants(perfect: PerfectClient) -> None:
    """All have colour, light and dark as before, and no two are alike."""
    src = perfect.upload("colorize", grey_photo())
    made = [perfect.image(one["url"]) for one in perfect.results("colorize", src=src)]

    assert len(made) == 4
    for image in made:
        assert np.ptp(image.astype(int), axis=2).mean() > 8
        assert np.abs(image.mean(axis=2) - grey_photo().mean(axis=2)).mean() < 30
    pairs = [(a, b) for place, a in enumerate(made) for b in made[place + 1 :]]
    assert all(difference(a, b) > 1.5 for a, b in pairs)


@pytest.mark.parametrize("output_ext", ["png", "webp"])
def test_the_background_becomes_transparent(perfect: PerfectClient, output_ext: str) -> None:
    """The disc is opaque, the corners are clear."""
    src = perfect.upload("sod", photo())
    after = perfect.made("sod", src=src, output_ext=output_ext)

    assert after.shape == (64, 96, 4)
    assert after[32, 48, 3] == 255
    assert after[2, 2, 3] == after[-3, -3, 3] == 0


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_enhance_scales_exactly(perfect: PerfectClient, scale: int) -> None:
    """Width and height are the scale's multiple, and the image is still the same."""
    src = perfect.upload("enhance", photo())
    after = perfect.made("enhance", src=src, params={"scale": scale})

    assert after.shape == (64 * scale, 96 * scale, 3)
    assert difference(after[::scale, ::scale], photo()) < 20


def test_a_prompt_is_drawn_in_its_style(perfect: PerfectClient) -> None:
    """The image has 1024 pixels a side and depends on words and style, and on nothing else."""
    one = {"prompt": "a red kite", **perfect.style("text-to-image")}
    made = [
        perfect.made("text-to-image", params=params)
        for params in (
            one,
            one,
            one | {"prompt": "a lake"},
            one | perfect.style("text-to-image", 1),
        )
    ]

    assert made[0].shape == (1024, 1024, 3)
    assert (made[0] == made[1]).all()
    assert difference(made[0], made[2]) > 5
    assert difference(made[0], made[3]) > 5


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
def test_the_output_is_in_the_format_asked_for(
    perfect: PerfectClient, feature: str, output_ext: str | None, form: str
) -> None:
    """Where none is asked for it is the first that the feature has."""
    src = perfect.upload(feature, as_jpeg(photo()), "image/jpg")
    params = {"scale": 1} if feature == "enhance" else None
    (one,) = perfect.results(feature, src=src, params=params, output_ext=output_ext)

    assert perfect.form_of(one["url"]) == form


@pytest.mark.parametrize("size", [(5, 4), (40, 700)])
@pytest.mark.parametrize("feature", HAIR)
def test_odd_pictures_get_hair_too(
    perfect: PerfectClient, feature: str, size: tuple[int, int]
) -> None:
    """Tiny and narrow images have a result of their own size."""
    src = perfect.upload(feature, photo(*size))
    after = perfect.made(feature, src=src, params=perfect.style(feature))

    assert after.shape == (size[1], size[0], 3)
