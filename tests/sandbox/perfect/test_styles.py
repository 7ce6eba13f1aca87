"""Perfect's style lists: groups, styles, pages, thumbnails, and ids beyond floating point."""

from typing import Any

import pytest

from tests.sandbox.images import photo, read
from tests.sandbox.perfect.client import API, PerfectClient

STYLED = ["hair-style", "wig", "hair-ext", "hair-bang", "hair-vol", "text-to-image"]


@pytest.mark.parametrize("feature", STYLED)
def test_groups_and_styles_are_listed_as_documented(perfect: PerfectClient, feature: str) -> None:
    """Every group has an id and a title, every style also a thumbnail; ids are unique."""
    groups = perfect.listed(f"style-group/{feature}")
    assert set(groups) == {"next_token", "groups"}
    assert len(groups["groups"]) == 3
    seen: list[int] = []
    for group in groups["groups"]:
        assert set(group) == {"id", "info"}
        assert set(group["info"]) == {"title"}
        for style in _all(perfect, f"style/{feature}", "styles", style_group_id=group["id"]):
            assert set(style["info"]) == {"title", "thumb"}
            seen.append(style["id"])

    assert len(seen) == len(set(seen)) > 25


@pytest.mark.parametrize("feature", STYLED)
def test_ids_exceed_floating_point_precision(perfect: PerfectClient, feature: str) -> None:
    """They are above 2**53 and odd, so that a client that rounds them fails."""
    groups = _all(perfect, f"style-group/{feature}", "groups")
    styles = _all(perfect, f"style/{feature}", "styles", style_group_id=groups[0]["id"])

    for one in groups + styles:
        assert one["id"] > 2**53
        assert int(float(one["id"])) != one["id"]


def test_default_page_size_is_twenty(perfect: PerfectClient) -> None:
    """The largest group has 25 styles: two pages, the last without a token."""
    group = perfect.listed("style-group/hair-style")["groups"][0]["id"]
    first = perfect.listed("style/hair-style", style_group_id=group)
    second = perfect.listed(
        "style/hair-style", style_group_id=group, starting_token=first["next_token"]
    )

    assert [len(page["styles"]) for page in (first, second)] == [20, 5]
    assert isinstance(first["next_token"], str)
    assert second["next_token"] is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_pages_of_any_size_form_the_same_list(perfect: PerfectClient, size: int) -> None:
    """No item is repeated or missing, for groups and styles."""
    group = perfect.listed("style-group/wig")["groups"][0]["id"]
    styles = _all(perfect, "style/wig", "styles", style_group_id=group, page_size=size)
    groups = _all(perfect, "style-group/wig", "groups", page_size=size)

    assert styles == _all(perfect, "style/wig", "styles", style_group_id=group)
    assert len(styles) == 25
    assert groups == _all(perfect, "style-group/wig", "groups")


def test_without_a_group_all_styles_are_listed(perfect: PerfectClient) -> None:
    """The group is not marked as required."""
    groups = _all(perfect, "style-group/wig", "groups")
    each = [
        style
        for group in groups
        for style in _all(perfect, "style/wig", "styles", style_group_id=group["id"])
    ]

    assert _all(perfect, "style/wig", "styles") == each


@pytest.mark.parametrize("token", ["", "null"])
def test_list_can_start_with_null(perfect: PerfectClient, token: str) -> None:
    """The document says to start with null; clients send it in two forms."""
    first = perfect.listed("style-group/wig", starting_token=token)

    assert first == perfect.listed("style-group/wig")


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=21",
        "page_size=x",
        "page_size=-1",
        "starting_token=1",
        "starting_token=x",
        "style_group_id=x",
        "style_group_id=1.5e17",
    ],
)
def test_invalid_query_is_refused(perfect: PerfectClient, query: str) -> None:
    """Page sizes are 1 to 20, tokens are returned ones, groups are integers."""
    response = perfect.http.get(f"{API}/task/style/wig?{query}")

    assert response.status_code == 400
    assert response.json()["error_code"] == "InvalidParameters"


def test_unknown_group_has_its_own_code(perfect: PerfectClient) -> None:
    """Also for a group of another feature."""
    foreign = perfect.listed("style-group/hair-style")["groups"][0]["id"]
    for group in (5, foreign):
        response = perfect.http.get(f"{API}/task/style/wig", params={"style_group_id": group})
        assert response.status_code == 400
        assert response.json()["error_code"] == "InvalidStyleGroup"


@pytest.mark.parametrize("feature", STYLED)
def test_task_with_an_unknown_style_is_refused(perfect: PerfectClient, feature: str) -> None:
    """Group and style are checked before the task is accepted."""
    good = perfect.style(feature)
    other_group = perfect.listed(f"style-group/{feature}")["groups"][1]["id"]
    prompt = {"prompt": "a kite"} if feature == "text-to-image" else {}
    src = perfect.upload(feature, photo()) if not prompt else None
    cases = [
        ({**good, "style_group_id": 5}, "InvalidStyleGroup"),
        ({**good, "style_ids": [5]}, "InvalidStyle"),
        ({**good, "style_group_id": other_group}, "InvalidStyle"),
        ({**good, "style_ids": [good["style_ids"][0] - 1]}, "InvalidStyle"),
    ]

    for params, code in cases:
        response = perfect.run(feature, src=src, params={**params, **prompt})
        assert response.status_code == 400
        assert response.json()["error_code"] == code


@pytest.mark.parametrize("feature", ["aging", "mu-trans-rec", "obj-rem", "colorize", "sod"])
def test_other_features_have_no_styles(perfect: PerfectClient, feature: str) -> None:
    """Their paths do not exist."""
    assert perfect.http.get(f"{API}/task/style-group/{feature}").status_code == 404
    assert perfect.http.get(f"{API}/task/style/{feature}").status_code == 404


def test_thumbnail_needs_no_token(perfect: PerfectClient) -> None:
    """It is a JPEG; an unknown one is not found."""
    styles = perfect.listed("style/wig")["styles"]
    thumbs = [read(perfect.keyless.get(style["info"]["thumb"]).content) for style in styles[:2]]

    assert thumbs[0].shape == (96, 96, 3)
    assert (thumbs[0] != thumbs[1]).any()
    assert perfect.keyless.get(f"{perfect.base_url}/thumbs/5.jpg").status_code == 404


def _all(perfect: PerfectClient, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: str | None = None
    for _ in range(100):
        more = {} if token is None else {"starting_token": token}
        page = perfect.listed(path, **query, **more)
        found += page[name]
        token = page["next_token"]
        if token is None:
            return found
    raise AssertionError("the list does not end")
